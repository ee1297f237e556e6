"""A client of the house's API for each role, and the body of a usual booking."""

from typing import Any

import httpx2

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from tests.access.support import Inn
from tests.house.hotel import Hotel, day


class Desk:
    """A client of the API with a token of one role."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client

    async def call(self, method: str, path: str, status: int = 200, **request: Any) -> Any:
        """Send a request, expect its status and return the answer's JSON."""
        response = await self.client.request(method, f"/api{path}", **request)
        assert response.status_code == status, response.text
        return response.json() if response.content else None


async def desk_of(inn: Inn, role: Role) -> Desk:
    """Return a client with a token of that role."""
    _, text = await inn.access.tokens.create(Caller.system(), f"the {role.label}", role)
    transport = httpx2.ASGITransport(inn.app)
    return Desk(
        httpx2.AsyncClient(
            transport=transport, base_url="http://inn.example", headers={"Authorization": f"Bearer {text}"}
        )
    )


def booking(hotel: Hotel, first: int = 1, last: int = 3, **values: Any) -> dict[str, Any]:
    """Return the body that books a double from day `first` to day `last`."""
    return {
        "check_in": str(day(first)),
        "check_out": str(day(last)),
        "primary_guest": {"name": "Rui Gomes", "email": "rui@example.com", "phone": "+351 911 111 111"},
        "rooms": [{"room_type_id": str(hotel.double), "adults": 2}],
        **values,
    }
