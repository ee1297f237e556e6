"""PHP warnings of the shop's own code: on a strict server they turn a good answer into a 500, after the work."""

from __future__ import annotations

from innkeeper.simulators.qloapps.booking_request import StayWish
from innkeeper.simulators.qloapps.errors import WebserviceError
from innkeeper.simulators.qloapps.model import Row
from innkeeper.simulators.qloapps.state import ShopState


def room_warnings(state: ShopState, stays: list[StayWish]) -> list[tuple[int, str]]:
    """PHP warnings that rooms raise; they matter on a strict server only: no tax at all, and on 1.7.0 a tax group."""
    found = []
    for stay in stays:
        for wish in stay.rooms:
            if wish.given and not wish.has_tax:
                found.append((3, php_warning('Undefined array key "total_tax"', state.version.warning_line_total_tax)))
            elif wish.tax_group and wish.total_tax is None and state.version.is_170:
                found.append((3, php_warning('Undefined array key "id_tax"', 1139)))
            found += _service_warnings(state, wish.services)
    return found + view_warnings(state)


def _service_warnings(state: ShopState, services: list[Row]) -> list[tuple[int, str]]:
    """1.7.0 trips over the tax group of a service, the snapshot over a service without any tax."""
    if state.version.is_170:
        wrong = [row for row in services if row.get("id_tax_rules_group") and row.get("total_tax") is None]
        return [(3, php_warning('Undefined array key "id_tax"', 1139)) for _ in wrong]
    wrong = [row for row in services if not row.get("id_tax_rules_group") and row.get("total_tax") is None]
    return [(3, php_warning('Undefined array key "total_tax"', 580)) for _ in wrong]


def view_warnings(state: ShopState) -> list[tuple[int, str]]:
    """PHP warnings of showing a booking [440]."""
    if state.version.warns_without_use_tax and state.group_without_tax:
        return [(3, php_warning("Undefined variable $useTax", line)) for line in (3463, 3494)]
    return []


def php_warning(text: str, line: int) -> str:
    """A warning as it comes out of the webservice."""
    return (
        f"[PHP Warning #2] {text} "
        f"({{QLO_ROOT}}/classes/webservice/WebserviceSpecificManagementBookings.php, line {line})"
    )


def fail_when_strict(state: ShopState, warnings: list[tuple[int, str]]) -> None:
    """500 instead of the answer, after the work was done."""
    if state.strict and warnings:
        raise WebserviceError(500, *warnings[0], *warnings[1:])
