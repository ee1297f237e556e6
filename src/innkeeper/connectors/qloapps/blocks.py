"""Keeps rooms from being sold: reads what holds the rooms of a type, makes, moves and releases blocks of ours.

A block is a booking with total 0 where that is quiet (1.7.0), and a room line without an order where a booking would
send mails (the 2024 snapshot) or where the room type's shortest or longest stay forbids one (see README.md).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from lxml import etree

from innkeeper.connectors.qloapps import shop_time
from innkeeper.connectors.qloapps.client import id_filter
from innkeeper.connectors.qloapps.config import BLOCK_PREFIX, BOOKING_STATUS_NEW, PAYMENT_STATUS_AWAITING
from innkeeper.connectors.qloapps.errors import Proof, QloAppsError, outcome_of, proof_of
from innkeeper.connectors.qloapps.reader import QloAppsReader, chunks
from innkeeper.connectors.qloapps.wire import BookingOut, CustomerOut, RoomGroupOut, RoomOut, int_of, text_of
from innkeeper.connectors.qloapps.writer import QloAppsWriter
from innkeeper.domain.channel import BlockDraft, ChannelBlock, ChannelHold, RoomInventory
from innkeeper.domain.outcome import Done, Outcome, Unknown
from innkeeper.domain.stay import Stay

_FIELDS = (
    "id,id_product,id_hotel,id_order,id_room,id_status,date_from,date_to,check_out,is_refunded,is_back_order,comment"
)
_CHECKED_OUT = 3
_INACTIVE = 2

#: Which rooms there are changes seldom, and nothing of it is told by a poll.
_ROOMS_BELIEVED = timedelta(hours=1)

#: Who "books" a block; one customer for all of them, under an address that no mail can reach.
_NOBODY = CustomerOut(
    email="innkeeper-block@guest.invalid", first_name="Innkeeper", last_name="Block", phone="0000000000"
)

_ORDER, _LINE = "order", "line"


class QloAppsBlocks:
    """Blocks and inventory of one hotel. Methods raise QloAppsError."""

    def __init__(self, reader: QloAppsReader, writer: QloAppsWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._client = reader.client
        self._rooms_read_at: datetime | None = None

    # reading -------------------------------------------------------------------------------------------------------

    async def inventory(
        self, room_type_ids: Sequence[int], start: date, end: date, *, fresh: bool
    ) -> list[RoomInventory]:
        """Return the rooms of the types and what holds them; one request, one more where the rooms are read again."""
        now = self._client.server_now()
        old = self._rooms_read_at is None or now - self._rooms_read_at > _ROOMS_BELIEVED
        rooms = await self._reader.rooms(fresh=fresh or old)
        if fresh or old:
            self._rooms_read_at = now
        type_of = {room.id: room.room_type_id for room in rooms}
        held: dict[int, list[ChannelHold]] = {room_type_id: [] for room_type_id in room_type_ids}
        for row in await self._rows({"filter[id_product]": id_filter(room_type_ids)}, start, end):
            kind = int_of(row["id_product"])
            # a line with a room of another type holds neither
            if kind in held and type_of.get(int_of(row["id_room"])) == kind and (stay := _held_nights(row)):
                held[kind].append(_hold(row, stay))
        return [
            RoomInventory(
                kind,
                tuple(room.id for room in rooms if room.room_type_id == kind and room.status != _INACTIVE),
                tuple(of),
            )
            for kind, of in held.items()
        ]

    async def _rows(self, filters: Mapping[str, str], start: date, end: date | None) -> list[dict[str, Any]]:
        """Return the lines that reach beyond the first night, page by page."""
        size = self._client.settings.line_list_size
        query = {
            "date": "1",
            **filters,
            "filter[id_hotel]": f"[{self._reader.hotel_id}]",
            "filter[date_to]": f">[{start} 00:00:00]",
            **({"filter[date_from]": f"<[{end}]"} if end else {}),
            "sort": "[id_ASC]",
            "limit": f"0,{size}",
            "display": f"[{_FIELDS}]",
        }
        found: list[dict[str, Any]] = []
        while True:
            page = await self._client.rows("room_bookings", "bookings", query)
            found += page
            if len(page) < size:
                return found
            query["filter[id]"] = f">[{page[-1]['id']}]"

    async def blocks(self, start: date) -> list[ChannelBlock]:
        """Return our blocks that hold a room after `start`: two requests, and one for each `id_chunk` of them."""
        facts = await self._reader.facts()
        ended = {facts.states.cancelled, facts.states.refunded}
        orders = await self._client.rows(
            "orders",
            "orders",
            {"filter[source]": f"[{BLOCK_PREFIX}]%", "display": "[id,source,current_state]"},
        )
        reference_of = {
            int(row["id"]): text_of(row["source"]).removeprefix(BLOCK_PREFIX)
            for row in orders
            if int_of(row["current_state"]) not in ended
        }
        rows: list[dict[str, Any]] = []
        for some in chunks(reference_of, self._client.settings.id_chunk):
            rows += await self._rows({"filter[id_order]": id_filter(some)}, start, None)
        bare = await self._rows({"filter[id_order]": "[0]"}, start, None)
        found = [_block(row, reference_of[int_of(row["id_order"])]) for row in rows]
        found += [_block(row, reference) for row in bare if (reference := _reference(row)) is not None]
        return [block for block in found if block is not None]

    # making --------------------------------------------------------------------------------------------------------

    async def make(self, draft: BlockDraft) -> Outcome[ChannelBlock]:
        """Keep a room from sale; one request when it is answered."""
        facts = await self._reader.facts_for_writing()
        kind = (await self._reader.room_type_rows()).get(draft.room_type_id)
        nights = draft.stay.nights
        quiet = not facts.is_snapshot
        if kind is not None and quiet and nights >= kind.min_los and not 0 < kind.max_los < nights:
            return await self._book(draft)
        return await self._hold(draft)

    async def _book(self, draft: BlockDraft) -> Outcome[ChannelBlock]:
        source = BLOCK_PREFIX + draft.reference
        facts = await self._reader.facts()
        room = RoomOut(1, 0, (), 0.0, 0, draft.room_id)
        group = RoomGroupOut(
            draft.room_type_id, draft.stay.check_in.isoformat(), draft.stay.check_out.isoformat(), (room,)
        )
        out = BookingOut(
            hotel_id=self._reader.hotel_id,
            currency=facts.currency(facts.default_currency_id) or "",
            customer=_NOBODY,
            groups=(group,),
            source=source,
            booking_status=BOOKING_STATUS_NEW,
            payment_status=PAYMENT_STATUS_AWAITING,
        )
        failure: QloAppsError | None = None
        try:
            made = await self._client.send_booking("POST", "bookings", out.document())
            ((line,),) = [kind["rooms"] for kind in made["associations"]["room_types"]]
            return Done(_made(draft, _ORDER, int(made["id"]), int(line["id_hotel_booking"]), int(line["id_room"])))
        except QloAppsError as error:
            # a proxy that repeats the POST brings the refusal of the second one, while the first one stands
            if proof_of(error) is Proof.NOTHING_DONE and error.reason != "NOT_AVAILABLE":
                return outcome_of(error)
            failure = error
        except (KeyError, ValueError, TypeError):
            pass  # it was made; how it stands there is read below
        return await self._find_booked(draft, failure)

    async def _find_booked(self, draft: BlockDraft, failure: QloAppsError | None) -> Outcome[ChannelBlock]:
        """Look up what a POST without a whole answer made; a copy that a proxy made of it is cancelled."""
        facts = await self._reader.facts()
        evidence = {"reference": draft.reference, "answer": failure.reason if failure else "clean"}
        try:
            orders = await self._reader.orders_by_source(BLOCK_PREFIX + draft.reference)
            living = [o for o in orders if o.state not in (facts.states.cancelled, facts.states.refunded)]
            rows = (
                await self._rows({"filter[id_order]": id_filter([o.id for o in living])}, draft.stay.check_in, None)
                if living
                else []
            )
            for copy in living[1:]:
                await self._writer.set_state(copy.id, facts.states.cancelled)
        except QloAppsError as error:
            return Unknown(
                "A block was sent to QloApps; looking whether it stands failed.", evidence | {"look": error.reason}
            )
        found = [
            block for row in rows if (block := _block(row, draft.reference)) and int_of(row["id_order"]) == living[0].id
        ]
        if found:
            return Done(found[0])
        if failure is not None and proof_of(failure) is not Proof.STILL_OPEN:
            return outcome_of(failure)
        return Unknown("A block was sent to QloApps and is not to be seen there (yet).", evidence)

    async def _hold(self, draft: BlockDraft) -> Outcome[ChannelBlock]:
        document = await self._line_document(draft)
        try:
            answer = await self._client.send_xml("POST", "room_bookings", document)
            line_id = int(answer.findtext("booking/id") or 0)
            if line_id:
                return Done(_made(draft, _LINE, line_id, line_id, draft.room_id))
            failure = QloAppsError("no id in the answer", "BROKEN_ANSWER", 201, "POST /room_bookings")
        except QloAppsError as error:
            if proof_of(error) is Proof.NOTHING_DONE:
                return outcome_of(error)
            failure = error
        evidence = {"reference": draft.reference, "answer": failure.reason}
        try:
            bare = await self._rows({"filter[id_order]": "[0]"}, draft.stay.check_in, draft.stay.check_out)
            found = [
                block for row in bare if _reference(row) == draft.reference and (block := _block(row, draft.reference))
            ]
            for copy in found[1:]:
                await self._client.delete(f"room_bookings/{copy.line_id}")
        except QloAppsError as error:
            return Unknown(
                "A block was sent to QloApps; looking whether it stands failed.", evidence | {"look": error.reason}
            )
        if found:
            return Done(found[0])
        if proof_of(failure) is Proof.LOOKING_SETTLES:
            return outcome_of(failure)
        return Unknown("A block was sent to QloApps and is not to be seen there (yet).", evidence)

    async def _line_document(self, draft: BlockDraft) -> etree._Element:
        """Return the line of [270]. Every field is demanded, whatever it means for a line without an order."""
        kinds = await self._reader.room_type_rows()
        numbers = {room.id: room.number for room in await self._reader.rooms()}
        first, last = draft.stay.check_in, draft.stay.check_out
        values = {
            "id_product": draft.room_type_id,
            "id_hotel": self._reader.hotel_id,
            "id_order": 0,
            "id_order_detail": 0,
            "id_cart": 0,
            "id_room": draft.room_id,
            # nobody's: the shop's list of arrivals would show the guest who has this number
            "id_customer": 0,
            "booking_type": 1,
            "id_status": 1,
            "comment": BLOCK_PREFIX + draft.reference,
            "date_from": f"{first} 00:00:00",
            "date_to": f"{last} 00:00:00",
            **({} if (await self._reader.facts()).is_snapshot else {"planned_check_out": f"{last} 11:00:00"}),
            **dict.fromkeys(("total_price_tax_excl", "total_price_tax_incl", "total_paid_amount"), 0),
            **dict.fromkeys(("is_refunded", "is_cancelled", "is_back_order"), 0),
            "room_num": numbers.get(draft.room_id) or "-",
            "room_type_name": kinds[draft.room_type_id].name if draft.room_type_id in kinds else "-",
            "hotel_name": "Innkeeper",
            "city": "x",
            "country": "x",
            "phone": "0000000000",
            "email": _NOBODY.email,
            "check_in_time": "12:00",
            "check_out_time": "11:00",
            "adults": 1,
            "children": 0,
            "child_ages": "[]",
        }
        root = etree.Element("qloapps")
        booking = etree.SubElement(root, "booking")
        for name, value in values.items():
            etree.SubElement(booking, name).text = str(value)
        return root

    # changing ------------------------------------------------------------------------------------------------------

    async def reshape(self, block: ChannelBlock, stay: Stay) -> Outcome[ChannelBlock]:
        """Give the block's line other dates, in place and without a gap; two requests. Raises WriteInDoubt."""
        changes = {"date_from": f"{stay.check_in} 00:00:00", "date_to": f"{stay.check_out} 00:00:00"}
        await self._writer.lines.update(block.line_id, changes)
        return Done(
            ChannelBlock(block.block_id, block.reference, block.room_type_id, block.room_id, block.line_id, stay)
        )

    async def release(self, block: ChannelBlock) -> Outcome[None]:
        """Give the room back; one request."""
        kind, _, number = block.block_id.partition(":")
        try:
            if kind == _ORDER:
                facts = await self._reader.facts()
                await self._writer.set_state(int(number), facts.states.cancelled)
            else:
                await self._client.delete(f"room_bookings/{number}")
        except QloAppsError as error:
            if error.reason == "NOT_FOUND":
                return Done(None)
            if proof_of(error) is Proof.NOTHING_DONE:
                return outcome_of(error)
            return Unknown("The release of a block was sent to QloApps without an answer.", {"block": block.block_id})
        return Done(None)


