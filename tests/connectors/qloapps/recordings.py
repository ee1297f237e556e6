"""Reads the recorded exchanges with real QloApps shops, which lie beside the project."""

from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.shared_files import SHARED, require_shared

DIRECTORIES = ("v1.7.0", "dev-2024-10")


@dataclass(frozen=True)
class Recording:
    """One exchange: what was asked and what came back."""

    name: str
    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes

    def response(self) -> httpx2.Response:
        """Return the answer as it came."""
        return httpx2.Response(self.status, headers=self.headers, content=self.body)


def recording(number: str, directory: str = "v1.7.0") -> Recording:
    """Return the exchange with this number, or skip the test where the recordings are not."""
    folder = require_shared() / "qloapps" / "captures" / directory
    return _parse(next(folder.glob(f"{number}-*.http")))


def names(directory: str) -> list[str]:
    """Return the numbers of all exchanges; none where the recordings are not."""
    folder = SHARED / "qloapps" / "captures" / directory if SHARED else None
    return sorted(path.name.split("-")[0] for path in folder.glob("*.http")) if folder else []


def _parse(path: Path) -> Recording:
    request, _, answer = path.read_bytes().partition(b"\n-----\n")
    first = next(row for row in request.decode().splitlines() if row and not row.startswith("#"))
    method, target = first.split()[:2]
    head, _, body = answer.partition(b"\n\n")
    status, *rows = head.decode().splitlines()
    headers = dict(row.split(": ", 1) for row in rows if ": " in row)
    headers = {k.lower(): v for k, v in headers.items() if k.lower() not in ("content-length", "transfer-encoding")}
    body = b"" if body.strip() == b"(empty body)" else body.removesuffix(b"\n")
    return Recording(path.stem, method, target, int(status.split()[1]), headers, body)
