"""The errors that mean the data base is away, by whichever layer says so."""

from asyncpg import InterfaceError, PostgresError  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy.exc import SQLAlchemyError

#: An expired timeout is an OSError. asyncpg's own come up unwrapped while a connection to a server that starts or
#: stops is being made.
DATABASE_AWAY: tuple[type[Exception], ...] = (SQLAlchemyError, OSError, PostgresError, InterfaceError)