def _held_nights(row: Mapping[str, Any]) -> Stay | None:
    """Return the nights that a line takes from sale: none when refunded, and none after an early check-out [275]."""
    if int_of(row["is_refunded"]) or int_of(row["is_back_order"]):
        return None
    first, last = shop_time.parse_date(text_of(row["date_from"])), shop_time.parse_date(text_of(row["date_to"]))
    left = text_of(row["check_out"])
    if int_of(row["id_status"]) == _CHECKED_OUT and left and not left.startswith("0000"):
        last = min(last, shop_time.parse_date(left))
    return Stay(first, last) if first < last else None


def _holder(row: Mapping[str, Any]) -> str:
    order_id = int_of(row["id_order"])
    return f"{_ORDER}:{order_id}" if order_id else f"{_LINE}:{int(row['id'])}"


def _reference(row: Mapping[str, Any]) -> str | None:
    """Return our reference in a line without an order; a booking's comment is its guest's."""
    comment = text_of(row["comment"])
    ours = not int_of(row["id_order"]) and comment.startswith(BLOCK_PREFIX)
    return comment.removeprefix(BLOCK_PREFIX) if ours else None


def _hold(row: Mapping[str, Any], stay: Stay) -> ChannelHold:
    return ChannelHold(_holder(row), _reference(row), int(row["id"]), int_of(row["id_room"]), stay)


def _block(row: Mapping[str, Any], reference: str) -> ChannelBlock | None:
    stay = _held_nights(row)
    if stay is None:
        return None
    return ChannelBlock(
        _holder(row), reference, int_of(row["id_product"]), int_of(row["id_room"]), int(row["id"]), stay
    )


def _made(draft: BlockDraft, kind: str, number: int, line_id: int, room_id: int) -> ChannelBlock:
    return ChannelBlock(f"{kind}:{number}", draft.reference, draft.room_type_id, room_id, line_id, draft.stay)
