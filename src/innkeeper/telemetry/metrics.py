"""What Prometheus is told: HTTP traffic by route, and the text of all metrics; never a guest, a key or a name."""

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

#: From a cached lookup to a slow report, in seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

HTTP_SECONDS = Histogram(
    "innkeeper_http_request_duration_seconds",
    "How long a request took, by the route's template and the class of its status",
    ["method", "route", "status"],
    buckets=BUCKETS,
)
HTTP_ERRORS = Counter(
    "innkeeper_http_unexpected_errors", "Requests that ended in an error nobody had foreseen", ["route"]
)

#: Methods that get a label of their own; a made-up one must not make a new time series.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

CONTENT_TYPE = CONTENT_TYPE_LATEST

#: Reads figures that stand in the data base, when they are asked for; whichever process is asked tells the same.
Gatherer = Callable[[], Awaitable[Sequence[Metric]]]


class _Gathered:
    """Figures that were read already, as a collector."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request; `route` is the template, such as `/api/rooms/{room}`, never the path."""
    label = method if method in _METHODS else "other"
    HTTP_SECONDS.labels(label, route, f"{status // 100}xx").observe(seconds)


def text_of(families: Sequence[Metric]) -> bytes:
    """Return gathered figures in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gathered(families))
    return generate_latest(registry)


def exposition() -> bytes:
    """Return all metrics of this process, or of all server processes when PROMETHEUS_MULTIPROC_DIR joins them."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    joined = CollectorRegistry()
    MultiProcessCollector(joined)  # type: ignore[no-untyped-call]
    return generate_latest(joined)
