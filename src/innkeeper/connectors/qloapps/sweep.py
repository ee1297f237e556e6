"""The first read: every booking of a shop once, in the order of the ids, a page of orders after the other.

Requests. A page of orders, the lines of all ids that it spans, and their customers, one for each `id_chunk`: nothing of
one page need be kept for the next, however large the shop is. Lines in the span whose order was not listed tell of an
order that is hidden; it is asked for by its id. Behind the last order only lines can follow.

What is made or changed meanwhile is stamped after the read began, and is left to the incremental read, which begins
there. A row that was stamped shortly before is remembered as delivered, so that it costs nothing when it is listed
then.
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from innkeeper.connectors.qloapps import shop_time
from innkeeper.connectors.qloapps.delivered import Delivered, Row
from innkeeper.connectors.qloapps.reader import Loaded, QloAppsReader
from innkeeper.connectors.qloapps.wire import LineRow
from innkeeper.domain.channel import ChannelBooking


@dataclass(frozen=True, slots=True)
class Swept:
    """An order that was read: its booking, None when QloApps does not know it any more, and the rows of it."""

    order_id: int
    booking: ChannelBooking | None
    rows: tuple[Row, ...]


@dataclass
class Sweep:
    """How far a first read has come."""

    #: The shop's own time when it began; empty before the first answer.
    began: str = ""
    #: All orders up to this id have been read, and up to the other one they have been given on.
    read_to: int = 0
    given_to: int = 0
    exhausted: bool = False
    ready: deque[Swept] = field(default_factory=deque)
    delivered: Delivered = field(default_factory=Delivered)

    @property
    def more(self) -> bool:
        """Whether anything is left to be given on."""
        return bool(self.ready) or not self.exhausted

    def give(self, limit: int) -> list[Swept]:
        """Return the next ones, at most `limit` but one where any is left, and count them as delivered."""
        given = [self.ready.popleft() for _ in range(min(max(limit, 1), len(self.ready)))]
        self.given_to = given[-1].order_id if self.ready else self.read_to
        for each in given:
            self.delivered.keep(each.rows)
        return given

    def to_json(self) -> dict[str, Any]:
        """Return what a cursor keeps of an unfinished read."""
        return {"began": self.began, "given_to": self.given_to, **self.delivered.to_json()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "Sweep":
        """Return the read that a cursor goes on with, a new one for a cursor that keeps none."""
        given_to = int(state.get("given_to", 0))
        return cls(str(state.get("began", "")), given_to, given_to, delivered=Delivered.from_json(state))


async def read_on(sweep: Sweep, reader: QloAppsReader) -> list[int]:
    """Read the next page of orders, and return which of them are other hotels'. Raises QloAppsError."""
    size = reader.client.settings.order_list_size
    orders = {row.id: row for row in await reader.orders_after(sweep.read_to, size)}
    sweep.began = sweep.began or await _time_there(reader)
    facts = await reader.facts()
    sweep.delivered.kept_from = shop_time.poll_start(sweep.began, reader.client.settings.overlap_seconds, facts.zone)
    last = max(orders) if len(orders) >= size else None
    span = f">[{sweep.read_to}]" if last is None else f"[{sweep.read_to + 1},{last}]"
    lines: dict[int, list[LineRow]] = defaultdict(list)
    for line in await reader.line_rows({"filter[id_order]": span}):
        lines[line.order_id].append(line)
    hidden, gone = await reader.orders_by_id([order_id for order_id in lines if order_id not in orders])
    loaded = await reader.with_customers(orders | hidden, lines, gone)
    bookings = await reader.map(loaded)
    sweep.read_to, sweep.exhausted = last or sweep.read_to, last is None
    for order_id in sorted({*loaded.orders, *gone}):
        rows = _rows_of(loaded, order_id)
        if order_id in bookings or order_id in gone:
            sweep.ready.append(Swept(order_id, bookings.get(order_id), rows))
        else:
            sweep.delivered.keep(rows)
    return [order_id for order_id in loaded.orders if not reader.is_ours(lines.get(order_id, ()))]


async def _time_there(reader: QloAppsReader) -> str:
    """Return the shop's own time; without the header that tells it, that of the newest row, which is not later."""
    told = reader.client.access_time
    if told is None:
        return await reader.newest_stamp()
    facts = await reader.facts()
    return shop_time.to_shop(datetime.fromtimestamp(told, UTC), facts.zone)


def _rows_of(loaded: Loaded, order_id: int) -> tuple[Row, ...]:
    order = loaded.orders.get(order_id)
    lines = loaded.lines.get(order_id, ())
    return (*lines, order) if order is not None else tuple(lines)
