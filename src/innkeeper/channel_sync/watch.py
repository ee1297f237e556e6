"""Watches that the shop stays the one that was connected: hotel, currency, zone, clock and the rights of the key."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from innkeeper.channel_sync import ari_work, attention, repository
from innkeeper.channel_sync.connection import Link, lane
from innkeeper.channel_sync.tables import Config, InboundCursor
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.channel import BrokerFacts
from innkeeper.domain.outcome import Done, Later, Outcome
from innkeeper.house import properties
from innkeeper.house.tables import Property
from innkeeper.jobs import claims
from innkeeper.storage.database import Tx

#: Seconds by which the shop's clock may differ before somebody is told.
SKEW_WORTH_A_WORD = 120

#: What work does while there is no such hotel: it waits, and is brought forward when there is.
HELD = Later("QloApps has no such hotel, or has switched it off.", 60.0, code="WRONG_HOTEL")

#: How far is read back after the shop's zone was changed: what was stamped since, in any zone of the world.
_ZONE_CHANGE = timedelta(hours=26)


def is_held(config: Config) -> bool:
    """Whether nothing may be read or sent, because QloApps has said that there is no such hotel."""
    return config.shop_facts.get("hotel_known") is False


async def check(link: Link) -> Outcome[Any]:
    """Look at the shop as a whole, and open or close what a person must know of it."""
    answer = await link.connector.describe()
    if isinstance(answer, Done):
        async with link.database.write() as tx:
            await note_facts(tx, link, answer.value)
        return Done("looked at")
    return answer


async def note_facts(tx: Tx, link: Link, facts: BrokerFacts) -> None:
    """Keep what a look at the shop has shown, tell what is wrong with it, and take back what is right again."""
    config = await repository.config(tx.session, link.property_id)
    if config is None:
        return
    house = await properties.get(tx.session, link.property_id)
    await _note_hotel(tx, link, config, facts)
    await _note_rights(tx, config, facts)
    if facts.timezone:  # else the key may not read the settings, which is told as a missing right
        await _note_currency(tx, config, house, facts)
        await _note_zone(tx, link, config, house, facts)
        await _note_clock(tx, config, facts)
    config.shop_facts = {**facts_document(facts), "zones": _zones(config, facts), "looked_at": utc_now().isoformat()}


def _zones(config: Config, facts: BrokerFacts) -> int:
    """Return how often the shop's zone has changed: each time every process must forget what it knows of the shop."""
    before, count = config.shop_facts.get("timezone"), int(config.shop_facts.get("zones", 0))
    return count + bool(before and facts.timezone and before != facts.timezone)


def facts_document(facts: BrokerFacts) -> dict[str, Any]:
    """Return what is kept of a look at the shop."""
    document = asdict(facts)
    document["languages"] = list(facts.languages)
    document["missing_permissions"] = [asdict(permission) for permission in facts.missing_permissions]
    document["warnings"] = list(facts.warnings)
    return document


async def _open_or_close(tx: Tx, config: Config, kind: str, wrong: bool, key: str = "shop", **facts: Any) -> bool:
    """Open the cause or close it, and say whether it has just been closed."""
    if wrong:
        await attention.open_cause(tx, config.property_id, kind, key, **facts)
        return False
    return await attention.close_cause(tx, config.property_id, kind, key)


async def _note_hotel(tx: Tx, link: Link, config: Config, facts: BrokerFacts) -> None:
    mended = await _open_or_close(
        tx, config, "wrong_hotel", not facts.hotel_known, "connection", hotel=config.qloapps_hotel_id
    )
    if mended:
        await claims.bring_forward(tx, lane(link.property_id), HELD.code or "", utc_now())


async def _note_rights(tx: Tx, config: Config, facts: BrokerFacts) -> None:
    unused = unused_purposes(config)
    missing = [right for right in facts.missing_permissions if right.purpose not in unused]
    named = ", ".join(f"{right.method} {right.resource}" for right in missing)
    await _open_or_close(tx, config, "missing_rights", bool(missing), "connection", detail=f"{named}.")


def unused_purposes(config: Config) -> set[str]:
    """Return the purposes of rights that nothing needs while their function is switched off."""
    switches = {"availability": config.sync_availability, "rates": config.sync_rates}
    return {purpose for purpose, on in switches.items() if not on}


async def _note_currency(tx: Tx, config: Config, house: Property, facts: BrokerFacts) -> None:
    wrong = facts.currency != house.currency
    names = {"currency": facts.currency, "ours": house.currency}
    if await _open_or_close(tx, config, "shop_currency", wrong, "rates", **names) and config.mode == "live":
        await ari_work.queue_window(tx, config)


async def _note_zone(tx: Tx, link: Link, config: Config, house: Property, facts: BrokerFacts) -> None:
    """Tell of a zone other than the approved one; one that has just changed makes the next look begin earlier."""
    approved = (config.approved_plan or {}).get("qloapps", {}).get("timezone") or house.timezone
    await _open_or_close(tx, config, "shop_zone", facts.timezone != approved, zone=facts.timezone, before=approved)
    before = config.shop_facts.get("timezone")
    if before and before != facts.timezone:
        row = await tx.session.get(InboundCursor, config.property_id)
        if row is not None:
            since = row.updated_at - _ZONE_CHANGE
            await repository.keep_cursor(tx.session, config.property_id, dict(link.connector.cursor_at(since)))


async def _note_clock(tx: Tx, config: Config, facts: BrokerFacts) -> None:
    minutes = round(facts.clock_skew_seconds / 60)
    await _open_or_close(tx, config, "clock_skew", abs(facts.clock_skew_seconds) > SKEW_WORTH_A_WORD, minutes=minutes)
    await _open_or_close(tx, config, "repeated_hour", facts.repeated_hour)
