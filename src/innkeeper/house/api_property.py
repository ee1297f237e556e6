"""The routes of the property: what it is called, its clock, currency, day and tax."""

from innkeeper.access import audit
from innkeeper.access.http import CurrentAdmin, CurrentFrontDesk, Db, PropertyId
from innkeeper.house import properties
from innkeeper.house.schemas import given
from innkeeper.house.schemas_property import PropertyIn, PropertyOut
from innkeeper.web.routing import Router

router = Router(prefix="/api/property", tags=["House"])


@router.get("", summary="Read the property")
async def read_property(database: Db, property_id: PropertyId, _caller: CurrentFrontDesk) -> PropertyOut:
    """Return the hotel's name, clock, currency, business date and tax."""
    async with database.read() as session:
        return PropertyOut.of(await properties.get(session, property_id))


@router.put("", summary="Change the property")
async def change_property(body: PropertyIn, database: Db, property_id: PropertyId, caller: CurrentAdmin) -> PropertyOut:
    """Change what the body holds; the currency only while no reservation exists.

    409 `BUSINESS_DATE` for a date that goes back or more than one night on, unless it is confirmed.
    """
    values = given(body)
    confirmed = values.pop("confirm_business_date", False)
    if "night_audit_time" in body.model_fields_set:
        values["night_audit_time"] = body.night_audit_time
    async with database.write() as tx:
        house = await properties.update(tx, property_id, values, confirmed=confirmed)
        await audit.record(tx, caller, "property.changed", "property", property_id, values, property_id=property_id)
    return PropertyOut.of(house)
