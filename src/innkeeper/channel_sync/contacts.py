"""Writes down how each contact with QloApps went, by direction, and opens or closes the causes that say it fails."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from innkeeper.channel_sync import attention, repository, status_repository
from innkeeper.channel_sync.connection import Channels, Link
from innkeeper.channel_sync.tables import Config, Contact
from innkeeper.domain.business_day import utc_now
from innkeeper.domain.outcome import Done, Later, Outcome, Refused
from innkeeper.storage.database import Tx
from innkeeper.storage.secrets import SecretUnreadable

INBOUND, OUTBOUND = "inbound", "outbound"

#: Refusals that concern every request alike: they are told once, and what met them waits until it is put right.
CUT_OFF = frozenset(
    ("AUTH_ERROR", "WRONG_ADDRESS", "HOST_WITHOUT_PORT", "UNKNOWN_HOTEL", "METHOD_FORBIDDEN", "UNKNOWN_RESOURCE")
)

#: The cause that the stored key cannot be read.
UNREADABLE = "secret_unreadable"

#: One right is missing while others work.
LACKS_RIGHT = "MISSING_PERMISSION"

#: Seconds after which work that was cut off asks again, at first; what goes well then brings the rest forward.
CUT_OFF_WAIT = 30.0

#: After so many failures in a row a person is told; a single one mends itself.
FAILURES_WORTH_A_WORD = 3

#: A success is written down again when the last one is so old; the row is not worth a write for each look.
SUCCESS_EVERY = timedelta(seconds=30)


async def open_link(channels: Channels, property_id: UUID, direction: str) -> Link:
    """Return the property's link; a key that cannot be read is told to a person. Raises NotFound, SecretUnreadable."""
    try:
        return await channels.link(property_id)
    except SecretUnreadable as error:
        async with channels.database.write() as tx:
            await _note_unreadable(tx, property_id, direction, error)
        raise


async def _note_unreadable(tx: Tx, property_id: UUID, direction: str, error: SecretUnreadable) -> None:
    config = await repository.config(tx.session, property_id)
    if config is None:
        return
    row = await status_repository.contact(tx.session, property_id, direction)
    row.last_failure, row.last_error, row.failures = utc_now(), error.detail, row.failures + 1
    config.last_sync_error = error.detail
    config.consecutive_failures += 1
    await attention.open_cause(tx, property_id, UNREADABLE, "connection")


def until_readable(error: SecretUnreadable) -> Later:
    """Return what work does whose key cannot be read: it is not wrong itself, so it waits instead of dying."""
    return Later(error.detail, CUT_OFF_WAIT, error.code)


async def note_answer(link: Link, direction: str, outcome: Outcome[Any], requests_before: int) -> None:
    """Write down how a piece of work went, unless it says nothing new or never spoke to QloApps."""
    if isinstance(outcome, Done):
        if link.connector.requests_made == requests_before:
            return  # nothing had to be said, so nobody knows whether anybody would have listened
        async with link.database.read() as session:
            config = await repository.config(session, link.property_id)
            row = await session.get(Contact, (link.property_id, direction))
        if config is None or _is_known(config, row, link.connector.circuit):
            return
    async with link.database.write() as tx:
        await note_contact(tx, link, outcome, direction)


async def note_contact(tx: Tx, link: Link, outcome: Outcome[Any], direction: str) -> None:
    """Keep when the far side last answered, and open or close the causes that say it does not."""
    config = await repository.config(tx.session, link.property_id)
    if config is None:
        return
    now = utc_now()
    row = await status_repository.contact(tx.session, link.property_id, direction)
    row.circuit = link.connector.circuit
    await attention.close_cause(tx, link.property_id, UNREADABLE, "connection")
    if isinstance(outcome, Done):
        row.last_success, row.last_error, row.failures = now, None, 0
        config.last_successful_sync, config.last_sync_error = now, None
        if config.consecutive_failures:
            config.consecutive_failures = 0
        for kind in ("access", "unreachable"):
            await attention.close_cause(tx, link.property_id, kind, "connection")
        return
    if isinstance(outcome, Refused) and outcome.code == LACKS_RIGHT:
        await attention.open_cause(tx, link.property_id, "missing_rights", "connection", detail=outcome.detail)
    if isinstance(outcome, Refused) and outcome.code not in CUT_OFF and direction == OUTBOUND:
        return  # it listened and did not like one thing, which is that thing's trouble
    reason = outcome.message if isinstance(outcome, Refused) else outcome.reason
    row.last_failure, row.last_error, row.failures = now, reason, row.failures + 1
    config.last_sync_error = reason
    config.consecutive_failures += 1
    if isinstance(outcome, Refused):
        await attention.open_cause(tx, link.property_id, "access", "connection", detail=reason)
    elif config.consecutive_failures >= FAILURES_WORTH_A_WORD:
        await attention.open_cause(tx, link.property_id, "unreachable", "connection", detail=reason)


def patient(outcome: Outcome[Any]) -> Outcome[Any]:
    """Return what a job shall do: work that is cut off is not wrong itself, so it waits instead of dying."""
    if isinstance(outcome, Refused) and (outcome.code in CUT_OFF or outcome.code == LACKS_RIGHT):
        return Later(outcome.message, CUT_OFF_WAIT, outcome.code)
    return outcome


def _is_known(config: Config, row: Contact | None, circuit: str) -> bool:
    """Whether a success is no news: one of this direction was written down a moment ago and nothing failed since."""
    if row is None or row.last_success is None or config.consecutive_failures or row.failures:
        return False
    return row.circuit == circuit and utc_now() - row.last_success < SUCCESS_EVERY
