"""The screens on which both sides' room types, bookings and customers are matched."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, cast
from uuid import UUID

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from innkeeper.access.http import CurrentFrontDesk, CurrentManager, Db
from innkeeper.access.roles import Role
from innkeeper.channel_sync import api_mappings, repository, runs
from innkeeper.channel_sync.api import channels_of
from innkeeper.channel_sync.pages_frame import PAGE, ROOT, Notice, Offset, Pager, draw, go
from innkeeper.channel_sync.room_types import DIRECTIONS, Suggestion, suggest
from innkeeper.channel_sync.schemas import CustomerMappingIn, CustomerMappingOut, MappingStatus, RoomTypeMappingIn
from innkeeper.channel_sync.tables import RoomTypeMapping
from innkeeper.channel_sync.type_facts import Difference, differences
from innkeeper.domain.channel import ChannelRoomType
from innkeeper.domain.errors import Invalid, NotFound
from innkeeper.domain.outcome import Done, Refused
from innkeeper.house import api_guests, guests, properties
from innkeeper.house.tables import Property, RoomType
from innkeeper.web.pages import Hotel, render
from innkeeper.web.routing import Router
from innkeeper.web.status import State

MAPPINGS = f"{ROOT}/mappings"

router = Router(prefix=f"{ROOT}/mappings", include_in_schema=False)

DIRECTION_WORDS = {"bidirectional": "Both ways", "inbound": "Bookings in only", "outbound": "Out only"}
#: What a direction means, below the lines and where one is chosen.
DIRECTION_MEANINGS = {
    "bidirectional": "Bookings come in and take rooms; reservations, rooms left and prices go out.",
    "inbound": "Bookings come in and take rooms; nothing of the type is sent, so QloApps may sell what is taken here.",
    "outbound": "Reservations, rooms left and prices go out; a booking of the type is stored and listed, but takes no "
    "room here.",
}
METHODS = {
    "email": "Same e-mail address",
    "phone": "Same phone number",
    "name": "Same name",
    "manual": "Said by a person",
    "created": "New guest made",
}
MAPPING_STATES = {
    "pending": (State.ON_ITS_WAY, "on its way"),
    "synced": (State.DONE, "agreed"),
    "partial": (State.NEEDS_YOU, "partly there"),
    "in_doubt": (State.IN_DOUBT, "in doubt"),
    "refused": (State.REFUSED, "refused"),
    "gone": (State.OFF, "gone there"),
}


@dataclass(frozen=True, slots=True)
class Pair:
    """One line between both sides: mapped, suggested, or with one end only."""

    ours: RoomType | None
    rooms: int
    theirs: ChannelRoomType | None
    product_id: int | None
    mapping: RoomTypeMapping | None = None
    suggestion: Suggestion | None = None
    differences: Sequence[Difference] = ()

    @property
    def kind(self) -> str:
        """What the line says: mapped, suggested, or which side stands alone."""
        if self.mapping is not None:
            return "mapped"
        if self.suggestion is not None:
            return "suggested"
        return "ours" if self.ours is not None else "theirs"


def pairs(
    ours: Sequence[RoomType],
    counts: dict[UUID, int],
    theirs: Sequence[ChannelRoomType],
    mappings: Sequence[RoomTypeMapping],
    house: Property,
) -> list[Pair]:
    """Return both sides as lines: what is mapped, what is suggested, what stands alone."""
    by_id, products = {kind.id: kind for kind in ours}, {product.room_type_id: product for product in theirs}
    mapped = [
        Pair(
            by_id.get(m.local_room_type_id),
            counts.get(m.local_room_type_id, 0),
            products.get(m.qloapps_product_id),
            m.qloapps_product_id,
            m,
            differences=_differences(by_id.get(m.local_room_type_id), products.get(m.qloapps_product_id), house),
        )
        for m in mappings
    ]
    mapped_here, mapped_there = {m.local_room_type_id for m in mappings}, {m.qloapps_product_id for m in mappings}
    free_ours = [kind for kind in ours if kind.id not in mapped_here]
    free_theirs = [product for product in theirs if product.room_type_id not in mapped_there]
    found = suggest(free_ours, counts, free_theirs)
    suggested = [
        Pair(s.room_type, counts.get(s.room_type.id, 0), s.product, s.product.room_type_id, None, s) for s in found
    ]
    used_here, used_there = {s.room_type.id for s in found}, {s.product.room_type_id for s in found}
    alone = [Pair(kind, counts.get(kind.id, 0), None, None) for kind in free_ours if kind.id not in used_here]
    strangers = [Pair(None, 0, p, p.room_type_id) for p in free_theirs if p.room_type_id not in used_there]
    return [*mapped, *suggested, *alone, *strangers]


def _differences(ours: RoomType | None, theirs: ChannelRoomType | None, house: Property) -> Sequence[Difference]:
    return differences(ours, theirs, house) if ours is not None and theirs is not None else ()


# --- room types -------------------------------------------------------------------------------------------------------


@router.get("")
async def room_types(request: Request, caller: CurrentFrontDesk, hotel: Hotel, notice: Notice = "") -> HTMLResponse:
    """Show the frame at once; both sides arrive when QloApps has answered."""
    async with channels_of(request).database.read() as session:
        config = await repository.config(session, hotel.id)
    return await draw(
        request, caller, hotel, "channels/mappings.html", notice=notice, connected=config is not None, part="room-types"
    )


@router.get("/lines")
async def lines(request: Request, caller: CurrentFrontDesk, hotel: Hotel) -> HTMLResponse:
    """Draw ours left, theirs right, and the lines between; without QloApps what is known of it."""
    channels = channels_of(request)
    link = await channels.link(hotel.id)
    answer = await link.connector.room_types()
    async with channels.database.read() as session:
        mappings = await repository.room_type_mappings(session, hotel.id)
        ours = await repository.room_types(session, hotel.id)
        counts = await repository.room_counts(session, hotel.id)
        house = await properties.get(session, hotel.id)
    trouble = ""
    if not isinstance(answer, Done):
        trouble = answer.message if isinstance(answer, Refused) else answer.reason
    theirs = answer.value if isinstance(answer, Done) else ()
    found = pairs(ours, counts, theirs, mappings, house)
    return render(
        request,
        "channels/mapping_lines.html",
        pairs=found,
        trouble=trouble,
        free=[pair.theirs for pair in found if pair.theirs is not None and pair.mapping is None],
        missing=link.config.shop_facts.get("missing_permissions", []),
        mode=link.config.mode,
        directions=DIRECTION_WORDS,
        meanings=DIRECTION_MEANINGS,
        may_manage=caller.role.at_least(Role.MANAGER),
    )


@router.post("")
async def change(
    request: Request,
    caller: CurrentManager,
    hotel: Hotel,
    act: Annotated[Literal["map", "unmap", "make"], Form()],
    ours: Annotated[UUID | None, Form()] = None,
    theirs: Annotated[int | None, Form()] = None,
    direction: Annotated[str, Form(max_length=20)] = DIRECTIONS[-1],
    mapping: Annotated[UUID | None, Form()] = None,
) -> Response:
    """Map a pair, take a mapping away, or make here what is missing."""
    if act == "make":
        asked = runs.Request(what="room-types", create_missing=True)
        return go(ROOT, "queued", run=str(await runs.start(channels_of(request), hotel.id, asked)))
    if act == "unmap" and mapping is not None:
        await api_mappings.unmap_room_type(request, caller, hotel.id, mapping)
        return go(MAPPINGS, "unmapped")
    if ours is None or theirs is None:
        raise Invalid.field("theirs", "Choose the room type of QloApps that this one is sold as.")
    body = RoomTypeMappingIn(local_room_type_id=ours, qloapps_product_id=theirs, sync_direction=direction)
    await api_mappings.map_room_type(request, caller, hotel.id, body)
    return go(MAPPINGS, "mapped")


# --- bookings ---------------------------------------------------------------------------------------------------------


@router.get("/reservations")
async def reservations(
    request: Request,
    caller: CurrentFrontDesk,
    hotel: Hotel,
    status: Annotated[str, Query(max_length=20)] = "",
    offset: Offset = 0,
) -> HTMLResponse:
    """Show which reservation is which booking there."""
    chosen = cast(MappingStatus, status) if status in MAPPING_STATES else None
    page = await api_mappings.reservation_mappings(request, caller, hotel.id, limit=PAGE, offset=offset, status=chosen)
    async with channels_of(request).database.read() as session:
        names = await repository.confirmations(session, [item.local_reservation_id for item in page.items])
    return await draw(
        request,
        caller,
        hotel,
        "channels/reservations.html",
        items=page.items,
        names=names,
        states=MAPPING_STATES,
        chosen=chosen,
        part="reservations",
        pager=Pager(f"{MAPPINGS}/reservations", page.total, offset, {"status": chosen} if chosen else {}),
    )


# --- customers --------------------------------------------------------------------------------------------------------


@router.get("/customers")
async def customers(
    request: Request, caller: CurrentFrontDesk, hotel: Hotel, notice: Notice = "", offset: Offset = 0
) -> HTMLResponse:
    """Show which guest is which customer, how that was found out and how sure it is."""
    page = await api_mappings.customer_mappings(request, caller, hotel.id, limit=PAGE, offset=offset)
    return await draw(
        request,
        caller,
        hotel,
        "channels/customers.html",
        notice=notice,
        items=page.items,
        methods=METHODS,
        part="customers",
        pager=Pager(f"{MAPPINGS}/customers", page.total, offset, {}),
    )


@router.get("/customers/{mapping_id}")
async def customer(
    request: Request,
    caller: CurrentFrontDesk,
    hotel: Hotel,
    database: Db,
    mapping_id: UUID,
    q: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Show one customer and let a person say which guest it really is."""
    async with database.read() as session:
        row = await repository.customer_mapping(session, hotel.id, mapping_id)
        if row is None:
            raise NotFound("There is no such customer.")
        guest = await guests.get(session, hotel.id, row.local_guest_id)
    found = await api_guests.list_guests(database, hotel.id, caller, q=q, limit=20) if q.strip() else None
    return await draw(
        request,
        caller,
        hotel,
        "channels/customer.html",
        item=CustomerMappingOut.of(row, guest.name),
        guest=guest,
        found=found.items if found else None,
        q=q,
        methods=METHODS,
        part="customers",
    )


@router.post("/customers/{mapping_id}")
async def override(
    request: Request, caller: CurrentFrontDesk, hotel: Hotel, mapping_id: UUID, guest: Annotated[UUID, Form()]
) -> Response:
    """Note who the customer really is."""
    await api_mappings.override_customer(request, caller, hotel.id, mapping_id, CustomerMappingIn(local_guest_id=guest))
    return go(f"{MAPPINGS}/customers", "matched")
