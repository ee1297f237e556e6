"""Reads and writes a property's PMS settings and outlets; credentials go in and never come out."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.domain.charge import PmsFacts
from innkeeper.domain.errors import Conflict, FieldError, Invalid
from innkeeper.domain.outcome import Done, Outcome
from innkeeper.room_charge import profiles, repository, setting_amounts, settings, states, steps
from innkeeper.room_charge.connection import Link, Systems
from innkeeper.room_charge.settings import BLOCKS, Connection, Options, Outlet
from innkeeper.room_charge.tables import PmsConfig
from innkeeper.storage.database import Tx
from innkeeper.storage.secrets import Keyring, SecretUnreadable

#: Under this name an outlet's codes hold its own cashier, which is no code of a charge.
CASHIER = "cashier"
#: What reading a connection gives and saving one passes over.
_ONLY_READ = ("credentials_set",)


async def save(
    systems: Systems,
    caller: Caller,
    property_id: UUID,
    connection: Connection | None,
    blocks: Mapping[str, settings.Block],
    is_active: bool | None,
) -> PmsConfig:
    """Replace the blocks that are given.

    Raises Refusal for a PMS that nothing speaks to, Invalid for wrong settings, Conflict for another PMS while charges
    of this one are not settled. Credentials that are left out stay, unless the PMS or its address is another one: they
    are for nobody else.
    """
    async with systems.database.write() as tx:
        hotel = await systems.hotel(tx.session, property_id)
        setting_amounts.check_blocks(blocks, hotel.currency)
        row = await _row(tx, property_id)
        options = settings.options_of(row)
        if blocks:
            options = Options(**{name: blocks.get(name, getattr(options, name)) for name in BLOCKS})
            settings.apply(row, options)
        if "guest_profile_sync" in blocks:
            await profiles.forget_unwanted(tx.session, property_id, options.guest_profile_sync)
        if connection is not None:
            await _stay_while_charges_wait(tx, row, connection)
            _connect(systems.keyring, row, connection)
        if is_active is not None:
            row.is_active = is_active
        connector = systems.make(property_id, systems.connection_of(row)) if connection is not None else None
        changed = sorted([*blocks, *(["connection"] if connection is not None else [])])
        await audit.record(
            tx, caller, "pms.configured", "pms_config", property_id, {"changed": changed}, property_id=property_id
        )
    systems.forget(property_id)
    if connector is not None:
        await connector.aclose()
    return row


async def _row(tx: Tx, property_id: UUID) -> PmsConfig:
    row = await repository.config(tx.session, property_id, lock=True)
    if row is None:
        row = settings.new_row(property_id)
        tx.session.add(row)
        await tx.session.flush()
    return row


async def _stay_while_charges_wait(tx: Tx, row: PmsConfig, connection: Connection) -> None:
    """Raises Conflict for another PMS while this one is to be told or asked something about a charge.

    The other one would answer that it has nothing of it, and the guest would be charged twice. A charge in doubt of
    which a manager has said what stands is no reason to keep a PMS that does not answer any more.
    """
    here = settings.origin_of(row)
    if settings.origin(connection.pms_type, connection.api_url, connection.property_code) == here:
        return
    charges = await repository.unfinished(tx.session, row.property_id)
    waiting = [one for one in charges if one.pms_origin in (None, here) and not states.is_vouched(one)]
    if waiting:
        some = "One charge is" if len(waiting) == 1 else f"{len(waiting)} charges are"
        raise Conflict(
            f"{some} not settled yet with the PMS that is connected now, and another one knows nothing of them.",
            code="CHARGES_OPEN",
            action="Settle them, or take them off the queue, under Postings; then change the PMS. "
            "Credentials can be renewed at any time.",
        )


def _connect(keyring: Keyring, row: PmsConfig, connection: Connection) -> None:
    api_url = connection.api_url.strip()
    elsewhere = (row.pms_type, row.api_url.rstrip("/")) != (connection.pms_type, api_url.rstrip("/"))
    if connection.credentials is not None:
        secret = json.dumps(connection.credentials)
        row.api_key_encrypted = keyring.encrypt(secret) if connection.credentials else None
    elif elsewhere:
        row.api_key_encrypted = None
    row.pms_type, row.api_url, row.property_code = connection.pms_type, api_url, connection.property_code
    if elsewhere:
        row.last_contact_at = row.last_failure_at = row.last_failure = None
    own = {name: value for name, value in (connection.model_extra or {}).items() if name not in _ONLY_READ}
    extra = {"timeout_seconds": connection.timeout_seconds, **own}
    row.options = {**row.options, "connection": extra}


def document(systems: Systems, row: PmsConfig | None) -> dict[str, Any]:
    """Return the option blocks as the API shows them: which credentials are set, never what they are."""
    connection = systems.block_of(row)
    connection.pop("credentials", None)
    try:
        credentials = systems.credentials_of(row)
    except SecretUnreadable:
        credentials = {}  # they are to be entered again, and for that the settings must be seen
    options = settings.options_of(row).model_dump(mode="json")
    return {
        "connection": {**connection, "credentials_set": sorted(credentials)},
        **options,
        "is_active": row is None or row.is_active,
        "supported": systems.supports(str(connection["pms_type"])),
        "created_at": row.created_at if row else None,
        "updated_at": row.updated_at if row else None,
    }


async def save_outlets(
    systems: Systems, caller: Caller, property_id: UUID, outlets: Sequence[Outlet]
) -> Sequence[Outlet]:
    """Make these the property's outlets. Raises Invalid for a code that comes twice and for amounts."""
    codes = [outlet.code for outlet in outlets]
    twice = sorted({code for code in codes if codes.count(code) > 1})
    if twice:
        raise Invalid(
            "An outlet's code must be its own.", errors=[FieldError("code", f"{code} comes twice.") for code in twice]
        )
    async with systems.database.write() as tx:
        hotel = await systems.hotel(tx.session, property_id)
        setting_amounts.check_outlets(outlets, hotel.currency)
        row = await _row(tx, property_id)
        row.outlets = [outlet.model_dump(mode="json") for outlet in outlets]
        await audit.record(
            tx, caller, "pms.outlets", "pms_config", property_id, {"codes": codes}, property_id=property_id
        )
    systems.forget(property_id)
    return outlets


