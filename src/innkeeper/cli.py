"""The command line: reads the arguments, calls one function, prints for a person or as JSON, and exits 0, 1 or 2."""

import asyncio
import json
import logging
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from innkeeper import bootstrap, cli_reports
from innkeeper.access import audit
from innkeeper.access.caller import Caller
from innkeeper.access.http import LARGEST
from innkeeper.access.roles import Role
from innkeeper.access.tokens import Tokens
from innkeeper.access.users import Users
from innkeeper.channel_sync import explain as channel_explain
from innkeeper.channel_sync import runs
from innkeeper.channel_sync import settings as channel_settings
from innkeeper.channel_sync.replay import replay as replay_message
from innkeeper.domain.errors import InnkeeperError
from innkeeper.domain.ids import DEFAULT_PROPERTY
from innkeeper.house import properties, repository
from innkeeper.jobs.leases import LeaseHeld
from innkeeper.room_charge import audit_day
from innkeeper.room_charge import config as charge_config
from innkeeper.settings import Settings, WrongSettings, load_settings
from innkeeper.storage import migrate, secrets
from innkeeper.storage.database import Unreachable, why
from innkeeper.telemetry.logging import configure_logging

app = typer.Typer(
    help="The hub that keeps a hotel's systems in step.", no_args_is_help=True, pretty_exceptions_enable=False
)
db = typer.Typer(help="The data base.", no_args_is_help=True)
user = typer.Typer(help="People who sign in.", no_args_is_help=True)
token = typer.Typer(help="Keys for machines.", no_args_is_help=True)
hotel = typer.Typer(help="The hotels of this installation.", no_args_is_help=True)
secret = typer.Typer(help="Keys that encrypt what is stored.", no_args_is_help=True)
app.add_typer(db, name="db")
app.add_typer(user, name="user")
app.add_typer(token, name="token")
app.add_typer(secret, name="secrets")
app.add_typer(hotel, name="property")

console = Console()
errors = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
PropertyOption = Annotated[UUID, typer.Option("--property", help="The property; left out, the only or default one.")]


class Failed(Exception):
    """The command did not do what was asked; the text is one line for a person."""


def main() -> None:
    """Run the command line; whatever goes wrong is one line and an exit code."""
    try:
        app()
    except WrongSettings as error:
        _stop(str(error), 2)
    except (Failed, migrate.SchemaNewer, Unreachable) as error:
        _stop(str(error), 1)
    except DBAPIError as error:
        _stop(f"The data base did not do its part: {why(error)}. Nothing is half done; try again.", 1)
    except InnkeeperError as error:
        _stop(f"{error.detail} {error.action}", 1)
    except LeaseHeld:
        _stop("Another synchronisation of this property is running; try again when it has ended.", 1)


def _stop(message: str, code: int) -> None:
    errors.print(message, style="red" if errors.is_terminal else None, markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


def _settings(**overrides: object) -> Settings:
    settings = load_settings(**{name: value for name, value in overrides.items() if value is not None})
    configure_logging(settings.log_format, level=settings.log_level)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return settings


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Server processes; more than one needs PostgreSQL.")
    ] = 1,
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Run the worker beside the server.")] = True,
) -> None:
    """Run the API, the screens and (by default) the worker."""
    from innkeeper.serving import serve as run_server

    settings = _settings()
    if processes > 1 and settings.database.startswith("sqlite"):
        raise WrongSettings("--processes above 1 needs PostgreSQL: set INNKEEPER_DATABASE_URL.")
    run_server(settings, host=host, port=port, processes=processes, with_worker=worker)


@app.command()
def worker() -> None:
    """Run a worker alone; any number, on any machine."""
    from innkeeper.serving import run_worker

    settings = _settings()
    asyncio.run(run_worker(settings))


@app.command()
def demo(
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    data: Annotated[Path, typer.Option(help="Folder for the demo's data.")] = Path("data"),
    speed: Annotated[float, typer.Option(min=1, help="1440 is a day a minute.")] = 60.0,
) -> None:
    """Run a whole hotel on this machine: Innkeeper, a simulated QloApps and OPERA, guests, clerk, waiters, auditor."""
    from innkeeper.demo import run_demo
    from innkeeper.serving import check_address

    settings = _settings(data_dir=data)
    check_address("127.0.0.1", port)
    asyncio.run(run_demo(settings, port=port, speed=speed))


