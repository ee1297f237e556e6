"""Every query on users, sessions, tokens, refused sign-ins and the trail."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload
from sqlalchemy.sql.base import Executable

from innkeeper.access.roles import Role
from innkeeper.access.tables import AuditChainRow, AuditRow, SessionRow, SignInFailureRow, TokenRow, UserRow


async def user_by_id(session: AsyncSession, user_id: UUID) -> UserRow | None:
    """Return the user, active or not."""
    return await session.get(UserRow, user_id)


async def user_by_name(session: AsyncSession, name: str) -> UserRow | None:
    """Return the user with this normalised name, active or not."""
    return (await session.scalars(select(UserRow).where(UserRow.name == name))).one_or_none()


async def users(
    session: AsyncSession, property_id: UUID | None, *, limit: int, offset: int
) -> tuple[Sequence[UserRow], int]:
    """Return one page of the users by name, and how many there are; with a property, only its own."""
    chosen = select(UserRow)
    if property_id is not None:
        chosen = chosen.where(UserRow.property_id == property_id)
    total = await session.scalar(select(func.count()).select_from(chosen.subquery()))
    page = await session.scalars(chosen.order_by(UserRow.name).limit(limit).offset(offset))
    return page.all(), total or 0


async def other_admins(session: AsyncSession, user_id: UUID) -> int:
    """Return how many other active administrators of all properties there are."""
    count = await session.scalar(
        select(func.count())
        .select_from(UserRow)
        .where(
            UserRow.id != user_id,
            UserRow.active,
            UserRow.role == Role.ADMIN.value,
            UserRow.property_id.is_(None),
        )
    )
    return count or 0


async def session_by_hash(session: AsyncSession, token_hash: str) -> SessionRow | None:
    """Return the signed-in session together with its user."""
    query = select(SessionRow).where(SessionRow.token_hash == token_hash).options(joinedload(SessionRow.user))
    return (await session.scalars(query)).one_or_none()


async def touch_session(session: AsyncSession, session_id: UUID, now: datetime) -> None:
    """Note that the session was used."""
    await session.execute(update(SessionRow).where(SessionRow.id == session_id).values(last_seen_at=now))


async def choose_property(session: AsyncSession, token_hash: str, property_id: UUID, new_hash: str) -> None:
    """Note which property the person of the session is at work on, and give the session another token."""
    chosen = update(SessionRow).where(SessionRow.token_hash == token_hash)
    await session.execute(chosen.values(property_id=property_id, token_hash=new_hash))


async def delete_session(session: AsyncSession, token_hash: str) -> None:
    """End the session, if there is one."""
    await session.execute(delete(SessionRow).where(SessionRow.token_hash == token_hash))


async def delete_sessions_of(session: AsyncSession, user_id: UUID) -> None:
    """End all sessions of a user."""
    await session.execute(delete(SessionRow).where(SessionRow.user_id == user_id))


async def delete_stale_sessions(session: AsyncSession, now: datetime, idle_since: datetime) -> None:
    """Remove the sessions that have run out or were not used since `idle_since`."""
    await session.execute(
        delete(SessionRow).where(or_(SessionRow.expires_at <= now, SessionRow.last_seen_at <= idle_since))
    )


async def token_by_id(session: AsyncSession, token_id: UUID) -> TokenRow | None:
    """Return the token, revoked or not."""
    return await session.get(TokenRow, token_id)


async def token_by_hash(session: AsyncSession, token_hash: str) -> TokenRow | None:
    """Return the token unless it is revoked."""
    query = select(TokenRow).where(TokenRow.token_hash == token_hash, TokenRow.revoked_at.is_(None))
    return (await session.scalars(query)).one_or_none()


async def tokens(
    session: AsyncSession, property_id: UUID | None, *, limit: int, offset: int
) -> tuple[Sequence[TokenRow], int]:
    """Return one page of the tokens, newest first, and how many there are; with a property, only its own."""
    chosen = select(TokenRow)
    if property_id is not None:
        chosen = chosen.where(TokenRow.property_id == property_id)
    total = await session.scalar(select(func.count()).select_from(chosen.subquery()))
    page = await session.scalars(chosen.order_by(TokenRow.id.desc()).limit(limit).offset(offset))
    return page.all(), total or 0


async def touch_token(session: AsyncSession, token_id: UUID, now: datetime, unless_since: datetime) -> None:
    """Note that the token was used, unless somebody noted it since `unless_since`."""
    await session.execute(
        update(TokenRow)
        .where(
            TokenRow.id == token_id,
            or_(TokenRow.last_used_at.is_(None), TokenRow.last_used_at <= unless_since),
        )
        .values(last_used_at=now)
    )


async def lock_failures(session: AsyncSession, subject: str, now: datetime) -> SignInFailureRow:
    """Return the subject's count, made if need be; held until the transaction ends, so guesses are counted singly."""
    values = {"subject": subject, "failed_attempts": 0, "last_failure_at": now}
    await session.execute(_insert_or_nothing(session, SignInFailureRow, values))
    query = select(SignInFailureRow).where(SignInFailureRow.subject == subject).with_for_update()
    return (await session.scalars(query)).one()


