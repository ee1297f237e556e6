"""Checks a signature picture before it is kept: a whole PNG of a sensible size on which somebody has drawn."""

import base64
import binascii
import struct
import zlib

from innkeeper.domain.errors import FieldError
from innkeeper.room_charge.errors import Refusal

#: Bytes of the picture; a drawn signature has a tenth of it.
LARGEST = 512 * 1024
_WIDEST, _HIGHEST = 4000, 2000
_PREFIX = "data:image/png;base64,"
_MAGIC = b"\x89PNG\r\n\x1a\n"
#: Samples a pixel by colour type (PNG specification, 11.2.2).
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def decode(text: str) -> bytes:
    """Return the PNG of a data URL. Raises Refusal with SIGNATURE_INVALID for anything else."""
    if not text.startswith(_PREFIX):
        raise _invalid("Send it as data:image/png;base64,…")
    if len(text) > len(_PREFIX) + LARGEST * 4 // 3 + 4:
        raise _invalid("The picture is too large.")
    try:
        image = base64.b64decode(text[len(_PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        raise _invalid("The base64 text cannot be read.") from None
    check(image)
    return image


def check(image: bytes) -> None:
    """Raises Refusal with SIGNATURE_INVALID unless it is a whole PNG that shows something."""
    if not image.startswith(_MAGIC):
        raise _invalid("It is no PNG.")
    header, data = b"", b""
    offset, ended = len(_MAGIC), False
    while offset < len(image):
        if ended or offset + 12 > len(image):
            raise _invalid("The picture is cut off, or something is hidden behind it.")
        length, kind = struct.unpack_from(">I4s", image, offset)
        body = image[offset + 8 : offset + 8 + length]
        if len(body) != length or offset + 12 + length > len(image):
            raise _invalid("The picture is cut off.")
        (sum_told,) = struct.unpack_from(">I", image, offset + 8 + length)
        if zlib.crc32(kind + body) != sum_told:
            raise _invalid("The picture was changed after it was drawn.")
        if kind == b"IHDR":
            header = body
        elif kind == b"IDAT":
            data += body
        ended = kind == b"IEND"
        offset += 12 + length
    if not ended or len(header) != 13:
        raise _invalid("The picture is cut off.")
    _check_pixels(header, data)


def _check_pixels(header: bytes, data: bytes) -> None:
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", header)
    if not 0 < width <= _WIDEST or not 0 < height <= _HIGHEST:
        raise _invalid("The picture's size is not that of a signature.")
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace:
        raise _invalid("The picture's form is not one that signature pads write.")
    row_bytes = 1 + (width * _SAMPLES[colour] * depth + 7) // 8
    expected = row_bytes * height
    reader = zlib.decompressobj()
    try:
        pixels = reader.decompress(data, expected + 1)
    except zlib.error:
        raise _invalid("The picture cannot be unpacked.") from None
    if len(pixels) != expected or not reader.eof:
        raise _invalid("The picture has not as many points as it says.")
    # an empty sheet: after the first row, whatever its filter, all rows are alike
    rows = {pixels[start : start + row_bytes] for start in range(row_bytes, expected, row_bytes)}
    if len(rows) <= 1:
        raise _invalid("Nobody has signed on it.")


def _invalid(why: str) -> Refusal:
    return Refusal("SIGNATURE_INVALID", [FieldError("signature", why)])