async def test_connection(systems: Systems, property_id: UUID) -> Outcome[PmsFacts]:
    """Ask the PMS who it is, and for what would make it refuse charges."""
    link = await systems.link(property_id)
    outcome = await describe(link)
    async with systems.database.write() as tx:
        await steps.note_contact(tx, link, outcome)
    return outcome


async def describe(link: Link) -> Outcome[PmsFacts]:
    """Ask the PMS who it is, with the codes and cashiers of all outlets."""
    codes = [item for outlet in link.outlets.values() for item in outlet.pms_codes.items() if item[1]]
    cashiers = {code for kind, code in codes if kind == CASHIER}
    return await link.connector.describe(sorted({code for kind, code in codes if kind != CASHIER}), sorted(cashiers))


def faults(facts: PmsFacts, currency: str) -> list[str]:
    """Return what makes charges fail, in sentences for a person; `currency` is the property's."""
    found = [f"The PMS has no code {code}; correct it in the outlets." for code in facts.unknown_codes]
    if facts.currency and facts.currency != currency:
        found.append(
            f"The PMS keeps its bills in {facts.currency} and this property works in {currency}: every charge is "
            "refused. Correct the property's currency, or the address and property code of the PMS."
        )
    return [*found, *facts.faults]


def findings(facts: PmsFacts, currency: str) -> list[str]:
    """Return what does not fit, what makes charges fail first, in sentences for a person."""
    return [*faults(facts, currency), *facts.warnings]


async def rotate_secrets(systems: Systems, keyring: Keyring) -> int:
    """Encrypt all credentials with the newest key of the ring; return how many. Raises SecretUnreadable."""
    async with systems.database.write() as tx:
        rows = [row for row in await repository.configs(tx.session) if row.api_key_encrypted]
        for row in rows:
            row.api_key_encrypted = keyring.rotate(row.api_key_encrypted or "")
        return len(rows)


def succeeded(outcome: Outcome[PmsFacts], currency: str) -> bool:
    """Whether the PMS answered as it should."""
    return isinstance(outcome, Done) and not faults(outcome.value, currency)
