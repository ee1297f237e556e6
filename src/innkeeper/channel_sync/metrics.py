"""Tells Prometheus how each property's synchronisation fares: the figures of /health, without guests and keys."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from prometheus_client.core import GaugeMetricFamily

from innkeeper.channel_sync import repository
from innkeeper.channel_sync.connection import Channels
from innkeeper.channel_sync.status import figures_of, judge
from innkeeper.telemetry.metrics import Gatherer

#: A circuit as a number: how much of it is open.
_OPEN = {"closed": 0.0, "half-open": 0.5, "open": 1.0}

_STATES = ("ok", "degraded", "down", "off")

#: Figures of a direction: name, meaning, and where the figure stands.
_OF_DIRECTIONS = (
    ("lag_seconds", "Inbound: since bookings were last read; outbound: for how long the oldest change has waited"),
    ("queue_age_seconds", "For how long the oldest work of this direction has been due"),
    ("failures_in_a_row", "Contacts that have failed since the last one that went well"),
)


def gatherer(channels: Channels) -> Gatherer:
    """Return what reads the figures of every property when Prometheus asks."""

    async def gather() -> list[GaugeMetricFamily]:
        async with channels.database.read() as session:
            configs = await repository.all_configs(session)
            found = await figures_of(channels, session, configs)
        states = {config.property_id: judge(config, found[config.property_id])[0] for config in configs}
        return [*_directions(found), *_properties(found), _state(states)]

    return gather


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"innkeeper_channel_{name}", meaning, labels=("property", *labels))


def _directions(found: dict[UUID, dict[str, Any]]) -> Iterable[GaugeMetricFamily]:
    each = [
        (str(property_id), direction, figures)
        for property_id, one in found.items()
        for direction, figures in one["directions"].items()
    ]
    success = _gauge("last_success_timestamp_seconds", "When a contact of this direction last went well", "direction")
    circuit = _gauge("circuit_open", "1 while the circuit to QloApps is open, 0.5 on trial", "direction")
    for property_id, direction, figures in each:
        if figures["last_success"]:
            at = datetime.fromisoformat(figures["last_success"]).timestamp()
            success.add_metric((property_id, direction), at)
        circuit.add_metric((property_id, direction), _OPEN[figures["circuit"]])
    yield success
    yield circuit
    for name, meaning in _OF_DIRECTIONS:
        family = _gauge(name, meaning, "direction")
        for property_id, direction, figures in each:
            if figures[name] is not None:
                family.add_metric((property_id, direction), figures[name])
        yield family


def _properties(found: dict[UUID, dict[str, Any]]) -> Iterable[GaugeMetricFamily]:
    left = _gauge("budget_left", "Requests that could leave at once")
    causes = _gauge("attention", "Things that need a person")
    for property_id, figures in found.items():
        left.add_metric((str(property_id),), figures["budget"]["left"])
        causes.add_metric((str(property_id),), figures["attention"])
    return left, causes


def _state(states: dict[UUID, str]) -> GaugeMetricFamily:
    family = _gauge("state", "1 for the state that the synchronisation is in, 0 for the others", "state")
    for property_id, present in states.items():
        for state in _STATES:
            family.add_metric((str(property_id), state), float(state == present))
    return family
