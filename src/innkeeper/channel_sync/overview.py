"""The section of the overview that says how the channel stands."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.channel_sync import pages_repository, repository
from innkeeper.channel_sync.connection import Channels
from innkeeper.channel_sync.log_words import act_of
from innkeeper.channel_sync.status import health_in
from innkeeper.channel_sync.tables import Attention, SyncLog
from innkeeper.web.overview import Figure, Provider, Row, Section, Stuck
from innkeeper.web.status import State

_STATES = {"ok": State.DONE, "degraded": State.NEEDS_YOU, "down": State.REFUSED, "off": State.OFF}


def provider(channels: Channels) -> Provider:
    """Return the section of one installation's channels."""

    async def load(session: AsyncSession, property_id: UUID, caller: Caller) -> Section | None:
        if not caller.role.at_least(Role.FRONT_DESK):
            return None
        found = await health_in(channels, session, property_id)
        if found["status"] == "off" and "queue" not in found:
            return Section(
                key="channels",
                title="QloApps",
                state=State.OFF,
                sentence="No channel is connected.",
                empty="Bookings that come in and go out. Connect a QloApps and they come.",
                link="/channels" if caller.role.at_least(Role.ADMIN) else None,
                link_label="Connect",
            )
        rows = await _latest(session, property_id)
        return Section(
            key="channels",
            title="QloApps",
            state=_STATES[found["status"]],
            sentence=found["reasons"][0] if found["reasons"] else _all_well(found["mode"]),
            figures=await _figures(session, property_id, found),
            columns=("Reservation", "What", "Guest", "Channel", "When"),
            rows=rows,
            link="/channels",
            link_label="Open the channel",
            empty="Bookings that come in and go out appear here as they happen.",
            stuck=await _stuck(session, property_id),
        )

    return Provider("channels", "QloApps", load)


def _all_well(mode: str) -> str:
    return {
        "live": "Bookings and reservations are in step.",
        "shadow": "Bookings are read; what would be sent is only reported.",
        "rehearsal": "Bookings are read; nothing is sent before you go live.",
    }[mode]


async def _figures(session: AsyncSession, property_id: UUID, found: dict[str, object]) -> list[Figure]:
    query = (
        select(SyncLog.direction, func.count())
        .where(SyncLog.property_id == property_id, SyncLog.success)
        .group_by(SyncLog.direction)
    )
    counts = {direction: count for direction, count in (await session.execute(query)).all()}  # noqa: C416  typed
    waiting = found["queue"]["queued"] if isinstance(found["queue"], dict) else 0
    lag = found["inbound_lag_seconds"]
    return [
        Figure("Came in", str(counts.get("inbound", 0))),
        Figure("Went out", str(counts.get("outbound", 0))),
        Figure("On its way", str(waiting)),
        Figure("Last answer", "never" if lag is None else f"{lag} s ago"),
    ]


async def _latest(session: AsyncSession, property_id: UUID) -> list[Row]:
    logs, _ = await repository.sync_logs(session, property_id, limit=8, offset=0)
    ids = [log.local_entity_id for log in logs if log.local_entity_id]
    found = await pages_repository.heads(session, property_id, ids)
    return [_row(log, found.get(log.local_entity_id) if log.local_entity_id else None) for log in logs]


def _row(log: SyncLog, head: pages_repository.Head | None) -> Row:
    """Return a line of the log; what concerns no reservation leads to the log's own page."""
    state = State.DONE if log.success else State.NEEDS_YOU
    key, what = str(log.id), act_of(log)
    if head is None:
        booking = f"booking {log.qloapps_entity_id}" if log.entity_type == "reservation" else "no reservation"
        return Row((booking, what, "", "", log.created_at), state=state, link=f"/channels/log/{log.id}", key=key)
    cells = (head.confirmation, what, head.guest, head.channel, log.created_at)
    return Row(cells, state=state, link=head.link, key=key)


async def _stuck(session: AsyncSession, property_id: UUID) -> list[Stuck]:
    rows: list[Attention] = list((await repository.attention_page(session, property_id, limit=20, offset=0))[0])
    return [
        Stuck(
            sentence=f"{row.title}. {row.meaning}",
            since=row.opened_at,
            link="/channels/attention",
            action=row.action,
            state=State.IN_DOUBT if row.kind == "in_doubt" else State.NEEDS_YOU,
        )
        for row in rows
    ]