async def forget_failures(session: AsyncSession, subjects: Sequence[str]) -> None:
    """Start counting anew."""
    await session.execute(delete(SignInFailureRow).where(SignInFailureRow.subject.in_(subjects)))


async def forget_old_failures(session: AsyncSession, before: datetime) -> None:
    """Remove counts that nothing was added to since `before` and that do not lock any more."""
    locks = SignInFailureRow.locked_until
    await session.execute(
        delete(SignInFailureRow).where(SignInFailureRow.last_failure_at < before, or_(locks.is_(None), locks < before))
    )


async def advance_chain(session: AsyncSession, property_id: UUID, genesis: str) -> tuple[int, str]:
    """Return the next sequence of the chain and its last hash; the chain is held until the transaction ends."""
    advance = (
        update(AuditChainRow)
        .where(AuditChainRow.property_id == property_id)
        .values(sequence=AuditChainRow.sequence + 1)
        .returning(AuditChainRow.sequence, AuditChainRow.hash)
        .execution_options(synchronize_session=False)
    )
    end = (await session.execute(advance)).one_or_none()
    if end is None:
        values = {"property_id": property_id, "sequence": 0, "hash": genesis}
        await session.execute(_insert_or_nothing(session, AuditChainRow, values))
        end = (await session.execute(advance)).one()
    return end[0], end[1]


async def append_to_chain(session: AsyncSession, entry: AuditRow) -> None:
    """Write an entry and its hash as the end of its chain."""
    columns = {column.name: getattr(entry, column.name) for column in AuditRow.__table__.columns if column.name != "id"}
    await session.execute(insert(AuditRow).values(columns))
    await session.execute(
        update(AuditChainRow)
        .where(AuditChainRow.property_id == entry.property_id)
        .values(hash=entry.hash)
        .execution_options(synchronize_session=False)
    )


async def chains(session: AsyncSession) -> Sequence[AuditChainRow]:
    """Return the end of each chain."""
    return (await session.scalars(select(AuditChainRow))).all()


async def last_entries(session: AsyncSession) -> dict[UUID, int]:
    """Return the highest sequence in the trail of each property."""
    rows = await session.execute(
        select(AuditRow.property_id, func.max(AuditRow.sequence)).group_by(AuditRow.property_id)
    )
    return {row[0]: row[1] for row in rows}


async def audit_between(
    session: AsyncSession, property_id: UUID, after: int, until: int, limit: int
) -> Sequence[AuditRow]:
    """Return the next entries of a chain, in its order, up to the sequence `until`."""
    query = select(AuditRow).where(AuditRow.property_id == property_id, AuditRow.sequence.between(after + 1, until))
    return (await session.scalars(query.order_by(AuditRow.sequence).limit(limit))).all()


async def audit_of(session: AsyncSession, entity_type: str, action: str) -> Sequence[AuditRow]:
    """Return the entries of all properties that tell of this having been done to entities of that type, in order."""
    query = select(AuditRow).where(AuditRow.entity_type == entity_type, AuditRow.action == action)
    return (await session.scalars(query.order_by(AuditRow.id))).all()


async def audit_about(session: AsyncSession, entity_type: str, after: int, limit: int) -> Sequence[AuditRow]:
    """Return the next entries about a kind of thing after the one with that id, oldest first."""
    query = select(AuditRow).where(AuditRow.entity_type == entity_type, AuditRow.id > after)
    return (await session.scalars(query.order_by(AuditRow.id).limit(limit))).all()


async def audit_page(
    session: AsyncSession,
    properties: Sequence[UUID],
    *,
    entity_type: str | None,
    entity_id: str | None,
    limit: int,
    offset: int,
) -> tuple[Sequence[AuditRow], int]:
    """Return one page of the trail, newest first, and how many entries there are."""
    chosen = select(AuditRow).where(AuditRow.property_id.in_(properties))
    if entity_type is not None:
        chosen = chosen.where(AuditRow.entity_type == entity_type)
    if entity_id is not None:
        chosen = chosen.where(AuditRow.entity_id == entity_id)
    total = await session.scalar(select(func.count()).select_from(chosen.subquery()))
    page = await session.scalars(chosen.order_by(AuditRow.id.desc()).limit(limit).offset(offset))
    return page.all(), total or 0


def _insert_or_nothing(
    session: AsyncSession, table: type[AuditChainRow] | type[SignInFailureRow], values: dict[str, object]
) -> Executable:
    if session.get_bind().dialect.name == "postgresql":
        return postgresql_insert(table).values(values).on_conflict_do_nothing()
    return sqlite_insert(table).values(values).on_conflict_do_nothing()
