"""Examines an installation: what works, what does not, and what to do about it."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from innkeeper import bootstrap
from innkeeper.access import audit
from innkeeper.channel_sync import repository
from innkeeper.channel_sync.settings import findings as channel_findings
from innkeeper.domain.errors import InnkeeperError
from innkeeper.domain.outcome import Done, Refused
from innkeeper.house import properties
from innkeeper.room_charge import config as charge_config
from innkeeper.room_charge import evidence, mailing, seals
from innkeeper.settings import Settings, WrongSettings
from innkeeper.storage import migrate
from innkeeper.storage.database import why
from innkeeper.storage.secrets import SecretUnreadable
from innkeeper.telemetry import alerts

OK, WARNING, FAILED, OFF = "ok", "warning", "failed", "off"

#: Faults of the seals that are named one by one.
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was examined: `ok`, `warning`, `failed` or `off`, and why in a sentence."""

    name: str
    state: str
    detail: str

    def document(self) -> dict[str, Any]:
        """Return the finding as JSON."""
        return asdict(self)


async def examine(settings: Settings, property_id: UUID) -> list[Finding]:
    """Examine settings, alerts, data base, trail, signed days, broker, mail, channel and PMS; change nothing."""
    try:
        container = bootstrap.build(settings)
    except WrongSettings as error:
        return [Finding("settings", FAILED, str(error))]
    try:
        found = [Finding("settings", OK, "Every setting can be used."), await _alerts(settings)]
        database = await _database(container)
        found.append(database)
        if database.state != FAILED:
            found.append(await _trail(container))
            found += await _signed(container)
            found.append(await _seals(container))
        found.append(await _broker(settings))
        found.append(await _mail(container))
        if database.state != FAILED:
            found += await _channel(container, property_id)
            found += await _pms(container, property_id)
        return found
    finally:
        await container.aclose()


async def _alerts(settings: Settings) -> Finding:
    if not settings.alerts:
        return Finding("alerts", OFF, "INNKEEPER_ALERT_URLS is not set; nobody is told outside the screens.")
    wrong = await asyncio.to_thread(alerts.unusable, settings.alerts)
    if wrong:
        words = f"INNKEEPER_ALERT_URLS holds addresses that Apprise does not understand: {', '.join(wrong)}."
        return Finding("alerts", FAILED, words)
    count = len(settings.alerts)
    return Finding("alerts", OK, f"{count} address{'' if count == 1 else 'es'} can be written to; nothing was sent.")


async def _database(container: bootstrap.Container) -> Finding:
    try:
        await container.database.ping()
        problem = await migrate.problem(container.database)
    except (SQLAlchemyError, OSError) as error:
        return Finding("database", FAILED, f"It does not answer: {why(error)}.")
    if problem:
        return Finding("database", FAILED, problem)
    kind = "SQLite" if container.database.is_sqlite else "PostgreSQL"
    return Finding("database", OK, f"{kind} answers, and the schema is up to date.")


async def _trail(container: bootstrap.Container) -> Finding:
    async with container.database.read() as session:
        report = await audit.verify_chain(session)
    if report.intact:
        return Finding("audit trail", OK, f"All {report.entries} entries are as they were written.")
    fault = report.faults[0]
    return Finding("audit trail", FAILED, f"Entry {fault.sequence} of {fault.property_id}: {fault.reason}.")


async def _signed(container: bootstrap.Container) -> list[Finding]:
    async with container.database.read() as session:
        days, pictures = await evidence.signed_days(session), await evidence.signatures(session)
    told = (
        ("signed days", days, f"All {days.count} signed reports are as they were signed."),
        ("signatures", pictures, f"All {pictures.count} signatures are as they were drawn."),
    )
    found = []
    for name, verified, fine in told:
        found += [Finding(name, FAILED, fault) for fault in verified.faults] or [Finding(name, OK, fine)]
    return found


async def _seals(container: bootstrap.Container) -> Finding:
    async with container.database.read() as session:
        report = await seals.verify(session)
    if not report.faults:
        return Finding("charges", OK, f"All {report.attempts} sealed attempts and their charges are as they were.")
    more = len(report.faults) - _NAMED
    words = [*report.faults[:_NAMED], f"And {more} more." if more > 0 else ""]
    return Finding("charges", FAILED, " ".join(filter(None, words)))


async def _broker(settings: Settings) -> Finding:
    if not settings.rabbitmq_url:
        return Finding("RabbitMQ", OFF, "Not set; workers take their work from the data base.")
    import aio_pika  # which every start would load with this module

    try:
        connection = await aio_pika.connect(settings.rabbitmq_url, timeout=5)
        await connection.close()
    except (OSError, aio_pika.exceptions.AMQPError, TimeoutError) as error:
        return Finding("RabbitMQ", FAILED, f"It does not answer: {why(error)}.")
    return Finding("RabbitMQ", OK, "It answers.")


async def _mail(container: bootstrap.Container) -> Finding:
    if container.mail_server is None:
        return Finding("mail", OFF, "Not set; receipts are not mailed.")
    problem = await mailing.check(container.mail_server)
    if problem:
        return Finding("mail", FAILED, problem)
    return Finding("mail", OK, f"{container.mail_server.host} answers.")


async def _pms(container: bootstrap.Container, property_id: UUID) -> list[Finding]:
    try:
        link = await container.systems.link(property_id)
    except InnkeeperError as error:
        return [Finding("PMS", FAILED, f"{error.detail} {error.action}")]
    if not link.active:
        return [Finding("PMS", OFF, "Room charges are switched off.")]
    answer = await charge_config.describe(link)
    if not isinstance(answer, Done):
        words = (answer.message, answer.detail) if isinstance(answer, Refused) else (answer.reason,)
        return [Finding("PMS", FAILED, " ".join(filter(None, words)))]
    facts = answer.value
    version = f", version {facts.version}," if facts.version else ""
    found = [Finding("PMS", OK, f"{facts.system} of {facts.hotel}{version} answers.")]
    faults = charge_config.faults(facts, link.hotel.currency)
    found += [Finding("PMS", FAILED, sentence) for sentence in faults]
    return found + [Finding("PMS", WARNING, sentence) for sentence in facts.warnings]


async def _channel(container: bootstrap.Container, property_id: UUID) -> list[Finding]:
    async with container.database.read() as session:
        if await repository.config(session, property_id) is None:
            return [Finding("QloApps", OFF, "This property is not connected to one.")]
        house = await properties.get(session, property_id)
    try:
        link = await container.channels.link(property_id)
    except SecretUnreadable as error:
        return [Finding("QloApps", FAILED, f"{error.detail} {error.action}")]
    answer = await link.connector.describe()
    if not isinstance(answer, Done):
        return [Finding("QloApps", FAILED, answer.message if isinstance(answer, Refused) else answer.reason)]
    facts = answer.value
    found = [Finding("QloApps", OK, f"{facts.hotel_name}, version {facts.version}, answers.")]
    state = FAILED if facts.missing_permissions else WARNING
    found += [
        Finding("QloApps", state, sentence) for sentence in channel_findings(facts, house.currency, house.timezone)
    ]
    return found
