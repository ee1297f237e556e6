"""Runs simulators from the command line."""

import asyncio
import sys
from collections.abc import Mapping

import structlog

from innkeeper.settings import WrongSettings
from innkeeper.simulators.faults import FaultDial
from innkeeper.simulators.ota import OtaGuests
from innkeeper.simulators.registry import SIMULATORS
from innkeeper.simulators.server import run

log = structlog.get_logger(__name__)


def run_simulator(name: str, port: int, options: Mapping[str, str], faults: Mapping[str, float]) -> None:
    """Serve a simulator until interrupted. Raises WrongSettings for a name, option or fault that is none."""
    simulator = SIMULATORS.get(name)
    if simulator is None:
        raise WrongSettings(f"{name!r} is not simulated; choose one of ota, {', '.join(SIMULATORS)}.")
    try:
        dial = FaultDial()
        dial.set(**faults)
        app = simulator(dial, **options)
    except (TypeError, ValueError) as error:
        raise WrongSettings(str(error)) from None
    hint = simulator.hint(app)
    try:
        run(app, port=port, on_ready=lambda running: _say(f"{simulator.title} on {running.url}\n{hint}"))
    except OSError as error:
        raise WrongSettings(f"Port {port} cannot be used: {error.strerror}.") from None


def run_ota(url: str, key: str, hotel_id: int, every: float) -> None:
    """Let guests of the OTAs act in a QloApps until interrupted, one act every so many seconds."""
    if not url or not key:
        raise WrongSettings("ota needs --url and --key of the QloApps to book in.")

    async def forever() -> None:
        async with OtaGuests(url, key, hotel_id) as guests:
            while True:
                action = await guests.act()
                _say(f"{action.channel} {action.kind} {action.number} {action.detail}")
                await asyncio.sleep(every)

    try:
        asyncio.run(forever())
    except KeyboardInterrupt:
        _say("Stopped.")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
