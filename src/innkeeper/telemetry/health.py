"""Asks whether the program can do its work: each check is a question to one thing that it needs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from innkeeper.telemetry.logging import get_logger
from innkeeper.telemetry.redaction import redact_text

log = get_logger(__name__)

#: Returns a sentence that says what is wrong, or None when all is well; may raise.
Check = Callable[[], Awaitable[str | None]]

#: Seconds for all checks together; a prober does not wait longer.
PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The answer to one check: `problem` is None when all is well."""

    name: str
    problem: str | None

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return self.problem is None


async def run_checks(checks: Mapping[str, Check]) -> list[CheckResult]:
    """Run all checks at once and return their results in their order; one that hangs or raises is a problem."""
    return list(await asyncio.gather(*(_run(name, check) for name, check in checks.items())))


async def _run(name: str, check: Check) -> CheckResult:
    try:
        async with asyncio.timeout(PATIENCE):
            return CheckResult(name, await check())
    except TimeoutError:
        return CheckResult(name, f"no answer within {PATIENCE:g} seconds")
    except Exception as error:  # noqa: BLE001  whatever a check raises is its answer: not well
        log.warning("health check failed", check=name, error=redact_text(str(error)))
        return CheckResult(name, f"failed with {type(error).__name__}")
