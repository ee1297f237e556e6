"""What the tests of access share."""

import pytest

from innkeeper.storage.database import Database
from tests.access.support import Inn, open_inn


@pytest.fixture
def inn(database: Database) -> Inn:
    """An app with nobody in it, once on each kind of data base."""
    return open_inn(database)
