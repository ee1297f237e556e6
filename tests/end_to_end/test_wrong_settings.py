"""What a person gets who set something wrong: one line that says what and where, and exit code 1 or 2."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.end_to_end.processes import PATIENCE, free_port


def run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run a command; return its exit code, what it printed and what it complained of."""
    done = subprocess.run(
        [sys.executable, "-m", "innkeeper", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "INNKEEPER_DATA_DIR": str(folder), **environment},
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def complaint(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Return exit code and the only line that the command wrote."""
    code, printed, complained = run(folder, *arguments, **environment)
    assert printed == ""
    lines = complained.splitlines()
    assert len(lines) == 1, complained
    return code, lines[0]


@pytest.mark.parametrize(
    "command", ["db check", "db upgrade", "serve --port 0", "worker", "token create t --role admin", "explain 12"]
)
def test_data_base_that_is_away_is_one_line_and_exit_1(tmp_path: Path, command: str) -> None:
    port = free_port()
    url = f"postgresql://ana:lantern@127.0.0.1:{port}/innkeeper"
    code, line = complaint(tmp_path, *command.split(), INNKEEPER_DATABASE_URL=url)
    assert code == 1
    assert line.startswith(f"The data base at 127.0.0.1:{port} does not answer: connection refused. ")
    assert "INNKEEPER_DATABASE_URL" in line
    assert "lantern" not in line


def test_file_that_is_no_data_base_is_one_line_and_exit_1(tmp_path: Path) -> None:
    (tmp_path / "innkeeper.db").write_text("a shopping list, and not a short one at all " * 100)
    code, line = complaint(tmp_path, "serve", "--port", "0")
    assert (code, "file is not a database" in line) == (1, True)


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_port_that_is_taken_is_one_line_and_exit_2(tmp_path: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        options = ("--data", str(tmp_path)) if command == "demo" else ()
        code, line = complaint(tmp_path, command, "--port", port, *options)
    assert code == 2
    assert line == f"Port {port} of 127.0.0.1 cannot be used: Address already in use. Choose another."


def test_data_base_of_a_newer_release_is_one_line_before_a_server_starts(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "upgrade")[0] == 0
    with sqlite3.connect(tmp_path / "innkeeper.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    code, line = complaint(tmp_path, "serve", "--port", "0")
    assert (code, line) == (1, "The data base is at 9999, which a newer release wrote; start that release.")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("INNKEEPER_PROPERTY_TIMEZONE", "Mars", "'Mars' is not a time zone name such as Europe/Lisbon."),
        ("INNKEEPER_PROPERTY_CURRENCY", "ZZZ", "'ZZZ' is not an ISO 4217 currency code, such as EUR or USD."),
        (
            "INNKEEPER_PUBLIC_URL",
            "foo",
            "must be the address that browsers use, such as https://innkeeper.example.com",
        ),
    ],
)
def test_wrong_setting_is_one_line_that_names_it_and_exit_2(tmp_path: Path, name: str, value: str, words: str) -> None:
    code, line = complaint(tmp_path, "db", "upgrade", **{name: value})
    assert (code, line) == (2, f"{name}: {words}")


@pytest.mark.parametrize("fault", ["slow=x", "slow=2", "nonsense=1"])
def test_wrong_fault_is_one_line_and_exit_2(tmp_path: Path, fault: str) -> None:
    code, line = complaint(tmp_path, "simulate", "qloapps", "--fault", fault)
    assert code == 2
    assert fault.partition("=")[0] in line


def test_doctor_reads_the_alert_addresses_and_tells_no_password_of_them(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "upgrade")[0] == 0
    urls = "bogus,json://127.0.0.1/hook,nonsense://ana:lantern@example.com"
    code, printed, _ = run(tmp_path, "doctor", "--json", INNKEEPER_ALERT_URLS=urls)
    found = {each["name"]: each for each in json.loads(printed)}
    assert (code, found["alerts"]["state"]) == (1, "failed")
    assert found["alerts"]["detail"].endswith(": one without ://, nonsense://….")
    assert "lantern" not in printed
    code, printed, _ = run(tmp_path, "doctor", "--json", INNKEEPER_ALERT_URLS="json://127.0.0.1/hook")
    assert (code, json.loads(printed)[1]["state"]) == (0, "ok")


def test_doctor_says_why_the_data_base_does_not_answer(tmp_path: Path) -> None:
    url = f"postgresql://ana:lantern@127.0.0.1:{free_port()}/innkeeper"
    code, printed, _ = run(tmp_path, "doctor", INNKEEPER_DATABASE_URL=url)
    assert code == 1
    assert "database: failed: It does not answer: connection refused." in printed.splitlines()
    assert "lantern" not in printed


def test_property_is_added_listed_and_known_to_those_who_may_touch_it(tmp_path: Path) -> None:
    code, printed, _ = run(
        tmp_path, "property", "add", "Harbour House", "--timezone", "Europe/Oslo", "--currency", "NOK"
    )
    assert (code, printed) == (0, f"{UUID(printed.strip())}\n")
    code, listed, _ = run(tmp_path, "property", "list", "--json")
    assert [(one["name"], one["currency"]) for one in json.loads(listed)] == [
        ("Harbour House", "NOK"),
        ("My hotel", "EUR"),
    ]
    made = run(tmp_path, "token", "create", "till", "--role", "server", "--property", printed.strip())
    assert (made[0], made[1].startswith("ink_")) == (0, True)
    code, line = complaint(tmp_path, "token", "create", "till", "--role", "server", "--property", str(uuid4()))
    assert (code, line.startswith("There is no property ")) == (1, True)
