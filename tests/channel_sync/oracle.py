"""What must be true once both sides have had their say; what cannot be equal is named here, rule by rule."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from innkeeper.channel_sync import drift, repository
from innkeeper.channel_sync.agreement import name_lines
from innkeeper.channel_sync.book import open_book
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.states import State, local_state, remote_state
from innkeeper.channel_sync.tables import Attention, FormerOrder, ReservationMapping
from innkeeper.channel_sync.work import queue_poll
from innkeeper.domain.outcome import Done
from innkeeper.house.tables import Reservation, ReservationRoom, Room
from innkeeper.jobs.queue import list_jobs
from innkeeper.jobs.tables import JobStatus
from innkeeper.simulators.qloapps.actors import NoRoomError, Stay, _wish
from innkeeper.simulators.qloapps.model import Line, Order
from tests.channel_sync.histories import Play
from tests.channel_sync.world import World

#: Beyond this two prices of one room are two prices: the shop rounds each line after its own tax arithmetic.
CENTS = Decimal("0.05")

_STATUS = {1: "Confirmed", 2: "Checked-in", 3: "Checked-out"}


@dataclass(frozen=True)
class Sold:
    """One room as both sides can say it."""

    product: int
    check_in: str
    check_out: str
    adults: int
    children: int
    ages: tuple[int, ...]
    status: str
    amount: Decimal

    def same(self, other: "Sold") -> bool:
        """Whether both are the same room at the same price."""
        mine = (self.product, self.check_in, self.check_out, self.adults, self.children, self.ages, self.status)
        its = (other.product, other.check_in, other.check_out, other.adults, other.children, other.ages, other.status)
        return mine == its and abs(self.amount - other.amount) <= CENTS


#: So many rounds of polls and pushes bring any history to rest.
ROUNDS = 8


async def go_round(play: Play, *, full: bool) -> None:
    """Let time pass without faults: polls, jobs and the scheduled synchronisation, as an installation runs them."""
    world = play.world
    world.clock.advance(2000)
    async with world.database.write() as tx:
        await queue_poll(tx, world.property_id)
    await world.work()
    if full:
        await world.sync("inbound", full=True)
    await world.sync("outbound")
    await world.work()


async def come_to_rest(play: Play) -> "View":
    """Go round until a whole round changes nothing on either side and sends nothing. Fails when that never happens."""
    # An order that somebody's PUT has hidden is in no list. A full synchronisation meets it by its lines, and once
    # those are gone too, the nightly sweep asks for it by its number.
    hidden = any(order.hidden for order in play.world.orders())
    await play.shop.settle()
    await go_round(play, full=hidden)
    if hidden:
        await drift.run(await play.world.channels.link(play.world.property_id), heal=True)
    before: Any = None
    for _ in range(ROUNDS):
        written = len(play.wire.writes)
        await go_round(play, full=hidden)
        view = await View.of(play.world)
        after = view.snapshot()
        if after == before and play.wire.writes[written:] == []:
            return view
        before = after
    raise AssertionError(f"no rest: {play.wire.writes[written:]} was sent although nobody did anything")


async def check(play: Play) -> None:
    """Assert that both sides come to rest, are equal, and that nothing is lost."""
    view = await come_to_rest(play)
    view.nothing_is_left_to_do()
    view.nothing_is_lost_or_doubled()
    view.both_sides_are_equal()
    await view.agreed_states_are_true()
    view.nothing_is_oversold()
    assert [*play.oversold, *play.wire.oversold] == []


class View:
    """Everything that both sides hold."""

    world: World
    reservations: list[Reservation]
    mappings: dict[UUID, ReservationMapping]
    causes: set[tuple[str, str]]
    former: set[int]

    @classmethod
    async def of(cls, world: World) -> "View":
        """Read everything."""
        view = cls()
        view.world = world
        view.reservations = await world.reservations()
        async with world.database.read() as session:
            view.mappings = {row.local_reservation_id: row for row in await session.scalars(select(ReservationMapping))}
            open_rows = await session.scalars(select(Attention).where(Attention.closed_at.is_(None)))
            view.causes = {(row.kind, row.key) for row in open_rows}
            view.to_look_at = await repository.changed_since_agreed(session, world.property_id)
            view.former = set(await session.scalars(select(FormerOrder.order_id)))
            view.jobs, _ = await list_jobs(
                session, statuses=(JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DEAD), limit=100
            )
            view.rooms = Counter(await session.scalars(select(Room.room_type_id)))
            view.rows = list(await session.scalars(select(ReservationRoom)))
        return view

    # --- the sides ----------------------------------------------------------------------------------------------------

    def order_of(self, reservation: Reservation) -> Order | None:
        """Return the booking that stands for the reservation."""
        mapping = self.mappings.get(reservation.id)
        if mapping is None or mapping.qloapps_order_id is None:
            return None
        return self.world.shop.state.orders.get(mapping.qloapps_order_id)

    def held(self, order: Order | None) -> list[Line]:
        """Return the lines of an order that is open and that hold a room."""
        if order is None or order.current_state in (4, 5):
            return []
        lines = self.world.shop.state.lines_of(order)
        return [line for line in lines if not line.is_refunded and not line.is_cancelled]

    def here(self, reservation: Reservation) -> list[Sold]:
        """Return the rooms of the reservation that are not cancelled."""
        products = {kind: product for product, kind in self.world.types.items()}
        return [
            Sold(
                products[room.room_type_id] if room.room_type_id else 0,
                room.check_in.isoformat(),
                room.check_out.isoformat(),
                room.adults,
                room.children,
                tuple(sorted(room.child_ages)),
                room.status,
                room.amount,
            )
            for room in reservation.rooms
            if room.status != "Cancelled"
        ]

    def there(self, order: Order | None) -> list[Sold]:
        """Return the rooms that the booking holds."""
        return [
            Sold(
                line.id_product,
                line.date_from[:10],
                line.date_to[:10],
                line.adults,
                line.children,
                tuple(sorted(int(age) for age in line.child_ages.strip("[]").split(",") if age.strip())),
                _STATUS[line.id_status],
                line.total_price_tax_incl,
            )
            for line in self.held(order)
        ]

    def has_room_there(self, reservation: Reservation) -> bool:
        """Whether the shop has rooms for a reservation that it has nothing of."""
        if self.held(self.order_of(reservation)):
            return False
        wanted = [Stay(room.product, room.check_in, room.check_out) for room in self.here(reservation)]
        try:
            self.world.office._rooms([_wish(stay) for stay in wanted], overbook=False)
        except NoRoomError:
            return False
        return True

    # --- what must be true --------------------------------------------------------------------------------------------

    def nothing_is_left_to_do(self) -> None:
        """No job waits, runs or is dead, and nobody is told of a trouble that is over."""
        assert [(job.kind, job.status, job.last_error) for job in self.jobs] == []
        assert self.to_look_at == []
        over = {"in_doubt", "dead_job", "access", "unreachable", "unreadable_booking", "gone_at_channel"}
        assert sorted(cause for cause in self.causes if cause[0] in over) == []
        refused = {str(m.local_reservation_id) for m in self.mappings.values() if m.status == "refused"}
        assert refused == {key for kind, key in self.causes if kind == "refused_booking"}
        assert [r.confirmation for r in self.reservations if str(r.id) in refused and self.has_room_there(r)] == []
        overbooked = {str(r.id) for r in self.reservations if "overbooked" in r.flags and r.status != "Cancelled"}
        assert overbooked == {key for kind, key in self.causes if kind == "overbooked"}

    def nothing_is_lost_or_doubled(self) -> None:
        """Every booking of the shop is known here exactly once, and none of ours holds rooms twice."""
        current = Counter(m.qloapps_order_id for m in self.mappings.values() if m.qloapps_order_id is not None)
        assert [order for order, times in current.items() if times > 1] == []
        known = {reservation.id for reservation in self.reservations}
        assert set(self.mappings) <= known
        for order in self.world.orders():
            if order.id in current:
                continue
            # an earlier booking of a reservation for which a new one was made, or a copy that nobody uses
            ours = order.source.startswith("innkeeper:") or order.id in self.former
            assert ours or not order.lines, f"booking {order.id} was made in the shop and is not in the house"
            # Rule 3: a copy that a repeating proxy made, or an earlier booking that was brought back there after a new
            # one stood in its place, waits for a person, who is told.
            flagged = ("double_there", str(order.id)) in self.causes
            assert flagged == bool(self.held(order)), f"booking {order.id} holds rooms for nobody"

    def both_sides_are_equal(self) -> None:
        """Every room that is held here is held there, and the other way round, the exceptions being named."""
        for reservation in self.reservations:
            mapping = self.mappings.get(reservation.id)
            here, there = self.here(reservation), self.there(self.order_of(reservation))
            if mapping is not None and mapping.status == "refused":
                # Rule 1: the shop has no room for it. Flagged (see above); what stands there is what was agreed before.
                continue
            if here and all(room.status == "Checked-out" for room in here) and not there:
                # Rule 2: who has left holds nothing any more. A stay that ended before it was sent is not sent any
                # more, and one that was cancelled there afterwards stays here as what has happened.
                continue
            left = list(there)
            for room in here:
                twin = next((one for one in left if one.same(room)), None)
                assert twin is not None, f"{reservation.confirmation}: {room} is not among {there}"
                left.remove(twin)
            assert left == [], f"{reservation.confirmation}: held there only: {left}; here: {here}"

    async def agreed_states_are_true(self) -> None:
        """What is remembered as agreed is what stands on both sides, so that the next change is seen as one."""
        link: Link = await self.world.channels.link(self.world.property_id)
        async with self.world.database.write() as tx:
            book = await open_book(tx, link, [])
        for reservation in self.reservations:
            mapping = self.mappings.get(reservation.id)
            if mapping is None or mapping.qloapps_order_id is None:
                continue
            answer = await link.connector.booking(mapping.qloapps_order_id)
            assert isinstance(answer, Done)
            assert answer.value is not None
            assert mapping.agreed_local is not None
            assert mapping.agreed_remote is not None
            seen = State.from_json(mapping.agreed_remote)
            stands = remote_state(answer.value, name_lines(answer.value, seen.rooms))
            # Rule 4: an edit of the customer alone stamps neither list; it is read with the booking's next change.
            assert stands.flat() == seen.flat(), f"{reservation.confirmation}: not what was seen last"
            local = local_state(reservation, book.products, mapping.agreed_local)
            agreed = State.from_json(mapping.agreed_local)
            if mapping.status == "refused":
                assert local.flat() != agreed.flat(), f"{reservation.confirmation}: refused, and nothing is wanted"
                continue
            if all(room.status == "Checked-out" for room in self.here(reservation)) and not self.there(
                self.order_of(reservation)
            ):
                continue  # rule 2
            assert local.flat() == agreed.flat(), f"{reservation.confirmation}: still to be sent"

    def nothing_is_oversold(self) -> None:
        """No night of a type is sold more often than there are rooms, but for stays that are marked as too many."""
        sold: dict[tuple[UUID, Any], int] = defaultdict(int)
        for row in self.rows:
            if row.room_type_id is None or row.overbooked or row.status not in ("Confirmed", "Checked-in"):
                continue
            for number in range((row.check_out - row.check_in).days):
                sold[row.room_type_id, row.check_in + timedelta(days=number)] += 1
        assert {night: times for night, times in sold.items() if times > self.rooms[night[0]]} == {}

    def snapshot(self) -> dict[str, Any]:
        """Return everything that a needless write would change."""
        state = self.world.shop.state
        return {
            "reservations": [(r.confirmation, r.version, r.status, r.flags) for r in self.reservations],
            "mappings": sorted(
                (m.qloapps_order_id or 0, m.status, m.generation, m.remote_digest or "") for m in self.mappings.values()
            ),
            "causes": sorted(self.causes),
            "orders": [(o.id, o.current_state, o.date_upd) for o in self.world.orders()],
            "lines": [(line.id, line.date_upd) for line in state.lines.values()],
            "histories": len(state.order_histories),
            "customers": [(c.id, c.date_upd) for c in state.customers.values()],
        }
