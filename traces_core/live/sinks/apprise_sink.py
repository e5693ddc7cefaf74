"""A message to people through one of the services of Apprise: mail, chat, push; with the frame attached.

People are told of the beginning of an alarm, not of its end. What Apprise logs may quote addresses, which
mostly are secrets: it is kept from the log, and what it says of a failure is shown without them.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from urllib.parse import unquote

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from traces_core.live.ledger import Letter
from traces_core.live.messages import sentence
from traces_core.live.settings import Apprise as AppriseSettings
from traces_core.live.sinks.base import LiveSink, SinkError, safe
from traces_core.live.sinks.folder import file_within

TIMEOUT_S = 30.0
"""Patience for one message, its picture included (seconds)."""
_SHORTEST = 4
"""Characters of a part of an address that counts as a secret."""

logging.getLogger("apprise").propagate = False
logging.getLogger("apprise").addHandler(logging.NullHandler())
logging.getLogger("apprise").setLevel(logging.WARNING)
logging.getLogger("urllib3").setLevel(logging.INFO)  # at DEBUG it quotes the path of every request


class AppriseSink(LiveSink):
    """Sends letters to a service of Apprise.

    Parameters
    ----------
    settings : traces_core.live.settings.Apprise
        The service's address.
    name, title : str
        See `LiveSink`.
    live : Path
        Folder of the ledger, within which the paths of frames count.

    Raises
    ------
    SinkError
        If Apprise knows no such address.
    """

    updates = False

    def __init__(
        self, settings: AppriseSettings, name: str, title: str, live: Path, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.name, self.title, self._live = name, title, live
        address = settings.url.partition("://")[2]
        parts = [part for part in re.split(r"[/?&=@:]", address) if len(part) >= _SHORTEST]
        self.secrets = (settings.url, address, *parts, *map(unquote, parts))
        asset = AppriseAsset(service_timeout=timeout_s, secure_logging=True)
        asset.app_id, asset.app_desc = "TRACES", "TRACES"
        self._timeout_s, self._apprise = timeout_s, Apprise(asset=asset)
        if not self._apprise.add(settings.url):
            scheme = settings.url.partition("://")[0]
            raise SinkError(
                f"Apprise cannot read the address of a sink of kind apprise ({safe(scheme, ())}://...): "
                "compare it with the list of services in Apprise's documentation",
                retry=False,
            )

    def send(self, letter: Letter) -> None:
        """Send a letter; see `LiveSink.send`."""
        message = letter.message
        body = sentence(message)
        if message.get("page"):
            body += f"\n{message['page']}"
        frame = file_within(self._live, message.get("frame"))
        failures: list[str] = []
        result = self._apprise.notify(
            body=body,
            title=f"TRACES: {message['camera']}",
            notify_type=NotifyType.INFO if message["kind"] == "closed" else NotifyType.WARNING,
            body_format=NotifyFormat.TEXT,
            attach=str(frame) if frame else None,
            timeout=self._timeout_s,
            log_callback=lambda entry, _: failures.append(entry.message),
            log_level=logging.WARNING,
        )
        if not result:
            said = safe("; ".join(failures) or "the service did not take the message", self.secrets)
            raise SinkError(said, retry=True)
