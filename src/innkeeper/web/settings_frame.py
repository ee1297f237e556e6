"""What all screens of the settings share: their sections by role, and the sentence after an act."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from innkeeper.access.caller import Caller
from innkeeper.access.roles import Role
from innkeeper.web.pages import render

ROOT = "/settings"


@dataclass(frozen=True, slots=True)
class Section:
    """One screen of the settings, shown to callers with `role` or above."""

    path: str
    label: str
    role: Role


SECTIONS = (
    Section(f"{ROOT}/property", "Property", Role.MANAGER),
    Section(f"{ROOT}/qloapps", "QloApps", Role.MANAGER),
    Section(f"{ROOT}/pms", "Room charge", Role.ADMIN),
    Section(f"{ROOT}/outlets", "Outlets", Role.ADMIN),
    Section(f"{ROOT}/users", "Users", Role.ADMIN),
    Section(f"{ROOT}/tokens", "API tokens", Role.ADMIN),
    Section(f"{ROOT}/alerts", "Alerts", Role.ADMIN),
    Section(f"{ROOT}/audit", "Audit trail", Role.MANAGER),
    Section(f"{ROOT}/password", "Your password", Role.MANAGER),
)

NOTICES: Mapping[str, str] = {
    "saved": "Saved.",
    "added": "Added.",
    "revoked": "Revoked. Other server processes learn of it within five seconds.",
    "disabled": "Disabled and signed out everywhere.",
    "enabled": "Enabled again.",
    "sent": "The test alert was taken by every service.",
    "password": "Your password is changed, and every other session of yours has ended.",
}


def draw(
    request: Request, caller: Caller, template: str, *, notice: str = "", status: int = 200, **context: Any
) -> HTMLResponse:
    """Return a screen of the settings beside its sections."""
    return render(
        request,
        template,
        status_code=status,
        tabs=[section for section in SECTIONS if caller.role.at_least(section.role)],
        notice=NOTICES.get(notice, ""),
        may_change=caller.role.at_least(Role.ADMIN),
        **context,
    )


def go(path: str, notice: str = "saved") -> Response:
    """Return the way back to a screen after an act, so that a reload does not act again."""
    return RedirectResponse(f"{path}?notice={notice}", status_code=303)
