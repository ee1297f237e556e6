"""Real processes for tests: a server and a simulated shop, each of which can be killed without a goodbye."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx2

#: Seconds a process may take to answer; a busy machine is slow, not broken.
PATIENCE = 60.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Process:
    """One command of ours; its output goes to a file beside the data."""

    arguments: list[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    _child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "innkeeper", *self.arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
            )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Kill it as a power cut would; one that has ended is left alone."""
        assert self._child is not None
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGKILL)
        self._child.wait()

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        assert self._child is not None
        self._child.send_signal(signal.SIGTERM)
        try:
            return self._child.wait(PATIENCE)
        finally:
            if self._child.poll() is None:
                self._child.kill()

    def wait_for(self, pattern: str) -> str:
        """Return the first match in what the process printed."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = re.search(pattern, self.log.read_text(errors="replace")) if self.log.is_file() else None
            if found:
                return found.group(0)
            assert self._child is not None
            assert self._child.poll() is None, self.log.read_text(errors="replace")[-2000:]
            time.sleep(0.02)
        raise AssertionError(f"{pattern} was not printed: {self.log.read_text(errors='replace')[-2000:]}")


@dataclass
class Server(Process):
    """`innkeeper serve` on a data folder."""

    url: str = ""

    @classmethod
    def on(cls, folder: Path) -> "Server":
        """Return a server for the folder, not started yet."""
        port = free_port()
        return cls(
            ["serve", "--port", str(port)],
            folder / "serve.log",
            {"INNKEEPER_DATA_DIR": str(folder)},
            url=f"http://127.0.0.1:{port}",
        )

    def wait_ready(self) -> None:
        """Return when it can serve."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if httpx2.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            except httpx2.HTTPError:
                pass
            time.sleep(0.02)
        raise AssertionError(self.log.read_text(errors="replace")[-2000:])


def run(folder: Path, *arguments: str, text: str = "", code: int = 0) -> str:
    """Run a command of ours to its end, which is this exit code, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "innkeeper", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env={**os.environ, "INNKEEPER_DATA_DIR": str(folder)},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.strip()