@app.command()
def simulate(
    system: Annotated[str, typer.Argument(help="Which system; `ota` books in a QloApps instead of serving.")],
    port: Annotated[int, typer.Option(min=0, max=65535)] = 0,
    fault: Annotated[
        list[str] | None, typer.Option(help="NAME=RATE, such as drop_after=0.05; may be repeated.")
    ] = None,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, such as version=1.7.0.")] = None,
    url: Annotated[str, typer.Option(help="ota: address of the QloApps to book in.")] = "",
    key: Annotated[str, typer.Option(help="ota: webservice key.", envvar="INNKEEPER_OTA_KEY")] = "",
    hotel_id: Annotated[int, typer.Option(help="ota: hotel to book in.")] = 1,
    every: Annotated[float, typer.Option(help="ota: seconds between two acts.")] = 5.0,
) -> None:
    """Stand in for another system, with its faults at hand."""
    from innkeeper.simulating import run_ota, run_simulator

    _settings()
    if system == "ota":
        run_ota(url, key, hotel_id, every)
    else:
        run_simulator(system, port, _pairs(option or []), _rates(fault or []))


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the schema up to date."""
    settings = _settings()

    async def work() -> None:
        container = bootstrap.build(settings)
        await container.prepare()
        await container.aclose()

    asyncio.run(work())
    console.print("The data base is up to date.")


@db.command("check")
def db_check() -> None:
    """Say whether the schema is what this release needs."""
    settings = _settings()

    async def work() -> str | None:
        container = bootstrap.build(settings)
        try:
            await container.database.reach()
            return await migrate.problem(container.database)
        finally:
            await container.aclose()

    problem = asyncio.run(work())
    if problem:
        raise Failed(problem)
    console.print("The data base is up to date.")


@hotel.command("add")
def property_add(
    name: str,
    timezone: Annotated[str, typer.Option(help="Its clock, such as Europe/Lisbon.")],
    currency: Annotated[str, typer.Option(help="What it keeps its books in, such as EUR.")],
) -> None:
    """Add another hotel to this installation and print its id, alone."""
    settings = _settings()

    async def work() -> UUID:
        container = bootstrap.build(settings)
        try:
            await container.prepare()
            async with container.database.write() as tx:
                house = await properties.add(tx, name, timezone, currency)
                detail = {"name": house.name, "timezone": house.timezone, "currency": house.currency}
                caller = Caller.system("command line")
                await audit.record(tx, caller, "property.added", "property", house.id, detail, property_id=house.id)
                return house.id
        finally:
            await container.aclose()

    sys.stdout.write(f"{asyncio.run(work())}\n")


@hotel.command("list")
def property_list(as_json: Json = False) -> None:
    """List the hotels of this installation with their ids."""
    settings = _settings()

    async def work() -> list[dict[str, str]]:
        container = bootstrap.build(settings)
        try:
            await container.prepare()
            async with container.database.read() as session:
                houses = await repository.properties(session)
            return [
                {"id": str(one.id), "name": one.name, "timezone": one.timezone, "currency": one.currency}
                for one in houses
            ]
        finally:
            await container.aclose()

    cli_reports.properties(asyncio.run(work()), as_json=as_json)


@user.command("add")
def user_add(
    name: str,
    role: Annotated[Role, typer.Option(help="server, front_desk, manager or admin.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    property_id: Annotated[
        UUID | None, typer.Option("--property", help="The only property this person may touch.")
    ] = None,
) -> None:
    """Add somebody who signs in."""
    settings = _settings()
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)

    async def work() -> None:
        container = bootstrap.build(settings)
        try:
            await container.prepare()
            users = Users(container.database, knows_property=bootstrap.knows_property)
            await users.add(Caller.system("command line"), name, role, password=password, property_id=property_id)
        finally:
            await container.aclose()

    asyncio.run(work())
    console.print(f"{name} may sign in as {role.label}.", highlight=False)


@token.command("create")
def token_create(
    name: str,
    role: Annotated[Role, typer.Option(help="server, front_desk, manager or admin.")],
    property_id: Annotated[
        UUID | None, typer.Option("--property", help="The only property this machine may touch.")
    ] = None,
) -> None:
    """Make a key for a machine and print it, alone, this one time."""
    settings = _settings()

    async def work() -> str:
        container = bootstrap.build(settings)
        try:
            await container.prepare()
            tokens = Tokens(container.database, bootstrap.knows_property)
            _, text = await tokens.create(Caller.system("command line"), name, role, property_id=property_id)
            return text
        finally:
            await container.aclose()

    sys.stdout.write(asyncio.run(work()) + "\n")


@app.command()
def sync(
    what: Annotated[
        str, typer.Argument(help="inbound, outbound, room-types, availability, rates, or all of them.")
    ] = "all",
    property_id: PropertyOption = DEFAULT_PROPERTY,
    full: Annotated[bool, typer.Option("--full", help="Read everything again, not only what changed.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing on either side, say what would happen.")
    ] = False,
    remove_blocks: Annotated[
        bool,
        typer.Option("--remove-blocks", help="With availability: release every block there and stop sending it."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Synchronise with QloApps now."""
    settings = _settings()
    if what not in runs.KINDS:
        raise typer.BadParameter(f"{what!r} cannot be synchronised; choose one of {', '.join(runs.KINDS)}.")
    if remove_blocks and (what != "availability" or dry_run or full):
        raise typer.BadParameter(
            "--remove-blocks goes with availability alone: innkeeper sync availability --remove-blocks"
        )

    async def work() -> dict[str, Any]:
        container = bootstrap.build(settings)
        try:
            await container.prepare()
            if remove_blocks:
                return (await runs.remove_blocks(container.channels, property_id)).document()
            request = runs.Request(what=what, full=full, dry_run=dry_run)
            return (await runs.run_now(container.channels, property_id, request)).document()
        finally:
            await container.aclose()

    if as_json or not console.is_terminal:
        result = asyncio.run(work())
    else:
        with console.status(f"Synchronising {what}…"):
            result = asyncio.run(work())
    cli_reports.sync(console, errors, result, as_json=as_json)
    if not result["success"]:
        raise typer.Exit(1)


