"""How the webservice says no: numbered errors, bare crashes, and PHP warnings of a strict server."""

from __future__ import annotations

from collections.abc import Sequence


class WebserviceError(Exception):
    """Answered as an ``errors`` document; ``errors`` are (code, message)."""

    def __init__(self, status: int, code: int, message: str, *more: tuple[int, str]) -> None:
        super().__init__(message)
        self.status = status
        self.errors: Sequence[tuple[int, str]] = ((code, message), *more)


class RefusedBookingError(WebserviceError):
    """Every refusal of a booking is 400 with code 404 [140]."""

    def __init__(self, message: str) -> None:
        super().__init__(400, 404, message)


class PhpCrashError(Exception):
    """An uncaught PHP error: 500 with an empty HTML body, or 200 ``Fatal error`` [157] [162]."""

    def __init__(self, status: int = 500, body: bytes = b"") -> None:
        super().__init__(f"{status} {body.decode()}")
        self.status = status
        self.body = body


class NotFoundError(Exception):
    """404 with an empty body, also in JSON [056] [108]."""


def no_such_row(number: int) -> WebserviceError:
    """A DELETE of what is not there."""
    return WebserviceError(404, 87, f"Id(s) not exists: {number}")


UNAVAILABLE = "Requested room(s) not available."
"""POST ends the sentence with a full stop, PUT does not [167] [243]."""


def closest(word: str, words: Sequence[str]) -> str:
    """The name that the error message proposes: the one with the smallest edit distance, the last of several."""
    return min(reversed(words), key=lambda other: edit_distance(word, other))


def edit_distance(left: str, right: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]
