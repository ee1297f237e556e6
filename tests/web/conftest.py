"""What the tests of the web app share."""

import pytest

from innkeeper.storage.database import Database
from tests.access.support import Inn, open_inn
from tests.web.probe import router


@pytest.fixture
def inn(database: Database) -> Inn:
    """An app with routes that go wrong in every way, once on each kind of data base."""
    return open_inn(database, routers=[router])
