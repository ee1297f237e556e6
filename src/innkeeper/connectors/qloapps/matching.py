"""Which line stands for which room of a draft, and how they differ; pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from innkeeper.connectors.qloapps.pricing import close
from innkeeper.domain.channel import BookingDraft, ChannelLine, DraftLine
from innkeeper.domain.stay import StayStatus


@dataclass(frozen=True, slots=True)
class Pair:
    """A draft line and the line that stands for it."""

    draft: DraftLine
    line: ChannelLine

    @property
    def type_differs(self) -> bool:
        return self.draft.room_type_id != self.line.room_type_id

    @property
    def dates_differ(self) -> bool:
        return self.draft.stay != self.line.stay

    @property
    def occupancy_differs(self) -> bool:
        draft, line = self.draft, self.line
        ages = bool(draft.child_ages) and tuple(draft.child_ages) != tuple(line.child_ages)
        return draft.adults != line.adults or draft.children != line.children or ages

    @property
    def status_differs(self) -> bool:
        return self.draft.status is not self.line.status

    @property
    def price_differs(self) -> bool:
        return not close(self.draft.gross, self.line.gross)


@dataclass(frozen=True, slots=True)
class Matched:
    """How the lines of a booking relate to a draft. `extra` are lines that hold a room and that the draft has not."""

    pairs: tuple[Pair, ...]
    missing: tuple[DraftLine, ...]
    extra: tuple[ChannelLine, ...]


def active(draft: BookingDraft) -> list[DraftLine]:
    """Return the lines of the draft that hold or held a room."""
    return [line for line in draft.lines if line.status is not StayStatus.CANCELLED]


def match(draft: BookingDraft, lines: Sequence[ChannelLine]) -> Matched:
    """Pair each active draft line with one line that holds a room: by line id, then by what is most alike."""
    wanted, held = active(draft), [line for line in lines if not line.released]
    pairs: list[Pair] = []
    rules: Sequence[Callable[[DraftLine, ChannelLine], bool]] = (
        lambda d, c: d.line_id == c.line_id,
        lambda d, c: _same_room(d, c) and _same_party(d, c) and close(d.gross, c.gross),
        lambda d, c: _same_room(d, c) and _same_party(d, c),
        _same_room,
        lambda d, c: d.room_type_id == c.room_type_id and d.stay.overlaps(c.stay),
        lambda d, c: d.room_type_id == c.room_type_id,
        lambda d, c: d.stay == c.stay,
    )
    for rule in rules:
        for line in list(wanted):
            found = next((candidate for candidate in held if rule(line, candidate)), None)
            if found is not None:
                pairs.append(Pair(line, found))
                wanted.remove(line)
                held.remove(found)
    return Matched(tuple(pairs), tuple(wanted), tuple(held))


def _same_room(draft: DraftLine, line: ChannelLine) -> bool:
    return draft.room_type_id == line.room_type_id and draft.stay == line.stay


def _same_party(draft: DraftLine, line: ChannelLine) -> bool:
    return draft.adults == line.adults and draft.children == line.children


def differences(matched: Matched, currency: str) -> list[str]:
    """Return what stands there otherwise than was sent, in sentences for a person."""
    told = []
    for pair in matched.pairs:
        room, draft, line = pair.line.room_number or pair.line.room_type_name, pair.draft, pair.line
        if pair.type_differs:
            told.append(f"Room {room}: the room type at QloApps is {line.room_type_name}, another one was asked for.")
        if pair.dates_differ:
            told.append(
                f"Room {room}: QloApps has {line.stay.check_in} to {line.stay.check_out}, "
                f"{draft.stay.check_in} to {draft.stay.check_out} was sent."
            )
        if pair.occupancy_differs:
            told.append(
                f"Room {room}: QloApps has {line.adults} adults and {line.children} children, "
                f"{draft.adults} and {draft.children} were sent."
            )
        if pair.price_differs:
            told.append(f"Room {room}: the price at QloApps is {line.gross} {currency}, {draft.gross} was sent.")
        if pair.status_differs:
            told.append(f"Room {room}: QloApps has it as {line.status}, it should be {draft.status}.")
    told += [f"QloApps holds no room for {d.stay.check_in} to {d.stay.check_out}." for d in matched.missing]
    told += [
        f"QloApps has a room too many: {c.room_number}, {c.stay.check_in} to {c.stay.check_out}." for c in matched.extra
    ]
    return told
