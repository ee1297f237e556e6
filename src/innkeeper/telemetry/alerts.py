"""Tells people outside the screens that they are needed: mail, chat, text message, web hook."""

import asyncio
import threading
from collections.abc import Callable, Sequence

from prometheus_client import Counter

from innkeeper.telemetry.logging import get_logger

log = get_logger(__name__)

ALERTS_SENT = Counter("innkeeper_alerts", "Alerts by how they ended (sent, failed)", ["outcome"])

#: Seconds after which a service that does not answer counts as failed.
PATIENCE = 30.0

#: Sends title and body to all addresses; returns whether all took it.
Sender = Callable[[Sequence[str], str, str], bool]


class Alerts:
    """The addresses of `INNKEEPER_ALERT_URLS`, as Apprise writes them (`mailto://…`, `slack://…`, `json://…`).

    Sending never raises into the work that needed it: an alert that fails is logged, counted and lost, while what it
    tells about stays on the screens.
    """

    def __init__(self, urls: Sequence[str], *, sender: Sender | None = None) -> None:
        self._urls = tuple(url for url in urls if url)
        self._sender = sender or _send_with_apprise

    @property
    def configured(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._urls)

    async def send(self, title: str, body: str) -> bool:
        """Tell everybody, without guests' data and secrets in it; returns whether all services took it."""
        if not self._urls:
            return False
        try:
            async with asyncio.timeout(PATIENCE):
                sent = await asyncio.to_thread(self._sender, self._urls, title, body)
        except Exception as error:  # noqa: BLE001  an alert that fails must not stop the work that it tells about
            log.warning("alert failed", title=title, error=type(error).__name__)
            sent = False
        else:
            if not sent:
                log.warning("alert failed", title=title, error="a service did not take it")
        ALERTS_SENT.labels("sent" if sent else "failed").inc()
        return sent


def unusable(urls: Sequence[str]) -> list[str]:
    """Return those of the addresses that no service understands, each by what stands before `://` and no more."""
    with _apprise_lock:
        import apprise

        wrong = [url for url in urls if apprise.Apprise.instantiate(url, suppress_exceptions=True) is None]
    return [f"{url.partition('://')[0][:20]}://…" if "://" in url else "one without ://" for url in wrong]


_apprise_lock = threading.Lock()


def _send_with_apprise(urls: Sequence[str], title: str, body: str) -> bool:
    with _apprise_lock:
        # Imported here: it loads more than a hundred services, which a start without an alert need not wait for.
        import apprise

        services = apprise.Apprise()
        for url in urls:
            services.add(url)
    return bool(services.notify(title=title, body=body))
