"""The kind of router that every context has: its routes are whole, and the app serves them as they are."""

from typing import Any

from fastapi import APIRouter, Depends

from innkeeper.web.plain_text import refuse_unkeepable
from innkeeper.web.problems import RESPONSES


class Router(APIRouter):
    """A router whose routes have from the beginning what every route of the app has.

    The app takes them over. To include a router has the framework build each of its routes a second time, at the app's
    first request, and find it more slowly at every other one.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(dependencies=[Depends(refuse_unkeepable)], responses=RESPONSES, **options)

    def take_over(self, other: APIRouter) -> None:
        """Serve the other's routes as well, which bear their whole address."""
        self.routes.extend(other.routes)
