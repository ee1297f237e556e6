"""Compares every booking and every night of both sides, a step at a time, and heals what is ours to heal."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import ari_repository, rates_out, repository
from innkeeper.channel_sync.agreement import differs_from_agreed
from innkeeper.channel_sync.availability_out import PushOptions, TypeWindow, push_availability, type_windows, window_of
from innkeeper.channel_sync.book import Book, open_book
from innkeeper.channel_sync.capacity import note_capacity
from innkeeper.channel_sync.connection import Link
from innkeeper.channel_sync.prices_out import push_rates, read_prices
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.tables import Config, DriftSweep, ReservationMapping
from innkeeper.channel_sync.work import queue_pull, queue_push
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.channel import ChannelBooking, RoomInventory
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.domain.stay import StayStatus
from innkeeper.house import properties, reservations
from innkeeper.house.tables import Reservation
from innkeeper.storage.database import Tx

#: Bookings compared in one step: three requests.
BOOKINGS_A_STEP = 200

#: Nights that the shop itself is asked for in each sweep, another week each day, since it takes its time over them.
SAMPLE_NIGHTS = 7

#: A report longer than this says nothing more to anybody.
MOST_LISTED = 500

#: In this order; each is resumed where it was left.
PHASES = ("bookings", "nights", "rates", "healed")

Difference = dict[str, Any]


async def begin(tx: Tx, property_id: UUID, *, heal: bool) -> UUID:
    """Begin a sweep, or go on with the one that is under way, and return its id."""
    sweep = await ari_repository.last_sweep(tx.session, property_id, "running")
    if sweep is None:
        sweep = DriftSweep(
            property_id=property_id, heal=heal, position={"phase": PHASES[0], "after": 0}, differences=[]
        )
        tx.session.add(sweep)
        await tx.session.flush()
    return sweep.id


async def run(link: Link, *, heal: bool) -> Outcome[DriftSweep]:
    """Compare everything here and now."""
    async with link.database.write() as tx:
        sweep_id = await begin(tx, link.property_id, heal=heal)
    while True:
        answer = await step(link, sweep_id)
        if not isinstance(answer, Done):
            return answer
        if answer.value.status == "completed":
            return Done(answer.value)


async def step(link: Link, sweep_id: UUID) -> Outcome[DriftSweep]:
    """Compare the next part of a sweep; what was found is kept, whatever happens to the next one."""
    async with link.database.read() as session:
        sweep = await session.get(DriftSweep, sweep_id)
    if sweep is None or sweep.property_id != link.property_id or sweep.status == "completed":
        return Done(sweep or DriftSweep(id=sweep_id, status="completed"))
    before = link.connector.requests_made
    phase = sweep.position["phase"]
    part = {"bookings": _bookings, "nights": _nights, "rates": _rates, "healed": _count_healed_bookings}[phase]
    answer = await part(link, sweep)
    if not isinstance(answer, Done):
        return answer
    found, after = answer.value
    async with link.database.write() as tx:
        row = await tx.session.get(DriftSweep, sweep_id)
        if row is None:
            return Done(sweep)
        earlier = await ari_repository.last_sweep(tx.session, link.property_id, "completed")
        row.differences = (row.differences + _aged(found, earlier))[:MOST_LISTED]
        row.bookings, row.nights, row.healed = sweep.bookings, sweep.nights, sweep.healed
        row.requests += link.connector.requests_made - before
        row.position = after or _next_phase(phase)
        if row.position["phase"] == "done":
            row.status, row.completed_at = "completed", utc_now()
        await tx.session.flush()
        await tx.session.refresh(row)
        return Done(row)


def _next_phase(phase: str) -> dict[str, Any]:
    following = (*PHASES, "done")[PHASES.index(phase) + 1]
    return {"phase": following, "after": 0}


def _aged(found: Sequence[Difference], earlier: DriftSweep | None) -> list[Difference]:
    """Say since when each difference is known: one that the last sweep found too is as old as it was then."""
    known = {(old["kind"], old["subject"]): old["since"] for old in (earlier.differences if earlier else ())}
    now = utc_now().isoformat()
    return [{**one, "since": known.get((one["kind"], one["subject"]), now)} for one in found]


# --- bookings ---------------------------------------------------------------------------------------------------------

Part = tuple[list[Difference], dict[str, Any] | None]


async def _bookings(link: Link, sweep: DriftSweep) -> Outcome[Part]:
    """Compare the next bookings that both sides know; after the last of them, those that are only here."""
    after = int(sweep.position["after"])
    async with link.database.read() as session:
        house = await properties.get(session, link.property_id)
        mappings = await ari_repository.mapped_orders(
            session, link.property_id, house.business_date, after, BOOKINGS_A_STEP
        )
    if not mappings:
        return Done((await _unsent(link, sweep, house.business_date), None))
    answer = await link.connector.bookings([mapping.qloapps_order_id or 0 for mapping in mappings])
    if not isinstance(answer, Done):
        return answer
    there = {booking.order_id: booking for booking in answer.value}
    found: list[Difference] = []
    async with link.database.write() as tx:
        book = await open_book(tx, link, [])
        for mapping in mappings:
            reservation = await reservations.load(tx.session, link.property_id, mapping.local_reservation_id)
            if reservation is None:
                continue
            booking = there.get(mapping.qloapps_order_id or 0)
            changed_here = differs_from_agreed(book, mapping, reservation)
            ended = reservation.status in (StayStatus.CANCELLED, StayStatus.CHECKED_OUT)
            difference = _compare(mapping, booking, reservation.confirmation, changed_here=changed_here, ended=ended)
            if difference is None:
                continue
            if difference["kind"] == "booking_changed_here" and _is_only_read(book, reservation):
                difference |= _ONLY_READ
            found.append(difference)
            if sweep.heal and link.may_write:
                await _heal(tx, link, mapping, difference)
    sweep.bookings += len(mappings)
    return Done((found, {"phase": "bookings", "after": mappings[-1].qloapps_order_id}))


def _compare(
    mapping: ReservationMapping, booking: ChannelBooking | None, confirmation: str, *, changed_here: bool, ended: bool
) -> Difference | None:
    """Return how the two sides differ, None when they do not."""
    base = {
        "subject": f"order:{mapping.qloapps_order_id}",
        "reservation_id": str(mapping.local_reservation_id),
        "confirmation": confirmation,
        "qloapps_order_id": mapping.qloapps_order_id,
    }
    if booking is None:
        if ended:
            return None
        sentence = "QloApps no longer knows the booking; it still stands here."
        return {
            **base,
            "kind": "booking_gone",
            "what": sentence,
            "healing": "Asks: cancel it here, or send it again.",
        } | {"heals": False}
    if booking.digest != mapping.remote_digest:
        sentence = "It changed in QloApps and that has not been read yet."
        return {**base, "kind": "booking_changed_there", "what": sentence, "healing": "Reads it.", "heals": True}
    if changed_here:
        sentence = "It changed here and that has not been sent yet."
        why = {"refused": "QloApps refused it.", "in_doubt": "Whether QloApps has it is being found out."}
        return {
            **base,
            "kind": "booking_changed_here",
            "what": sentence,
            "why": why.get(mapping.status, ""),
            "healing": "Sends it.",
            "heals": True,
        }
    return None


#: What is said of a reservation that is not sent because of its mapping.
_ONLY_READ: Difference = {
    "why": "The mapping of its room type only reads.",
    "healing": "None: map the room type both ways if QloApps shall have it.",
    "heals": False,
}


def _is_only_read(book: Book, reservation: Reservation) -> bool:
    return any(room.room_type_id in book.unsent for room in reservation.rooms)


async def _heal(tx: Tx, link: Link, mapping: ReservationMapping, difference: Difference) -> None:
    if difference["kind"] == "booking_changed_there" and mapping.qloapps_order_id is not None:
        await queue_pull(tx, link.property_id, mapping.qloapps_order_id)
    elif difference["kind"] == "booking_changed_here" and difference["heals"]:
        await queue_push(tx, link.property_id, mapping.local_reservation_id)


async def _unsent(link: Link, sweep: DriftSweep, since: date) -> list[Difference]:
    """Return the reservations that QloApps does not have."""
    async with link.database.write() as tx:
        waiting = await repository.unsent_reservations(tx.session, link.property_id, since)
        names = await repository.confirmations(tx.session, waiting)
        book = await open_book(tx, link, [])
        only_read = await ari_repository.reservations_of_types(tx.session, waiting, book.unsent)
        heals = sweep.heal and link.may_write and link.config.sync_reservations_outbound
        sendable = [one for one in waiting if one not in only_read] if heals else []
        for reservation_id in sendable:
            await queue_push(tx, link.property_id, reservation_id)
    return [
        {
            "kind": "booking_missing_there",
            "subject": f"reservation:{reservation_id}",
            "reservation_id": str(reservation_id),
            "confirmation": names.get(reservation_id, ""),
            "what": "QloApps does not have it.",
            "healing": "Sends it.",
            "heals": True,
            **(_ONLY_READ if reservation_id in only_read else {}),
        }
        for reservation_id in waiting
    ]


# --- nights -----------------------------------------------------------------------------------------------------------


async def _nights(link: Link, sweep: DriftSweep) -> Outcome[Part]:
    """Compare what both sides would sell on each night, and find bookings that only QloApps knows."""
    async with link.database.read() as session:
        house = await properties.get(session, link.property_id)
        kinds = await type_windows(session, link, house)
        blocks = {row.block_id for row in await ari_repository.blocks(session, link.property_id) if row.block_id}
    if not kinds:
        return Done(([], None))
    start, end = window_of(house)
    answer = await link.connector.inventory([kind.product_id for kind in kinds], start, end, fresh=True)
    if not isinstance(answer, Done):
        return answer
    length = (end - start).days
    found = await _strangers(link, sweep, answer.value, blocks)
    unread = {one["subject"] for one in found if one["kind"] == "booking_missing_here"}
    free_of = {one.room_type_id: _free(one, start, length) for one in answer.value}
    async with link.database.write() as tx:
        fewer = await note_capacity(tx, link.property_id, kinds, answer.value)
    inventories = {one.room_type_id: one for one in answer.value}
    for kind in kinds:
        yielding = _yielding(inventories[kind.product_id], blocks | unread, start, length)
        view = _View(free_of[kind.product_id], yielding, fewer.get(kind.product_id, ""))
        found += _differing_nights(kind, view, start, link.config)
    offset = start.toordinal() * SAMPLE_NIGHTS % max(1, length - SAMPLE_NIGHTS)
    asked = await _ask_sample(link, kinds, free_of, start + timedelta(days=offset), offset)
    if not isinstance(asked, Done):
        return asked
    found += asked.value
    sweep.nights += len(kinds) * length
    if sweep.heal and link.config.sync_availability:
        outcome = await push_availability(link, PushOptions(full=True), SyncResult())
        if not isinstance(outcome, Done):
            return outcome
        return await _count_healed_nights(link, sweep, kinds, found, start)
    return Done((found, None))


async def _count_healed_nights(
    link: Link, sweep: DriftSweep, kinds: Sequence[TypeWindow], found: list[Difference], start: date
) -> Outcome[Part]:
    """Look once more, and count as healed only what is equal now."""
    nights = [one for one in found if one["kind"] == "availability" and one["heals"]]
    if nights:
        end = start + timedelta(days=len(kinds[0].wanted))
        answer = await link.connector.inventory([kind.product_id for kind in kinds], start, end)
        if not isinstance(answer, Done):
            return answer
        wanted = {str(kind.room_type_id): kind for kind in kinds}
        free_of = {one.room_type_id: _free(one, start, len(kinds[0].wanted)) for one in answer.value}
        for one in nights:
            kind = wanted[one["room_type_id"]]
            first, last = ((date.fromisoformat(one[name]) - start).days for name in ("start", "end"))
            sweep.healed += kind.wanted[first:last] == free_of[kind.product_id][first:last]
    return Done((found, None))


@dataclass(frozen=True, slots=True)
class _View:
    """What the shop would sell of a type on each night, how many rooms healing gives back, and why it has too few."""

    free: Sequence[int]
    yielding: Sequence[int]
    why: str


def _yielding(inventory: RoomInventory, holders: Collection[str], start: date, nights: int) -> list[int]:
    """Return how many rooms are held on each night by what healing takes away: blocks of ours, and unread bookings."""
    held: list[set[int]] = [set() for _ in range(nights)]
    for hold in inventory.holds:
        if hold.holder in holders:
            for night in range(
                max(0, (hold.stay.check_in - start).days), min(nights, (hold.stay.check_out - start).days)
            ):
                held[night].add(hold.room_id)
    return [len(rooms) for rooms in held]


def _free(inventory: RoomInventory, start: date, nights: int) -> list[int]:
    """Return how many rooms nothing holds on each night."""
    taken: list[set[int]] = [set() for _ in range(nights)]
    for hold in inventory.holds:
        for night in range(max(0, (hold.stay.check_in - start).days), min(nights, (hold.stay.check_out - start).days)):
            taken[night].add(hold.room_id)
    rooms = set(inventory.room_ids)
    return [len(rooms - some) for some in taken]


def _differing_nights(kind: TypeWindow, view: _View, start: date, config: Config) -> list[Difference]:
    """Return one difference for each run of nights on which the two sides would sell other numbers of rooms."""
    found: list[Difference] = []
    for night, (ours, theirs, yielding) in enumerate(zip(kind.wanted, view.free, view.yielding, strict=True)):
        if ours == theirs:
            continue
        healing = _healing_of_night(ours - theirs, yielding, view.why, config)
        day, last = start + timedelta(days=night), found[-1] if found else None
        same = last is not None and all(last[name] == value for name, value in healing.items())
        if last and same and (last["house"], last["qloapps"], last["end"]) == (ours, theirs, day.isoformat()):
            last["end"] = (day + timedelta(days=1)).isoformat()
            continue
        found.append(
            {
                "kind": "availability",
                "subject": f"{kind.room_type_id}:{day}",
                "room_type_id": str(kind.room_type_id),
                "room_type": kind.name,
                "start": day.isoformat(),
                "end": (day + timedelta(days=1)).isoformat(),
                "house": ours,
                "qloapps": theirs,
                "what": f"The house has {ours} left and QloApps would sell {theirs}.",
                **healing,
            }
        )
    return found


def _healing_of_night(missing: int, yielding: int, fewer: str, config: Config) -> Difference:
    """Say what healing does about a night: `missing` rooms there of what the house has left, `yielding` can be had."""
    if not config.sync_availability:
        why = "Sending availability is switched off."
        return {"why": why, "healing": "None, as long as it is switched off.", "heals": False}
    if missing < 0:
        return {"healing": "Blocks the rest.", "heals": True}
    if missing <= yielding:
        return {"healing": "Releases blocks of ours, or reads the booking that holds the room.", "heals": True}
    why = fewer or "Something in QloApps that is not ours holds rooms there."
    return {"why": why, "healing": "Asks: no block of ours holds these rooms, so none can be released.", "heals": False}


async def _ask_sample(
    link: Link, kinds: Sequence[TypeWindow], free_of: dict[int, list[int]], start: date, offset: int
) -> Outcome[list[Difference]]:
    """Ask the shop itself about some nights, and tell where it would sell another number than its lines say."""
    products = [kind.product_id for kind in kinds]
    answer = await link.connector.sold_nights(products, start, start + timedelta(days=SAMPLE_NIGHTS))
    if not isinstance(answer, Done):
        return answer
    names = {kind.product_id: kind.name for kind in kinds}
    return Done(
        [
            {
                "kind": "counted_otherwise",
                "subject": f"product:{sold.room_type_id}:{sold.night}",
                "room_type": names[sold.room_type_id],
                "start": sold.night.isoformat(),
                "end": (sold.night + timedelta(days=1)).isoformat(),
                "what": f"QloApps says that {sold.free} rooms are free; by its bookings and rooms they are {counted}.",
                "why": "A room may be closed there for some dates only, which cannot be read.",
                "healing": "Asks: open or close the room in both places.",
                "heals": False,
            }
            for sold in answer.value
            if sold.free != (counted := free_of[sold.room_type_id][offset + (sold.night - start).days])
        ]
    )


async def _strangers(
    link: Link, sweep: DriftSweep, inventories: Sequence[RoomInventory], blocks: set[str]
) -> list[Difference]:
    """Find bookings that hold rooms there and that nobody knows here, and rooms that somebody else has blocked."""
    holds = {hold.holder: hold for one in inventories for hold in one.holds if hold.reference is None}
    orders = {int(holder.partition(":")[2]) for holder in holds if holder.startswith("order:") and holder not in blocks}
    async with link.database.write() as tx:
        known = set(await repository.mappings_of_orders(tx.session, link.property_id, orders))
        unknown = sorted(orders - known)
        heals = sweep.heal and link.config.sync_reservations_inbound
        for order_id in unknown if heals else ():
            await queue_pull(tx, link.property_id, order_id)
    found: list[Difference] = [
        {
            "kind": "booking_missing_here",
            "subject": f"order:{order_id}",
            "qloapps_order_id": order_id,
            "what": "It holds a room in QloApps and is not known here.",
            "healing": "Reads it.",
            "heals": True,
        }
        for order_id in unknown
    ]
    return found + [
        {
            "kind": "foreign_block",
            "subject": holder,
            "start": hold.stay.check_in.isoformat(),
            "end": hold.stay.check_out.isoformat(),
            "what": f"Something that is no booking and not ours holds room {hold.room_id} in QloApps.",
            "healing": "Asks: it is left alone, and fewer rooms are blocked beside it.",
            "heals": False,
        }
        for holder, hold in holds.items()
        if holder.startswith("line:") and holder not in blocks
    ]


# --- prices -----------------------------------------------------------------------------------------------------------


async def _rates(link: Link, sweep: DriftSweep) -> Outcome[Part]:
    """Compare the rules that stand with those that shall stand."""
    if not link.config.sync_rates:
        return Done(([], None))
    answer = await read_prices(link)
    if not isinstance(answer, Done):
        return answer
    found: list[Difference] = []
    for kind, wanted, start in answer.value:
        found += [
            {
                "kind": "rate",
                "subject": f"{kind.room_type_id}:{change.price.first}",
                "room_type_id": str(kind.room_type_id),
                "room_type": kind.name,
                "start": change.price.first.isoformat(),
                "end": (change.price.last + timedelta(days=1)).isoformat(),
                "net": f"{change.price.net:f}",
                "what": "A price rule is missing, wrong or no longer wanted in QloApps.",
                "healing": {"make": "Makes it.", "change": "Changes it.", "delete": "Deletes it."}[change.what],
                "heals": True,
            }
            for change in rates_out.changes(kind.rules, wanted, start)
        ]
        found += [
            {
                "kind": "foreign_rate",
                "subject": f"rule:{rule_id}",
                "room_type": kind.name,
                "start": first,
                "end": (date.fromisoformat(last) + timedelta(days=1)).isoformat(),
                "what": f"The price rule {name or 'without a name'} of somebody else decides these nights.",
                "healing": "Asks: delete it in QloApps if the house shall decide.",
                "heals": False,
            }
            for rule_id, name, first, last in kind.foreign
        ]
    if sweep.heal:
        outcome = await push_rates(link, PushOptions(full=True), SyncResult())
        if not isinstance(outcome, Done):
            return outcome
        if link.may_write and any(one["heals"] for one in found):
            return await _count_healed_rates(link, sweep, found)
    return Done((found, None))


async def _count_healed_rates(link: Link, sweep: DriftSweep, found: list[Difference]) -> Outcome[Part]:
    """Read the rules once more, and count as healed only what is right now."""
    answer = await read_prices(link)
    if not isinstance(answer, Done):
        return answer
    left = {
        f"{kind.room_type_id}:{change.price.first}"
        for kind, wanted, start in answer.value
        for change in rates_out.changes(kind.rules, wanted, start)
    }
    sweep.healed += sum(one["subject"] not in left for one in found if one["heals"])
    return Done((found, None))


# --- the second look --------------------------------------------------------------------------------------------------


async def _count_healed_bookings(link: Link, sweep: DriftSweep) -> Outcome[Part]:
    """Look once more at the bookings that were sent or read meanwhile, and count those on which both sides agree."""
    todo = [one for one in sweep.differences if one["kind"].startswith("booking_") and one["heals"]]
    if not todo or not sweep.heal:
        return Done(([], None))
    ours = [UUID(one["reservation_id"]) for one in todo if "reservation_id" in one]
    orders = [one["qloapps_order_id"] for one in todo if "reservation_id" not in one]
    async with link.database.read() as session:
        mappings = await ari_repository.sent_mappings(session, link.property_id, ours, orders)
    answer = await link.connector.bookings([mapping.qloapps_order_id or 0 for mapping in mappings])
    if not isinstance(answer, Done):
        return answer
    there = {booking.order_id: booking for booking in answer.value}
    async with link.database.write() as tx:
        book = await open_book(tx, link, [])
        for mapping in mappings:
            reservation = await reservations.load(tx.session, link.property_id, mapping.local_reservation_id)
            booking = there.get(mapping.qloapps_order_id or 0)
            if reservation is not None and booking is not None and booking.digest == mapping.remote_digest:
                sweep.healed += not differs_from_agreed(book, mapping, reservation)
    return Done(([], None))


def document(sweep: DriftSweep | None) -> dict[str, Any]:
    """Return a sweep as the API shows it."""
    if sweep is None:
        return {"status": "never", "differences": [], "equal": None}
    return {
        "sweep_id": str(sweep.id),
        "status": sweep.status,
        "heal": sweep.heal,
        "started_at": sweep.started_at.isoformat(),
        "completed_at": sweep.completed_at.isoformat() if sweep.completed_at else None,
        "position": sweep.position,
        "bookings": sweep.bookings,
        "nights": sweep.nights,
        "requests": sweep.requests,
        "healed": sweep.healed,
        "differences": sweep.differences,
        "equal": not sweep.differences if sweep.status == "completed" else None,
    }
