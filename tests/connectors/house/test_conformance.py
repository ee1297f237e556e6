"""The connector to our own house holds what every PMS connector must."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from innkeeper.connectors.base import PmsConnector
from innkeeper.connectors.house import HouseConnector
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.simulators.faults import FaultDial
from innkeeper.storage.database import Database
from innkeeper.storage.types import SCALE
from tests.connectors.conformance import PmsConformance, Stage, done
from tests.connectors.house.stage import EMPTY, KEY_CARD, TODAY, DialledDatabase, HouseDesk, furnish

pytestmark = pytest.mark.anyio


class TestHouse(PmsConformance):
    system = "Innkeeper's own house"

    @pytest.fixture(autouse=True)
    def _file(self, sqlite_url: str) -> None:
        self.url = sqlite_url

    @asynccontextmanager
    async def open_stage(self, timeout_seconds: float = 5.0) -> AsyncIterator[Stage]:
        dial = FaultDial()
        desk, line = Database(self.url, pool_size=2), DialledDatabase(self.url, dial)
        stays = await furnish(desk)
        front_desk = HouseDesk(desk)
        await front_desk.check_out(str(stays["111"]))
        try:
            yield Stage(
                connector=HouseConnector(line, DEFAULT_PROPERTY, timeout_seconds=timeout_seconds),
                desk=front_desk,
                dial=dial,
                writes="/charges",
                codes={},
                currency="EUR",
                room="412",
                shared_room="203",
                blocked_room="305",
                left_room="111",
                empty_room=EMPTY,
                letters_room="A-12",
                key_card=KEY_CARD,
                business_date=TODAY,
                stands=self._stands,
            )
        finally:
            await line.aclose()
            await desk.aclose()

    def _stands(self, reference: str) -> tuple[Decimal, int]:
        with sqlite3.connect(self.url.removeprefix("sqlite:///")) as file:
            rows = file.execute("SELECT amount FROM folio_lines WHERE reference LIKE ?", (f"{reference}/%",)).fetchall()
        return sum((Decimal(row[0]).scaleb(-SCALE) for row in rows), Decimal(0)), len(rows)

    @asynccontextmanager
    async def open_unreachable(self) -> AsyncIterator[PmsConnector]:
        nowhere = Database(f"sqlite:///{Path(self.url.removeprefix('sqlite:///')).parent}/no such folder/innkeeper.db")
        yield HouseConnector(nowhere, DEFAULT_PROPERTY)
        await nowhere.aclose()

    async def test_request_that_a_proxy_doubled_is_seen(self, stage: Stage) -> None:
        draft = await stage.draft()
        first = done(await stage.connector.charge(draft))
        assert done(await stage.connector.charge(draft)).transaction_id == first.transaction_id
        assert stage.held(draft) == (draft.total, 2)
        stage.matrix["Refuses a doubled charge itself"] = "yes"
