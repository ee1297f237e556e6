"""Refuses what no column keeps, wherever it stands in a request: in its address, a form or JSON."""

import math
import re
from collections.abc import Iterator
from typing import Any

from fastapi import Request

from innkeeper.domain.errors import FieldError, Invalid

#: Control characters but tabs and line ends, and halves of characters, which are no text in UTF-8.
_UNKEEPABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
#: How JSON writes those, and numbers that are none; a body without any of it need not be looked through.
_SUSPECT = re.compile(rb"\\(?:u00[01]|u007f|ud[89a-f]|[bf])|NaN|Infinity|\de\+?\d{3}", re.IGNORECASE)
_FORM = "application/x-www-form-urlencoded"
_TEXT = "This holds control characters; type it again without them."
_NUMBER = "This is no number that can be kept."


async def refuse_unkeepable(request: Request) -> None:
    """Let a request pass whose texts and numbers can be kept; a dependency of the whole app. Raises Invalid."""
    texts = [*request.path_params.items(), *request.query_params.multi_items()]
    if request.headers.get("content-type", "").startswith(_FORM):
        texts += (await request.form()).multi_items()
    wrong = [error for name, value in texts for error in _wrong({str(name): value}, "")]
    if hasattr(request, "_json") and _SUSPECT.search(await request.body()):  # the framework keeps what it has read
        wrong += _wrong(await request.json(), "")
    if wrong:
        raise Invalid(wrong[0].message, errors=tuple(dict.fromkeys(wrong)))


def _wrong(value: Any, place: str) -> Iterator[FieldError]:
    """Yield what is wrong in a document and where, as rooms[0].label."""
    if isinstance(value, str):
        if _UNKEEPABLE.search(value):
            yield FieldError(place or "body", _TEXT)
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield FieldError(place or "body", _NUMBER)
    elif isinstance(value, dict):
        for name, inner in value.items():
            plain = _UNKEEPABLE.sub("?", name)
            if plain != name:
                yield FieldError(f"{place}.{plain}" if place else plain, _TEXT)
            yield from _wrong(inner, f"{place}.{plain}" if place else plain)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _wrong(inner, f"{place}[{position}]")
