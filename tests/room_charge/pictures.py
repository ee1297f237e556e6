"""Signature pictures for tests: a real one, and what somebody might send instead."""

import base64
import struct
import zlib

MAGIC = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int = 60, height: int = 20, *, drawn: bool = True, told: tuple[int, int] | None = None) -> bytes:
    """Return a picture in shades of grey; drawn, it has a stroke from corner to corner."""
    rows = bytearray()
    for y in range(height):
        row = bytearray(b"\xff" * width)
        if drawn:
            row[y * width // height] = 0
        rows += b"\x00" + row
    header = struct.pack(">IIBBBBB", *(told or (width, height)), 8, 0, 0, 0, 0)
    return MAGIC + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")


def url(image: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(image).decode()


SIGNED = url(png())
