"""Changes one room line of a booking in place, and looks who else is in its room."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from lxml import etree

from innkeeper.connectors.qloapps.client import id_filter
from innkeeper.connectors.qloapps.errors import Proof, QloAppsError, proof_of
from innkeeper.connectors.qloapps.reader import QloAppsReader
from innkeeper.connectors.qloapps.wire import LineRow, RoomRow
from innkeeper.domain.stay import Stay

_CHECKED_OUT = 3


class WriteInDoubt(Exception):
    """A write left and nobody can say whether it was carried out."""

    def __init__(self, reason: str, evidence: Mapping[str, Any]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.evidence = dict(evidence)


class LineWriter:
    """PUT of whole `room_bookings` documents. QloApps checks nothing here, so the caller must have."""

    def __init__(self, reader: QloAppsReader) -> None:
        self._reader = reader
        self._client = reader.client

    async def update(self, line_id: int, changes: Mapping[str, str]) -> None:
        """Set fields of a line: the document is read afresh, changed and sent back whole [265]; two requests.

        Fields that this version does not have are left out. Raises QloAppsError when nothing was changed, WriteInDoubt
        when nobody knows.
        """
        path = f"room_bookings/{line_id}"
        document = await self._client.get_xml(path)
        line = document.find("booking")
        if line is None:
            raise QloAppsError("no booking in the line's document", "BROKEN_ANSWER", 200, f"GET /{path}")
        for name, value in (dict(changes) | _planned_check_out(line, changes)).items():
            field = line.find(name)
            if field is not None:
                field.text = value
        try:
            await self._client.send_xml("PUT", path, document)
        except QloAppsError as error:
            if proof_of(error) is Proof.NOTHING_DONE:
                raise
            await self._settle(path, changes, error)

    async def _settle(self, path: str, changes: Mapping[str, str], error: QloAppsError) -> None:
        """Return when the line now is as it was to be; otherwise raise what the failed write means."""
        try:
            document = await self._client.get_xml(path)
        except QloAppsError as second:
            raise WriteInDoubt(
                "A change of a room line was sent; its answer and the look afterwards failed.",
                {"line": path, "changes": dict(changes), "error": error.reason, "look": second.reason},
            ) from error
        line = document.find("booking")
        if line is not None and all(_same(line, name, value) for name, value in changes.items()):
            return
        if proof_of(error) is Proof.STILL_OPEN:
            raise WriteInDoubt(
                "A change of a room line was sent and is not to be seen yet.",
                {"line": path, "changes": dict(changes), "error": error.reason},
            ) from error
        raise error

    async def others_in_rooms(self, stays: Sequence[tuple[int, Stay]], own_order: int) -> dict[int, list[LineRow]]:
        """Return, for each room id, the lines of other orders that hold it on nights of the stays; one request.

        A line that is checked out holds nothing any more: QloApps frees its remaining nights at once [275].
        """
        found: dict[int, list[LineRow]] = defaultdict(list)
        if not stays:
            return found
        for row in await self._lines_between("id_room", [room for room, _ in stays], [stay for _, stay in stays]):
            if row.order_id != own_order and any(row.room_id == room and overlap(row, stay) for room, stay in stays):
                found[row.room_id].append(row)
        return found

    async def free_room(self, room_type_id: int, stay: Stay) -> RoomRow | None:
        """Return an active room of the type that no line holds on the nights of the stay; one or two requests."""
        taken = {row.room_id for row in await self._lines_between("id_product", [room_type_id], [stay])}
        rooms = [room for room in await self._reader.rooms() if room.room_type_id == room_type_id and room.status == 1]
        return next((room for room in rooms if room.id not in taken), None)

    async def _lines_between(self, field: str, ids: Sequence[int], stays: Sequence[Stay]) -> list[LineRow]:
        first, last = min(stay.check_in for stay in stays), max(stay.check_out for stay in stays)
        rows = await self._reader.line_rows(
            {
                f"filter[{field}]": id_filter(sorted(set(ids))),
                "filter[date_from]": f"<[{last}]",
                "filter[date_to]": f">[{first} 00:00:00]",
            }
        )
        return [row for row in rows if not row.released and row.status != _CHECKED_OUT]


def overlap(row: LineRow, stay: Stay) -> bool:
    """Whether a line and a stay share a night."""
    return row.date_from[:10] < stay.check_out.isoformat() and stay.check_in.isoformat() < row.date_to[:10]


def _planned_check_out(line: etree._Element, changes: Mapping[str, str]) -> dict[str, str]:
    """Return the planned check-out that goes with a new departure: its time of day stays. Only 1.7.0 has it."""
    planned = line.findtext("planned_check_out") or ""
    if "date_to" not in changes or len(planned) < len("2027-01-01 11:00:00"):
        return {}
    return {"planned_check_out": changes["date_to"][:10] + planned[10:]}


def _same(line: etree._Element, name: str, value: str) -> bool:
    field = line.find(name)
    if field is None:
        return True
    text = (field.text or "").strip()
    try:
        return text == value or float(text) == float(value)
    except ValueError:
        return text.startswith(value)
