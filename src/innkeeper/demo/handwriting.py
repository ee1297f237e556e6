"""Draws what a guest leaves on a signature pad: a line that nobody can read, as a PNG."""

import base64
import math
import random
import struct
import zlib

_WIDTH, _HEIGHT = 240, 80


def signature(rng: random.Random) -> str:
    """Return a signature as the data URL that a terminal sends."""
    sheet = [bytearray(b"\xff" * _WIDTH) for _ in range(_HEIGHT)]
    waves = [(rng.uniform(4, 14), rng.uniform(0.03, 0.16), rng.uniform(0, 6.3)) for _ in range(3)]
    for step in range((_WIDTH - 40) * 4):
        x = 20 + step / 4
        y = _HEIGHT / 2 + sum(height * math.sin(x * pace + start) for height, pace, start in waves)
        row = min(max(int(y), 1), _HEIGHT - 2)
        for thick in (row, row + 1):
            sheet[thick][int(x)] = 0
    rows = b"".join(b"\x00" + bytes(row) for row in sheet)
    head = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    image = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)
    return "data:image/png;base64," + base64.b64encode(image).decode()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
