"""The section of the overview that says how room charge stands."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.room_charge import queue, repository
from innkeeper.room_charge.connection import Link, Systems
from innkeeper.room_charge.errors import Refusal
from innkeeper.room_charge.pages_words import Line, as_seen, at_start, lines, pms_name
from innkeeper.room_charge.tables import PostingStatus
from innkeeper.storage.secrets import SecretUnreadable
from innkeeper.web.overview import Figure, Provider, Row, Section, Stuck
from innkeeper.web.pages import Money, money
from innkeeper.web.status import State

#: Charges that the table shows, the newest first, and stuck ones that the head of the overview lists.
_SHOWN, _MOST_STUCK = 8, 100


def provider(systems: Systems) -> Provider:
    """Return the section of one installation's room charge."""

    async def load(session: AsyncSession, property_id: UUID, caller: Caller) -> Section | None:
        try:
            link = await systems.link(property_id)
        except (Refusal, SecretUnreadable) as refusal:
            return Section(
                "room-charge", "Room charge", State.REFUSED, f"{refusal.detail} {refusal.action.rstrip('.')}."
            )
        return await _section(session, link, caller)

    return Provider("room-charge", "Room charge", load)


async def _section(session: AsyncSession, link: Link, caller: Caller) -> Section:
    waiting, total = await repository.page_of_queue(session, link.property_id, limit=_MOST_STUCK, offset=0)
    newest, _ = await repository.page_of_charges(session, link.property_id, limit=_SHOWN, offset=0)
    stuck = [
        one
        for one in lines(waiting, link, caller)
        if one.standing.state in (State.NEEDS_YOU, State.IN_DOUBT) and one.row.next_attempt_at is None
    ]
    pms = as_seen(queue.pms_state(await repository.config(session, link.property_id)), waiting)
    state, sentence = _state(link, pms, len(stuck), total)
    is_waiter = not caller.role.at_least(Role.FRONT_DESK)
    return Section(
        key="room-charge",
        title="Room charge",
        state=state,
        sentence=sentence,
        figures=await _figures(session, link, link.hotel.business_date, total, len(stuck)),
        columns=("Check", "Room", "Guest", "Amount", "When"),
        rows=[
            Row(
                cells=(
                    one.row.check_number,
                    one.row.room_number,
                    one.row.guest_name,
                    Money(one.row.total, one.row.currency),
                    one.row.created_at,
                ),
                state=one.standing.state,
                link=f"/postings/{one.row.id}",
                key=str(one.row.id),
            )
            for one in lines([(None, row) for row in newest], link, caller)
        ],
        link="/pos" if is_waiter else "/postings",
        link_label="Charge a room" if is_waiter else "Open the postings",
        empty="Checks that the outlets charge to rooms appear here. The first is taken under Room charge.",
        stuck=[_stuck(one) for one in stuck] if caller.role.at_least(Role.MANAGER) else (),
    )


def _state(link: Link, pms: queue.PmsState, stuck: int, waiting: int) -> tuple[State, str]:
    name = at_start(pms_name(link.pms_type))
    if not link.active:
        return State.OFF, "Room charges are switched off."
    if stuck:
        return State.NEEDS_YOU, f"{stuck} charge{'' if stuck == 1 else 's'} cannot go on without a manager."
    if pms.status == "troubled":
        return State.ON_ITS_WAY, f"{name} does not answer. Charges are kept and sent by themselves when it is back."
    if waiting:
        return (
            State.ON_ITS_WAY,
            f"{waiting} charge{'' if waiting == 1 else 's'} on the way to {pms_name(link.pms_type)}.",
        )
    return State.DONE, "Every charge stands on a bill."


async def _figures(session: AsyncSession, link: Link, day: date, waiting: int, stuck: int) -> list[Figure]:
    rows = await repository.charges_of_days(session, link.property_id, day, day)
    posted = [row for row in rows if row.status is PostingStatus.POSTED and row.business_date == day]
    currency = link.hotel.currency
    total = sum((row.total for row in posted if row.currency == currency), Decimal(0))
    return [
        Figure("Charged today", money(total, currency)),
        Figure("Checks", str(len(posted))),
        Figure("On the way", str(waiting - stuck)),
        Figure("Needs somebody", str(stuck)),
    ]


def _stuck(one: Line) -> Stuck:
    row = one.row
    return Stuck(
        sentence=f"Check {row.check_number} for room {row.room_number}: {one.standing.sentence}",
        since=row.created_at,
        link=f"/postings/{row.id}",
        action="Settle it" if one.standing.state is State.IN_DOUBT else "Mend it",
        state=one.standing.state,
    )