@app.command()
def explain(
    booking: Annotated[
        str, typer.Argument(help="The number of a booking in QloApps, or the id of a reservation here.")
    ],
    property_id: PropertyOption = DEFAULT_PROPERTY,
    as_json: Json = False,
) -> None:
    """Tell how a booking became what it is, step by step."""
    settings = _settings()

    async def work() -> dict[str, Any]:
        container = bootstrap.build(settings)
        try:
            await container.database.reach()
            async with container.database.read() as session:
                if (number := _order_number(booking)) is not None:
                    return await channel_explain.explain_booking(session, property_id, number)
                return await channel_explain.explain_reservation(session, property_id, _uuid(booking))
        finally:
            await container.aclose()

    story = asyncio.run(work())
    if as_json:
        sys.stdout.write(json.dumps(story, indent=2) + "\n")
        return
    for step in story["timeline"]:
        row = f"  log {step['log_id']}" if step["log_id"] else ""
        console.print(f"{step['at'][:19]}  {step['kind']:<9}  {step['sentence']}{row}", highlight=False, markup=False)


@app.command()
def replay(
    log_id: Annotated[UUID, typer.Argument(help="A row of the log of something that came in.")],
    property_id: PropertyOption = DEFAULT_PROPERTY,
    as_new: Annotated[
        bool, typer.Option("--as-new", help="As if the booking and its customer had never been seen.")
    ] = False,
) -> None:
    """Say what a logged message would do now, as JSON; nothing is written."""
    settings = _settings()

    async def work() -> dict[str, Any]:
        container = bootstrap.build(settings)
        try:
            await container.database.reach()
            return await replay_message(container.channels, property_id, log_id, as_new=as_new)
        finally:
            await container.aclose()

    sys.stdout.write(json.dumps(asyncio.run(work()), indent=2) + "\n")


@app.command()
def reconcile(
    property_id: PropertyOption = DEFAULT_PROPERTY,
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="The business date; left out, the one that is open."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare the room charges of a day with the PMS; exit 1 if they do not balance."""
    settings = _settings()

    async def work() -> dict[str, Any]:
        container = bootstrap.build(settings)
        try:
            await container.prepare()
            link = await container.systems.link(property_id)
            return await audit_day.report(link, day.date() if day else await link.business_date())
        finally:
            await container.aclose()

    if as_json or not console.is_terminal:
        report = asyncio.run(work())
    else:
        with console.status("Comparing with the PMS…"):
            report = asyncio.run(work())
    cli_reports.day(console, report, as_json=as_json)
    if not report["balanced"]:
        raise typer.Exit(1)


@app.command()
def doctor(
    property_id: PropertyOption = DEFAULT_PROPERTY,
    as_json: Json = False,
) -> None:
    """Check settings, alerts, data base, audit trail, broker, mail server, QloApps and PMS; exit 1 if any fails."""
    from innkeeper.doctor import examine

    settings = _settings()
    findings = asyncio.run(examine(settings, property_id))
    cli_reports.findings(console, findings, as_json=as_json)
    if any(finding.state == "failed" for finding in findings):
        raise typer.Exit(1)


@secret.command("rotate")
def secrets_rotate() -> None:
    """Make a new key, encrypt every stored secret with it, and keep the old keys for reading."""
    settings = _settings()
    # Whoever sets the keys in the environment has put the newest one in front already.
    keyring = settings.keyring() if settings.secret_keys else secrets.Keyring(secrets.add_key(settings.data_dir))

    async def work() -> int:
        container = bootstrap.build(settings)
        try:
            await container.prepare()
            channels = await channel_settings.rotate_secrets(container.channels, keyring)
            return channels + await charge_config.rotate_secrets(container.systems, keyring)
        finally:
            await container.aclose()

    count = asyncio.run(work())
    console.print(f"{count} stored secret{'' if count == 1 else 's'} encrypted with the newest key.")


def _order_number(text: str) -> int | None:
    """Return the number of a booking, None for what no shop has given to one."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(LARGEST)):
        return None
    return int(text) if int(text) <= LARGEST else None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a booking's number nor the id of a reservation.") from None


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise typer.BadParameter(f"{text!r} must be NAME=VALUE.")
        pairs[name] = value
    return pairs


def _rates(texts: list[str]) -> dict[str, float]:
    rates = {}
    for name, value in _pairs(texts).items():
        try:
            rates[name] = float(value)
        except ValueError:
            raise WrongSettings(f"--fault {name}={value}: the rate is a number from 0 to 1.") from None
    return rates


if __name__ == "__main__":
    main()
