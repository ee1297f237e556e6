"""Writes the capability matrix of the documentation from what the conformance tests have proved.

`pytest tests/connectors --capabilities docs/capabilities.md` runs the tests and writes the file when all pass.
"""

from pathlib import Path

import pytest

_MATRIX = pytest.StashKey[dict[str, dict[str, str]]]()

_HEAD = """# What each PMS can do

Made by the conformance tests (`pytest tests/connectors --capabilities docs/capabilities.md`), never typed: each cell
is the result of a claim that was run against the simulator of that system.

"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--capabilities", metavar="FILE", default=None, help="write the matrix of PMS capabilities there")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_MATRIX] = {}


@pytest.fixture(scope="session")
def capability_matrix(request: pytest.FixtureRequest) -> dict[str, dict[str, str]]:
    """By system: what was proved of it."""
    return request.config.stash.setdefault(_MATRIX, {})


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    target = session.config.getoption("--capabilities", default=None)
    matrix = session.config.stash.get(_MATRIX, {})
    if target and matrix and exitstatus == 0:
        Path(target).write_text(_HEAD + table(matrix), encoding="utf-8")


def table(matrix: dict[str, dict[str, str]]) -> str:
    """Return the matrix as a Markdown table, one column a system."""
    systems = sorted(matrix)
    rows = sorted({row for claims in matrix.values() for row in claims})
    lines = ["| | " + " | ".join(systems) + " |", "|---|" + "---|" * len(systems)]
    lines += [f"| {row} | " + " | ".join(matrix[name].get(row, "–") for name in systems) + " |" for row in rows]
    return "\n".join(lines) + "\n"
