"""The hotel's own clock in the demo: as much faster than ours as was asked, and kept from one start to the next."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

#: When the first day begins: the evening is near, and with it the busy hours and the outage.
OPENING = 17.5


class HotelClock:
    """Tells the hotel's time, aware, in its zone. It can stand still while something must not be overtaken."""

    def __init__(self, start: datetime, speed: float, path: Path) -> None:
        self.speed = speed
        self._path = path
        self._base = start
        self._since: float | None = time.monotonic()

    @classmethod
    def kept(cls, folder: Path, today: date, zone: str, speed: float) -> "HotelClock":
        """Go on where the clock in the folder stopped, if that was on this business date."""
        path = folder / "hotel-clock.txt"
        first = datetime.combine(today, datetime.min.time(), ZoneInfo(zone))
        start = first + timedelta(hours=OPENING)
        if path.is_file():
            left = datetime.fromisoformat(path.read_text().strip()).astimezone(ZoneInfo(zone))
            if first <= left < first + timedelta(days=2):
                start = left
        return cls(start, speed, path)

    def now(self) -> datetime:
        """Return the hotel's time."""
        if self._since is None:
            return self._base
        return self._base + timedelta(seconds=(time.monotonic() - self._since) * self.speed)

    def shown(self) -> str:
        """Return the time of day as a person reads it."""
        return f"{self.now():%H:%M}"

    def keep(self) -> None:
        """Write the time down for the next start."""
        self._path.write_text(self.now().isoformat())

    async def reach(self, moment: datetime) -> None:
        """Return when the clock shows that moment."""
        while (left := (moment - self.now()).total_seconds()) > 0:  # noqa: ASYNC110  nothing announces the time
            await asyncio.sleep(min(left / self.speed, 1.0) + 0.001)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let the clock stand still while the block runs."""
        self._base, self._since = self.now(), None
        try:
            yield
        finally:
            self._since = time.monotonic()
