"""The six states that anything on a screen can be in, each with one word, shape and colour everywhere."""

from enum import StrEnum


class State(StrEnum):
    """How a thing stands; "in doubt" is never shown as failed, since it may well have happened."""

    ON_ITS_WAY = "on-its-way"
    DONE = "done"
    NEEDS_YOU = "needs-you"
    REFUSED = "refused"
    IN_DOUBT = "in-doubt"
    OFF = "off"

    @property
    def word(self) -> str:
        """The state as a person reads it."""
        return self.value.replace("-", " ")


#: What calls for attention first.
URGENCY = {
    State.NEEDS_YOU: 0,
    State.IN_DOUBT: 1,
    State.REFUSED: 2,
    State.ON_ITS_WAY: 3,
    State.DONE: 4,
    State.OFF: 5,
}
