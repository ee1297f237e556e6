"""Before the first write: what a synchronisation would do on both sides, and the approval that lets it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import repository
from innkeeper.channel_sync.connection import Channels, Link, require_config
from innkeeper.channel_sync.inbound import InboundOptions
from innkeeper.channel_sync.inbound import run as run_inbound
from innkeeper.channel_sync.outbound import push
from innkeeper.channel_sync.preview import Nights, side_by_side
from innkeeper.channel_sync.result import SyncResult
from innkeeper.channel_sync.room_types import suggest
from innkeeper.channel_sync.settings import catch_up, findings
from innkeeper.channel_sync.tables import Config
from innkeeper.channel_sync.watch import facts_document, unused_purposes
from innkeeper.channel_sync.work import queue_scheduled
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.channel import BrokerFacts, ChannelRoomType
from innkeeper.domain.errors import Invalid, OutsideUnavailable, RuleRefused
from innkeeper.domain.outcome import Done, Outcome, Refused
from innkeeper.domain.quoting import quoted
from innkeeper.house import properties
from innkeeper.house.tables import Property

MODES = ("live", "shadow")

#: Enough to see what would happen; the counts of a larger shop are told as "at least".
MOST_REHEARSED = 400


async def rehearse(channels: Channels, property_id: UUID) -> dict[str, Any]:
    """Return both sides side by side and what the first synchronisation would do on each; nothing is changed.

    Raises NotFound when nothing is connected, OutsideUnavailable when QloApps cannot be read.
    """
    link = await channels.link(property_id)
    before = link.connector.requests_made
    facts = _value(await link.connector.describe())
    products = _value(await link.connector.room_types())
    async with channels.database.read() as session:
        house = await properties.get(session, property_id)
        ours = await repository.room_types(session, property_id)
        counts = await repository.room_counts(session, property_id)
        mappings = await repository.room_type_mappings(session, property_id)
    nights = Nights(link, house)
    await nights.begin()
    mapped_ours = {mapping.local_room_type_id for mapping in mappings}
    mapped_theirs = {mapping.qloapps_product_id for mapping in mappings}
    free_ours = [room_type for room_type in ours if room_type.id not in mapped_ours]
    free_theirs = [product for product in products if product.room_type_id not in mapped_theirs]
    inbound = SyncResult(dry_run=True)
    options = InboundOptions(limit=MOST_REHEARSED, dry_run=True, look=nights.see_bookings)
    _value(await run_inbound(link, options, inbound))
    pairs = side_by_side(house, ours, counts, products, mappings)
    return {
        "house": _house_document(house, len(ours), sum(counts.values())),
        "qloapps": _shop_document(facts, products),
        "findings": [
            *findings(facts, house.currency, house.timezone),
            *(sentence for pair in pairs for sentence in pair["findings"]),
        ],
        "room_types": pairs,
        "unmapped": {
            "house": [{"id": str(room_type.id), "name": room_type.name} for room_type in free_ours],
            "qloapps": [{"id": product.room_type_id, "name": product.name} for product in free_theirs],
        },
        "suggestions": [suggestion_document(s) for s in suggest(free_ours, counts, free_theirs)],
        "inbound": inbound.finish().document(),
        "outbound": (await _rehearse_outbound(link)).document(),
        "nights": _value(await nights.document(products)),
        "requests": link.connector.requests_made - before,
        "rehearsed_at": utc_now().isoformat(),
    }


def _house_document(house: Property, room_types: int, rooms: int) -> dict[str, Any]:
    return {
        "name": house.name,
        "timezone": house.timezone,
        "currency": house.currency,
        "tax": "included in prices" if house.tax_included else "added to prices",
        "tax_rate": f"{house.tax_rate:f}",
        "room_types": room_types,
        "rooms": rooms,
    }


def _shop_document(facts: BrokerFacts, products: Sequence[ChannelRoomType]) -> dict[str, Any]:
    rates = sorted({product.tax_rate for product in products if product.tax_rate is not None})
    return {
        **facts_document(facts),
        "tax": "added to prices",
        "tax_rate": ", ".join(f"{rate:f}" for rate in rates) or None,
        "room_types": len(products),
        "rooms": sum(len(product.room_numbers) for product in products),
    }


def suggestion_document(suggestion: Any) -> dict[str, Any]:
    """Return a proposed mapping as the API shows it."""
    return {
        "local_room_type_id": str(suggestion.room_type.id),
        "local_name": suggestion.room_type.name,
        "qloapps_product_id": suggestion.product.room_type_id,
        "qloapps_hotel_id": suggestion.product.hotel_id,
        "qloapps_name": suggestion.product.name,
        "score": suggestion.score,
        "reasons": list(suggestion.reasons),
        "warnings": list(suggestion.warnings),
    }


async def go_live(channels: Channels, property_id: UUID, mode: str, by: str) -> Config:
    """Approve the rehearsal, keep it, and let writing begin (`live`) or only report what would be written (`shadow`).

    Raises Invalid for another mode, RuleRefused with what is missing, OutsideUnavailable, NotFound.
    """
    if mode not in MODES:
        raise Invalid.field("mode", f"{quoted(mode)} is not one of {', '.join(MODES)}.")
    plan = await rehearse(channels, property_id)
    async with channels.database.read() as session:
        unused = unused_purposes(await require_config(session, property_id))
    missing = [right for right in plan["qloapps"]["missing_permissions"] if right["purpose"] not in unused]
    if mode == "live" and not plan["qloapps"]["hotel_known"]:
        raise RuleRefused(
            "QloApps has no such hotel, or has switched it off.",
            code="WRONG_HOTEL",
            action="Correct qloapps_hotel_id with PUT /api/qloapps/config, or switch the hotel on in QloApps.",
        )
    if mode == "live" and missing:
        rights = ", ".join(f"{right['method']} {right['resource']}" for right in missing)
        raise RuleRefused(
            f"The key lacks {rights}.",
            code="PERMISSIONS_MISSING",
            action="Grant them under Advanced Parameters > Webservice in the shop's back office, then try again.",
        )
    async with channels.database.write() as tx:
        config = await require_config(tx.session, property_id)
        config.mode, config.approved_plan = mode, plan
        config.approved_at, config.approved_by = utc_now(), by
        if config.sync_enabled and mode == "live":
            await catch_up(tx, config)
        elif config.sync_enabled:
            await queue_scheduled(tx, property_id)
        return config


async def _rehearse_outbound(link: Link) -> SyncResult:
    result = SyncResult(dry_run=True)
    async with link.database.read() as session:
        house = await properties.get(session, link.property_id)
        waiting = await repository.unsent_reservations(session, link.property_id, house.business_date)
    live = link.as_if_live()
    for reservation_id in waiting[:MOST_REHEARSED]:
        await push(live, reservation_id, result, dry_run=True)
    result.complete = len(waiting) <= MOST_REHEARSED
    return result.finish()


def _value(answer: Outcome[Any]) -> Any:
    if isinstance(answer, Done):
        return answer.value
    if isinstance(answer, Refused):
        raise OutsideUnavailable(answer.message, code=answer.code)
    raise OutsideUnavailable(answer.reason)
