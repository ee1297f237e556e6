"""Sets up the logs: one line an event, each with the request id, none with a secret or a guest in it."""

import logging
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from innkeeper.telemetry.redaction import redact_entry

LogFormat = Literal["console", "json"]

#: The id of the request or job that is being worked on; None outside of one.
request_id: ContextVar[str | None] = ContextVar("innkeeper_request_id", default=None)

#: Libraries that say at INFO what we say ourselves, or that write whole messages.
_QUIET = ("uvicorn.access", "httpx", "httpx2", "httpcore2", "apscheduler", "aiosqlite", "aiormq", "aio_pika", "apprise")

#: Entries that structlog makes itself and that hold nothing of anybody's.
_OURS = frozenset({"timestamp", "level", "logger", "request_id"})


def configure_logging(
    format: LogFormat = "console",  # noqa: A002  the name of the setting
    *,
    level: str = "INFO",
    stream: TextIO | None = None,
) -> None:
    """Send the program's own logs and those of the libraries, redacted, to `stream` (standard error when None)."""
    output = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        add_request_id,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor] = [structlog.processors.format_exc_info, redact_event]
    structlog.configure(
        processors=[*shared, *last, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=output.isatty(), exception_formatter=structlog.dev.plain_traceback)
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), *last],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put the id of the present request or job on the line."""
    current = request_id.get()
    if current:
        event.setdefault("request_id", current)
    return event


def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take secrets and personal data out of the line, its traceback included."""
    return _redacted(event)


def _redacted(event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key not in _OURS and not key.startswith("_"):
            event[key] = redact_entry(key, value)
    return event


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module: `log.info("posting sent", outlet=…)`; never a guest's data, never a secret."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
