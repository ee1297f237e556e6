"""Turns receipts into what thermal printers understand, and brings them to a printer in the hotel's network.

ESC/POS is written here and not by python-escpos: a receipt needs five commands of it, and the library, whose last
release is of 2023, would bring picture and bar code libraries along and a network connection that blocks.
"""

import asyncio
import re
import unicodedata

from innkeeper.domain.errors import Invalid
from innkeeper.domain.outcome import Done, Later, Outcome

#: The port on which network printers take raw data.
RAW_PORT = 9100

#: Seconds that a printer may take to answer the call, and to say that it has taken all.
_CONNECT, _LISTEN = 5.0, 2.0

_ADDRESS = re.compile(r"(?:tcp://)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?/?")

# ESC/POS: reset; code page 858, Latin letters with the euro sign; bold on and off; feed to the knife and cut.
_RESET, _CODE_PAGE = b"\x1b@", b"\x1bt\x13"
_BOLD, _PLAIN = b"\x1bE\x01", b"\x1bE\x00"
_CUT = b"\x1dVB\x00"


def address(text: str) -> tuple[str, int]:
    """Return host and port of `tcp://192.0.2.7:9100`, where scheme and port may be left out. Raises Invalid."""
    found = _ADDRESS.fullmatch(text.strip())
    port = int(found[2] or RAW_PORT) if found else 0
    if found is None or not 0 < port < 65536:
        raise Invalid.field("printer", "A printer's address looks like tcp://192.168.1.50:9100.")
    return found[1].strip("[]"), port


def escpos(receipt: str) -> bytes:
    """Return the lines of a receipt as ESC/POS, the name of the house and the total in bold, cut off at the end."""
    lines = receipt.rstrip("\n").split("\n")
    body = b""
    for n, line in enumerate(lines):
        bold = n == 0 or line.startswith("Total ")
        body += (_BOLD if bold else b"") + _encode(line) + (_PLAIN if bold else b"") + b"\n"
    return _RESET + _CODE_PAGE + body + _CUT


def _encode(line: str) -> bytes:
    """Return the line in the printer's letters; what it does not have loses its accents or becomes a question mark.

    Nothing that a guest is called can be a command to the printer.
    """
    return b"".join(_letter(one) for one in line)


def _letter(letter: str) -> bytes:
    if not letter.isprintable():
        return b" "
    try:
        return letter.encode("cp858")
    except UnicodeEncodeError:
        bare = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore")
        return bare[:1] or b"?"


async def send(printer: str, data: bytes) -> Outcome[None]:
    """Bring the bytes to a printer. Later when it is not to be had; nobody knows then whether a part was printed."""
    host, port = address(printer)
    try:
        async with asyncio.timeout(_CONNECT):
            reader, writer = await asyncio.open_connection(host, port)
    except OSError as error:  # TimeoutError is one
        return Later(f"The printer does not answer: {type(error).__name__}.")
    try:
        async with asyncio.timeout(_CONNECT):
            writer.write(data)
            await writer.drain()
            writer.write_eof()
    except OSError as error:
        writer.close()
        return Later(f"The printer hung up: {type(error).__name__}.")
    try:
        # one that still has something to say would lose what it has not printed yet, were the line closed on it
        async with asyncio.timeout(_LISTEN):
            await reader.read()
    except OSError:
        pass  # it has the data, and many never hang up themselves
    finally:
        writer.close()
    return Done(None)
