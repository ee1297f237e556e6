"""Every simulator by the name that the command line gives it, with the options that it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from innkeeper.simulators.faults import FaultDial, FaultyApp
from innkeeper.simulators.opera.app import OperaApp, opera_app
from innkeeper.simulators.opera.state import APP_KEY, CLIENT_ID, CLIENT_SECRET, ENTERPRISE_ID, SCOPE
from innkeeper.simulators.qloapps.app import QloAppsApp, qloapps_app


@dataclass(frozen=True, slots=True)
class Simulator:
    """How to make one: call it with a dial and the options; ``options`` says what each of them means."""

    name: str
    title: str
    make: Callable[..., FaultyApp]
    options: Mapping[str, str]
    hint: Callable[[Any], str] = lambda _app: ""
    """A line for whoever started it: which key or user opens it."""

    def __call__(self, dial: FaultDial | None = None, **options: Any) -> FaultyApp:
        """Raises TypeError for an option that it does not take."""
        unknown = options.keys() - self.options.keys()
        if unknown:
            raise TypeError(f"{self.name} takes no {', '.join(sorted(unknown))}; it takes {', '.join(self.options)}")
        return self.make(dial=dial, **options)


def _qloapps_hint(app: QloAppsApp) -> str:
    return f"webservice key {next(iter(app.state.keys))} (user name of Basic authentication), hotel 1"


def _opera_hint(app: OperaApp) -> str:
    return (
        f"hotel {app.state.hotel_id}, client {CLIENT_ID} / {CLIENT_SECRET}, x-app-key {APP_KEY}, scope {SCOPE}, "
        f"enterpriseId {ENTERPRISE_ID}"
    )


SIMULATORS: dict[str, Simulator] = {
    "qloapps": Simulator(
        name="qloapps",
        title="QloApps with its WebService",
        make=qloapps_app,
        options={
            "version": "1.7.0 or dev-2024-10",
            "timezone": "zone of the shop, such as Europe/Warsaw",
            "currency": "ISO code of the shop's currency",
            "tax_rate": "percent of the standard tax",
            "domain": "the only host name that is answered; others are redirected",
            "seed": "seed of references and keys",
        },
        hint=_qloapps_hint,
    ),
    "opera": Simulator(
        name="opera",
        title="OPERA Cloud behind OHIP",
        make=opera_app,
        options={
            "hotel_id": "code of the hotel",
            "currency": "ISO code of the hotel's currency",
            "business_date": "the open day, such as 2026-01-27; today when left out",
            "guests": "how many reservations the hotel has",
            "seed": "seed of guests and tokens",
        },
        hint=_opera_hint,
    ),
}
"""Simulators that serve HTTP. The OTA guests of ``ota.py`` are callers, not servers, and start differently."""
