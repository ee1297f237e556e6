"""A signature is kept as it was drawn, and what is no signature is refused with nothing charged."""

import hashlib
import zlib

import pytest

from innkeeper.access.roles import Role
from tests.room_charge.pictures import MAGIC, SIGNED, chunk, png, url
from tests.room_charge.world import World

pytestmark = pytest.mark.anyio

_GOOD = png()
FORGED = {
    "not a data url": "iVBORw0KGgo=",
    "another kind of picture": "data:image/jpeg;base64,/9j/4AAQ",
    "script in a picture": "data:image/svg+xml;base64,PHN2Zy8+",
    "no base64": "data:image/png;base64,***",
    "no png": url(b"GIF89a" + b"\x00" * 64),
    "only the magic number": url(MAGIC),
    "cut off": url(_GOOD[:-20]),
    "changed afterwards": url(_GOOD[:60] + bytes([_GOOD[60] ^ 1]) + _GOOD[61:]),
    "something behind it": url(_GOOD + b"<script>"),
    "nobody signed": url(png(drawn=False)),
    "larger than it says": url(png(told=(10, 5))),
    "smaller than it says": url(png(told=(600, 200))),
    "a bomb": url(
        MAGIC
        + chunk(b"IHDR", b"\x00\x00\x00\x0a\x00\x00\x00\x0a\x08\x00\x00\x00\x00")
        + chunk(b"IDAT", zlib.compress(b"\x00" * 5_000_000))
        + chunk(b"IEND", b"")
    ),
    "a wall": url(png(told=(60_000, 60_000))),
}


async def test_signature_is_kept_with_its_hash(world: World) -> None:
    posting = (await world.post(signature=SIGNED)).json()
    assert posting["signature_hash"] == hashlib.sha256(_GOOD).hexdigest()
    answer = await world.call("GET", f"/postings/{posting['id']}/signature", role=Role.FRONT_DESK)
    assert (answer.headers["content-type"], answer.content) == ("image/png", _GOOD)
    other = (await world.post(room="218")).json()
    missing = await world.call("GET", f"/postings/{other['id']}/signature", role=Role.FRONT_DESK)
    assert missing.status_code == 404


@pytest.mark.parametrize("what", FORGED)
async def test_forged_signature_is_refused_and_nothing_is_charged(world: World, what: str) -> None:
    answer = await world.post(signature=FORGED[what])
    assert (answer.status_code, answer.json()["code"]) == (422, "SIGNATURE_INVALID")
    assert await world.charges() == []
    assert world.folio() == {}


async def test_signature_is_needed_above_the_threshold_only(world: World) -> None:
    await world.configure(posting={"require_signature": True, "signature_threshold": "50.00"})
    answer = await world.post()
    assert (answer.status_code, answer.json()["code"]) == (422, "SIGNATURE_REQUIRED")
    assert (await world.post(signature=SIGNED)).status_code == 201
    assert (await world.post(subtotal="40.00", tip="10.00")).status_code == 201
    await world.configure(posting={"require_signature": False, "signature_threshold": "50.00"})
    assert (await world.post()).status_code == 201
