"""The routes of the house, gathered; each of its parts has a module of its own."""

from innkeeper.house import api_day, api_folios, api_guests, api_property, api_rates, api_reservations, api_rooms
from innkeeper.web.routing import Router

router = Router()
for _part in (api_folios, api_day, api_property, api_rooms, api_rates, api_guests, api_reservations):
    router.take_over(_part.router)
