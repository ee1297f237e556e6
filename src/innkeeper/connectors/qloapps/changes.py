"""The incremental read: which bookings changed since a cursor, in as few requests as QloApps allows.

No timestamp covers a booking: a cancellation stamps only the order, a check-in only the line. So two lists are read,
`orders` and `room_bookings`, each from where the last poll got to, and then the whole of each touched booking.

Requests. An idle poll is the two lists. N touched bookings cost at most three more for each `id_chunk` of them
(lines, customers, and orders that only a line pointed to). A read from the beginning of time goes another way, see
`sweep.py`. Lists come in pages much larger than a chunk; pages of a list never overlap and never use an offset: the
next page starts at the last second of the one before, whose rows at that second are put back, or, when a whole page
bears one second, behind the last id of that second. So a row that is changed while the pages are read moves to the end
and is met there, and no other row moves out of sight.

Cursor. How far both lists have been delivered, by the shop's own clock (its rows' timestamps while a run is under way,
the time of its answer once all is read), and a hash of every row inside the overlap that has been delivered, so that
it costs nothing when the overlap is listed again. A run that takes several
pages keeps its lists in memory; the cursor of each page suffices to go on without it.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Generic, TypeVar

from innkeeper.connectors.qloapps import shop_time
from innkeeper.connectors.qloapps.delivered import Delivered, Row
from innkeeper.connectors.qloapps.facts import ShopFacts
from innkeeper.connectors.qloapps.reader import QloAppsReader
from innkeeper.connectors.qloapps.sweep import Sweep, read_on
from innkeeper.connectors.qloapps.wire import LINE_FIELDS, ORDER_FIELDS, LineRow, OrderRow
from innkeeper.domain.channel import ChangePage, ChannelBooking

_CURSOR_VERSION = 1
#: Orders of other hotels that are remembered, so that a busy neighbour in the same shop costs no requests.
_FOREIGN_LIMIT = 100_000
#: A clock that runs so much slower than ours between two looks was put back.
_PUT_BACK = timedelta(seconds=30)
#: By how many rows at most the first page is larger than usual.
_SPARE_LIMIT = 50_000


R = TypeVar("R", bound=Row)


@dataclass
class _Stream(Generic[R]):
    """One of the two lists, read page by page in the order of change."""

    start: str
    page_size: int
    #: Added to the size of the first page.
    spare: int = 0
    exhausted: bool = False
    pages: int = 0
    newest: str = ""
    #: All rows up to this second have been listed.
    horizon: str = ""
    #: Set while one second fills whole pages: the last id listed of that second.
    inside_second: int | None = None

    @property
    def limit(self) -> int:
        """How many rows to ask for next."""
        return self.page_size + (0 if self.pages else self.spare)

    def query(self) -> dict[str, str]:
        """Return the filter, sorting and limit of the next page."""
        if self.inside_second is not None:
            return {
                "filter[date_upd]": f"[{self.start}]",
                "filter[id]": f">[{self.inside_second}]",
                "sort": "[id_ASC]",
                "limit": f"0,{self.limit}",
            }
        return {
            "filter[date_upd]": f"[{self.start},{shop_time.END}]",
            "sort": "[date_upd_ASC,id_ASC]",
            "limit": f"0,{self.limit}",
        }

    def take(self, rows: list[R]) -> list[R]:
        """Note where the next page starts and return those rows of this page that are complete up to there."""
        full = len(rows) >= self.limit
        self.pages += 1
        if rows:
            self.newest = max(self.newest, rows[-1].date_upd)
        if self.inside_second is not None:
            if full:
                self.inside_second = rows[-1].id
            else:  # the second is done; the next page starts behind it
                self.inside_second = None
                self.start = _next_second(self.start)
                self.horizon = self.start
            return rows
        if not full:
            self.exhausted = True
            return rows
        last = rows[-1].date_upd
        if rows[0].date_upd == last:
            self.start, self.horizon, self.inside_second = last, last, rows[-1].id
            return rows
        self.start = self.horizon = last
        return [row for row in rows if row.date_upd < last]


@dataclass
class _Touched:
    """An order that changed: when it did first, and which rows said so."""

    since: str
    order: OrderRow | None = None
    #: The rows that told of it and the rows that it was read from.
    rows: list[Row] = field(default_factory=list)


@dataclass
class _Run:
    """A read that may take several pages."""

    orders: _Stream[OrderRow]
    lines: _Stream[LineRow]
    progress: tuple[str, str]
    #: What the cursor knows as delivered.
    seen: Delivered
    #: When the last run listed, by our own clock, as UTC.
    looked_at: str
    #: Rows that bookings were read from before their list came to them, by list and id.
    expected: dict[tuple[str, int], Row] = field(default_factory=dict)
    touched: dict[int, _Touched] = field(default_factory=dict)
    ready: list[tuple[ChannelBooking | int, _Touched]] = field(default_factory=list)
    delivered: Delivered = field(default_factory=Delivered)
    cursor: Mapping[str, Any] | None = None
    #: Their clock when the first list was answered. What is stamped an overlap before that was visible by then.
    listed_at: float | None = None

    @property
    def exhausted(self) -> bool:
        """Whether both lists have been read to their end."""
        return self.orders.exhausted and self.lines.exhausted

    def is_new(self, kind: str, row: Row) -> bool:
        """Whether a listed row tells of a change that has not been delivered or queued yet."""
        expected = self.expected.pop((kind, row.id), None)
        if expected == row:
            return False
        if row in self.seen:
            self.delivered.keep([row])
            return False
        return True

    def expect(self, kind: str, row: Row, stream: "_Stream[Any]") -> None:
        """Note a row that a booking was read from, so that meeting it in its list later costs nothing."""
        if not stream.exhausted and row.date_upd >= stream.horizon:
            self.expected[kind, row.id] = row

    @property
    def reach(self) -> tuple[tuple[str, bool], tuple[str, bool]]:
        """How far each list has been read, and whether that is its end."""
        return (self.orders.horizon, self.orders.exhausted), (self.lines.horizon, self.lines.exhausted)


class QloAppsChanges:
    """Answers `changes` from cursors; keeps the lists of an unfinished run."""

    def __init__(self, reader: QloAppsReader) -> None:
        self._reader = reader
        self._settings = reader.client.settings
        self._run: _Run | None = None
        #: An unfinished first read, and the cursor that goes on with it.
        self._sweep: tuple[Sweep, dict[str, Any]] | None = None
        self._foreign: set[int] = set()

    def cursor_at(self, since: datetime) -> dict[str, Any]:
        """Return the cursor that begins at an aware instant; the shop's zone is applied when it is used."""
        return {"v": _CURSOR_VERSION, "since": since.astimezone().isoformat()}

    async def page(self, cursor: Mapping[str, Any] | None, limit: int) -> ChangePage:
        """Return the next bookings. Raises QloAppsError; the cursor then stays good."""
        state = dict(cursor or {})
        self._remember(state)
        if not state.get("since") and not state.get("orders"):
            return await self._swept_page(state, limit)
        run, self._run = self._run, None
        if run is None or run.cursor != state:
            run = await self._start(state)
        while len(run.ready) < limit:
            eligible = self._eligible(run)
            if len(eligible) >= self._settings.id_chunk or (eligible and run.exhausted):
                await self._fetch(run, eligible[: self._settings.id_chunk])
            elif run.exhausted:
                break
            else:
                await self._list_more(run)
        given, run.ready = run.ready[:limit], run.ready[limit:]
        more = bool(run.ready or run.touched or not run.exhausted)
        for _, touched in given:
            run.delivered.keep(touched.rows)
        after = self._cursor(run, more=more)
        if more:
            run.cursor = after
            self._run = run
        return ChangePage(
            bookings=tuple(item for item, _ in given if not isinstance(item, int)),
            cursor=after,
            more=more,
            gone=tuple(item for item, _ in given if isinstance(item, int)),
        )

    async def _swept_page(self, state: dict[str, Any], limit: int) -> ChangePage:
        """Return the next bookings of a first read; at its end the cursor begins where the read did."""
        (sweep, left), self._sweep = self._sweep or (None, None), None
        if sweep is None or left != state:
            sweep = Sweep.from_json(state)
        await self._reader.facts()
        while len(sweep.ready) < limit and not sweep.exhausted:
            self._ignore(await read_on(sweep, self._reader))
        given = sweep.give(limit)
        if sweep.more:
            after = {"v": _CURSOR_VERSION, **sweep.to_json(), **self._facts_to_keep()}
            self._sweep = sweep, after
        else:
            after = self._cursor_behind((sweep.began, sweep.began), sweep.delivered, looked_at=self._now())
        return ChangePage(
            bookings=tuple(each.booking for each in given if each.booking is not None),
            cursor=after,
            more=sweep.more,
            gone=tuple(each.order_id for each in given if each.booking is None),
        )

    # a run ---------------------------------------------------------------------------------------------------------

    async def _start(self, state: dict[str, Any]) -> _Run:
        facts = await self._reader.facts()
        zone, overlap = facts.zone, self._settings.overlap_seconds
        if "since" in state:
            since = shop_time.to_shop(datetime.fromisoformat(state["since"]), zone)
            progress = (since, since)
        else:
            progress = (str(state.get("orders", "")), str(state.get("lines", "")))
        starts = [shop_time.poll_start(point, overlap, zone) for point in progress]
        return _Run(
            orders=_Stream(starts[0], self._settings.order_list_size),
            lines=_Stream(starts[1], self._settings.line_list_size),
            progress=progress,
            seen=Delivered.from_json(state),
            looked_at=str(state.get("looked_at", "")),
        )

    async def _list_more(self, run: _Run) -> None:
        """List the next page of both lists at first, then of the one that has got less far."""
        first = run.orders.pages == 0
        if first:
            # rows that are known already must not fill the page: an idle poll right after a bulk stays at two requests
            for stream in (run.orders, run.lines):
                stream.spare = min(len(run.seen.stamps), _SPARE_LIMIT)
        behind = run.lines.exhausted or run.orders.horizon <= run.lines.horizon
        orders_next = first or (behind and not run.orders.exhausted)
        if orders_next:
            orders = await self._order_page(run.orders)
            if first and self._reader.client.access_time is not None:
                run.listed_at = self._reader.client.access_time
                now = shop_time.to_shop(datetime.fromtimestamp(run.listed_at, UTC), self._zone)
                run.delivered.kept_from = shop_time.poll_start(now, self._settings.overlap_seconds, self._zone)
                if self._put_back(run):
                    orders += await self._order_page(run.orders)
            self._take_orders(run, orders)
        if first or not orders_next:
            self._take_lines(run, await self._line_page(run.lines))

    def _put_back(self, run: _Run) -> bool:
        """Begin earlier when the shop's clock was put back since the last look, and say whether it was.

        What was stamped by the new time lies before the point that was reached by the old one. Where the new clock
        stood at the last look follows from how long ago that was by ours.
        """
        last, reached = shop_time.parse(run.looked_at), shop_time.to_utc(max(run.progress), self._zone)
        if last is None or reached is None or run.listed_at is None:
            return False
        elapsed = self._reader.client.now() - last.replace(tzinfo=UTC)
        stood = datetime.fromtimestamp(run.listed_at, UTC) - elapsed
        if reached - stood < _PUT_BACK:
            return False
        start = shop_time.poll_start(shop_time.to_shop(stood, self._zone), self._settings.overlap_seconds, self._zone)
        run.orders = _Stream(start, self._settings.order_list_size, run.orders.spare)
        run.lines = _Stream(start, self._settings.line_list_size, run.lines.spare)
        run.delivered.kept_from = min(run.delivered.kept_from, start)
        return True

    async def _order_page(self, stream: _Stream[OrderRow]) -> list[OrderRow]:
        query = {"date": "1", **stream.query(), "display": f"[{ORDER_FIELDS}]"}
        rows = await self._reader.client.rows("orders", "orders", query)
        return stream.take([OrderRow.parse(row) for row in rows])

    async def _line_page(self, stream: _Stream[LineRow]) -> list[LineRow]:
        query = {
            "date": "1",
            **stream.query(),
            "filter[id_hotel]": f"[{self._settings.hotel_id}]",
            "display": f"[{LINE_FIELDS}]",
        }
        rows = await self._reader.client.rows("room_bookings", "bookings", query)
        return stream.take([LineRow.parse(row) for row in rows])

    def _take_orders(self, run: _Run, rows: Iterable[OrderRow]) -> None:
        for row in rows:
            if row.id in self._foreign:
                run.delivered.keep([row])
            elif run.is_new("order", row):
                touched = run.touched.setdefault(row.id, _Touched(row.date_upd))
                touched.order = row
                touched.since = min(touched.since, row.date_upd)
                touched.rows.append(row)

    def _take_lines(self, run: _Run, rows: Sequence[LineRow]) -> None:
        for row in rows:
            if row.order_id == 0:  # a block, not a booking
                run.delivered.keep([row])
            elif run.is_new("line", row):
                touched = run.touched.setdefault(row.order_id, _Touched(row.date_upd))
                touched.since = min(touched.since, row.date_upd)
                touched.rows.append(row)

    def _eligible(self, run: _Run) -> list[int]:
        """Return the touched orders before which nothing can turn up any more, in the order of change."""
        limits = [horizon for horizon, exhausted in run.reach if not exhausted]
        until = min(limits, default=None)
        ids = [i for i, touched in run.touched.items() if until is None or touched.since <= until]
        return sorted(ids, key=lambda i: (run.touched[i].since, i))

    async def _fetch(self, run: _Run, ids: list[int]) -> None:
        """Read the bookings whole and put them in the queue."""
        known = {i: order for i in ids if (order := run.touched[i].order) is not None}
        found, gone = await self._reader.orders_by_id([i for i in ids if i not in known])
        loaded = await self._reader.complete({**known, **found}, gone)
        bookings = await self._reader.map(loaded)
        for order_id in ids:
            touched = run.touched.pop(order_id)
            order, lines = loaded.orders.get(order_id), loaded.lines.get(order_id, ())
            if order is not None:
                run.expect("order", order, run.orders)
                touched.rows.append(order)
            for line in lines:
                run.expect("line", line, run.lines)
                touched.rows.append(line)
            if order_id in bookings:
                run.ready.append((bookings[order_id], touched))
                continue
            run.delivered.keep(touched.rows)
            if order_id in loaded.gone:
                run.ready.append((order_id, touched))
            elif not self._reader.is_ours(lines):
                self._ignore([order_id])

    def _ignore(self, order_ids: Iterable[int]) -> None:
        """Remember orders of other hotels."""
        self._foreign.update(islice(order_ids, _FOREIGN_LIMIT - len(self._foreign)))

    # the cursor ----------------------------------------------------------------------------------------------------

    def _cursor(self, run: _Run, *, more: bool) -> dict[str, Any]:
        """Return how far both lists have been delivered, and the rows behind that which have been."""
        if more:
            waiting = [touched.since for touched in run.touched.values()]
            waiting += [touched.since for _, touched in run.ready]
            points = [
                min([*waiting, *([] if exhausted else [horizon])], default=start)
                for (horizon, exhausted), start in zip(run.reach, run.progress, strict=True)
            ]
        elif run.listed_at is not None:
            points = [shop_time.to_shop(datetime.fromtimestamp(run.listed_at, UTC), self._zone)] * 2
        else:  # a proxy has taken the header with their time away
            points = [max(run.progress[0], run.orders.newest), max(run.progress[1], run.lines.newest)]
        earliest = min(shop_time.poll_start(each, self._settings.overlap_seconds, self._zone) for each in points)
        run.delivered.forget_before(earliest)
        return self._cursor_behind(
            (points[0], points[1]), run.delivered, looked_at=run.looked_at if more else self._now()
        )

    def _cursor_behind(self, points: tuple[str, str], delivered: Delivered, *, looked_at: str) -> dict[str, Any]:
        """Return the cursor of an incremental read that has got to these points of the two lists."""
        return {
            "v": _CURSOR_VERSION,
            "orders": points[0],
            "lines": points[1],
            **delivered.to_json(),
            "looked_at": looked_at,
            **self._facts_to_keep(),
        }

    def _remember(self, state: Mapping[str, Any]) -> None:
        """Use the facts that a cursor keeps; those of another make are read anew."""
        if "facts" in state:
            with suppress(KeyError, TypeError, ValueError):
                self._reader.remember(ShopFacts.from_json(state["facts"]))

    def _facts_to_keep(self) -> dict[str, Any]:
        facts = self._reader.known_facts
        return {"facts": facts.to_json()} if facts else {}

    def _now(self) -> str:
        """Return the present instant by our own clock, as UTC."""
        return self._reader.client.now().strftime(shop_time.FORMAT)

    @property
    def _zone(self) -> Any:
        facts = self._reader.known_facts
        if facts is None:
            raise RuntimeError("a run has begun without the facts of the shop")
        return facts.zone


def _next_second(stamp: str) -> str:
    wall = shop_time.parse(stamp)
    return (wall + timedelta(seconds=1)).strftime(shop_time.FORMAT) if wall else stamp
