"""Quotes in a sentence of ours what somebody has typed, without what could be a guest's."""

import re

#: Could be a mail address, or the number of a telephone or of a card.
_PERSONAL = re.compile(r"@|\d(?:[\s().-]{0,3}\d){6}")
_LONGEST = 40


def quoted(typed: object) -> str:
    """Return the beginning of what was typed, in quotes; in its place `'…'` where it could be a guest's data.

    Sentences of ours are shown as they stand, so whatever a caller has typed comes into one by this way alone.
    """
    text = str(typed)
    if _PERSONAL.search(text):
        return "'…'"
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
