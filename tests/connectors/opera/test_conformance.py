"""The OPERA connector holds what every PMS connector must."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from innkeeper.connectors.base import PmsConnector
from innkeeper.connectors.opera import OperaConnector
from innkeeper.simulators.opera import OperaApp
from innkeeper.simulators.opera.demo_hotel import OUTLET_CODES
from tests.connectors.conformance import Desk, PmsConformance, Stage
from tests.connectors.opera.support import on_a_socket, settings

pytestmark = pytest.mark.anyio


class OperaDesk(Desk):
    def __init__(self, app: OperaApp) -> None:
        self.app = app

    async def check_out(self, reservation_id: str) -> None:
        self.app.desk.check_out(reservation_id)

    async def move_room(self, reservation_id: str, room: str) -> None:
        self.app.desk.move_room(reservation_id, room)

    async def set_no_post(self, reservation_id: str, no_post: bool) -> None:
        self.app.desk.set_no_post(reservation_id, no_post)

    async def roll_business_date(self) -> None:
        self.app.desk.roll_business_date()

    async def expire_tokens(self) -> None:
        self.app.desk.expire_tokens()

    async def settle(self) -> None:
        await self.app.settle()


class TestOpera(PmsConformance):
    system = "OPERA Cloud"

    @asynccontextmanager
    async def open_stage(self, timeout_seconds: float = 5.0) -> AsyncIterator[Stage]:
        async with on_a_socket(timeout_seconds=timeout_seconds) as (connector, app):

            def stands(reference: str) -> tuple[Decimal, int]:
                lines = app.state.under_reference(reference)
                return sum((line.amount for line in lines), Decimal(0)), len(lines)

            yield Stage(
                connector=connector,
                desk=OperaDesk(app),
                dial=app.dial,
                writes="/charges",
                codes=OUTLET_CODES["REST"],
                currency="USD",
                room="412",
                shared_room="203",
                blocked_room="305",
                left_room="111",
                empty_room="777",
                letters_room="A-12",
                key_card="CARD412N1",
                business_date=app.state.business_date,
                stands=stands,
            )

    @asynccontextmanager
    async def open_unreachable(self) -> AsyncIterator[PmsConnector]:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        connector = OperaConnector(settings(f"http://127.0.0.1:{port}"))
        yield connector
        await connector.aclose()
