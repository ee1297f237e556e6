"""The tables of users, sessions, tokens, refused sign-ins and the audit trail."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    event,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from innkeeper.domain.business_day import utc_now
from innkeeper.storage.base import Base, Keyed, Timestamps


class UserRow(Keyed, Timestamps, Base):
    """A person who signs in; never deleted, since the trail names them."""

    __tablename__ = "users"

    #: In lower case; two names that differ in case only would be mistaken for each other.
    name: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    pin_hash: Mapped[str | None] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    #: None: every property.
    property_id: Mapped[UUID | None] = mapped_column(index=True)
    active: Mapped[bool] = mapped_column(Boolean, default=True)


class SessionRow(Keyed, Base):
    """A browser that is signed in. Only the hash of what its cookie holds is kept."""

    __tablename__ = "sessions"

    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    #: `password` or `pin`.
    method: Mapped[str] = mapped_column(String(20))
    #: Which of all properties the person chose to work on; None: nothing was chosen.
    property_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)

    user: Mapped[UserRow] = relationship(lazy="raise")


class TokenRow(Keyed, Base):
    """A machine's key. The key itself is shown once and never kept."""

    __tablename__ = "tokens"

    name: Mapped[str] = mapped_column(String(80))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(20))
    property_id: Mapped[UUID | None] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    created_by: Mapped[str] = mapped_column(String(80))
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SignInFailureRow(Base):
    """Failed sign-ins in a row, counted per name (also names that do not exist) and per address.

    It is not a column of `users`: a lock that only real names can have would tell which names are real.
    """

    __tablename__ = "sign_in_failures"

    #: What is counted, as a hash: a name with a password, a name with a PIN, or an address.
    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    failed_attempts: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[datetime | None]
    last_failure_at: Mapped[datetime] = mapped_column(index=True)


class AuditChainRow(Base):
    """The end of one property's chain; writers take turns at this row.

    It also betrays a trail whose last entries were cut off. The chain of what concerns no property has the nil UUID.
    """

    __tablename__ = "audit_chains"

    property_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))


class AuditRow(Base):
    """One thing that somebody did. Rows are only ever added; each holds the hash of the one before it."""

    __tablename__ = "audit_trail"
    __table_args__ = (
        UniqueConstraint("property_id", "sequence"),
        Index("ix_audit_trail_entity", "entity_type", "entity_id", "id"),
    )

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), Identity(), primary_key=True, autoincrement=True
    )
    property_id: Mapped[UUID]
    #: Counts 1, 2, 3 … within the property.
    sequence: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
    actor_id: Mapped[UUID]
    actor: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(20))
    via: Mapped[str] = mapped_column(String(20))
    action: Mapped[str] = mapped_column(String(80))
    entity_type: Mapped[str] = mapped_column(String(60))
    entity_id: Mapped[str] = mapped_column(String(100))
    #: Free of secrets and of guests' data.
    detail: Mapped[dict[str, Any]]
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


#: The data base itself refuses to change or remove what is in the trail. Migrations run these statements.
APPEND_ONLY_SQLITE = (
    "CREATE TRIGGER audit_trail_no_update BEFORE UPDATE ON audit_trail "
    "BEGIN SELECT RAISE(ABORT, 'audit_trail is append-only'); END",
    "CREATE TRIGGER audit_trail_no_delete BEFORE DELETE ON audit_trail "
    "BEGIN SELECT RAISE(ABORT, 'audit_trail is append-only'); END",
)
APPEND_ONLY_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION audit_trail_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'audit_trail is append-only'; END $$",
    "CREATE TRIGGER audit_trail_append_only BEFORE UPDATE OR DELETE ON audit_trail "
    "FOR EACH ROW EXECUTE FUNCTION audit_trail_append_only()",
)


@event.listens_for(AuditRow.__table__, "after_create")
def _guard(_table: Table, connection: Connection, **_: Any) -> None:
    statements = APPEND_ONLY_SQLITE if connection.dialect.name == "sqlite" else APPEND_ONLY_POSTGRESQL
    for statement in statements:
        connection.exec_driver_sql(statement)
