"""Keeps what a simulated system knows, and the port on which it answers, in the demo's folder."""

import pickle
import socket
from pathlib import Path
from typing import Any

from innkeeper.simulators.faults import App


class Keeper:
    """Writes one system's state down and reads it back at the next start."""

    def __init__(self, folder: Path, name: str) -> None:
        self._state = folder / f"simulated-{name}.pickle"
        self._port = folder / f"simulated-{name}.port"

    def load(self) -> Any:
        """Return the state as it was left, None at the first start."""
        if not self._state.is_file():
            return None
        return pickle.loads(self._state.read_bytes())  # noqa: S301  our own file in our own folder

    def save(self, state: Any) -> None:
        """Write the state down; a kill leaves the old file or the new one."""
        new = self._state.with_suffix(".new")
        new.write_bytes(pickle.dumps(state))
        new.replace(self._state)

    def after_each_change(self, app: App, state: Any) -> App:
        """Return the app that saves after each request that may have changed something, before the answer counts."""

        async def keeping(scope: Any, receive: Any, send: Any) -> None:
            await app(scope, receive, send)
            if scope["type"] == "http" and scope["method"] != "GET":
                self.save(state)

        return keeping

    def port(self) -> int:
        """Return the port of the last time, so that the address stays the same; 0 if somebody else has it now."""
        if not self._port.is_file():
            return 0
        port = int(self._port.read_text())
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return 0
        return port

    def keep_port(self, port: int) -> None:
        """Write the port down for the next start."""
        self._port.write_text(str(port))
