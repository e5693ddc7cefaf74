"""A webhook: every letter is an HTTP POST of a CloudEvent, signed where there is a secret.

The receiver gets CloudEvents 1.0 in structured mode. Its `id`, which is also the header `Idempotency-Key`, is
the same however often a letter is sent. With a secret the header `Traces-Signature: t=<time>,v1=<hex>` holds
the HMAC-SHA256 of `<time>.<body>`. Redirects are not followed, and link-local addresses (the metadata servers
of clouds among them) are refused after the name was resolved, which is done once.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import json
import logging
import socket
import ssl
import time
from typing import Any
from urllib.parse import unquote

import httpx

from traces_core.live.ledger import Letter
from traces_core.live.messages import iso
from traces_core.live.settings import Webhook
from traces_core.live.sinks.base import LiveSink, SinkError, safe

TIMEOUT_S = 10.0
"""From the first name that is looked up to the last byte of the answer's head."""
_PASSING = frozenset({408, 425, 429})
"""Client errors that pass."""

# It logs every address in full, and that of a webhook often is a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)


class WebhookSink(LiveSink):
    """Posts letters to an address.

    Parameters
    ----------
    settings : Webhook
        Address and secret.
    name, title : str
        See `LiveSink`.
    timeout_s : float
        Patience for one letter (seconds).

    Raises
    ------
    SinkError
        If the address cannot be read.
    """

    def __init__(self, settings: Webhook, name: str, title: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.name, self.title = name, title
        self._secret, self._timeout_s = settings.secret, timeout_s
        try:
            self._url = httpx.URL(settings.url)
        except httpx.InvalidURL:
            raise SinkError(f"{title}: its address cannot be read; write it anew", retry=False) from None
        path = self._url.raw_path.decode()
        hidden = (settings.url, path if len(path) > 1 else "", self._url.password, settings.secret or "")
        self.secrets = (*hidden, *map(unquote, hidden))
        self._tls = ssl.create_default_context()

    def send(self, letter: Letter) -> None:
        """Post a letter; see `LiveSink.send`."""
        try:
            status, headers = asyncio.run(self._post(letter))
        except TimeoutError:
            raise SinkError(f"no answer within {self._timeout_s:g} s", retry=True) from None
        except (httpx.HTTPError, OSError, ValueError) as error:
            said = safe(error, self.secrets) or type(error).__name__
            raise SinkError(f"{type(error).__name__}: {said}", retry=True) from None
        if not 200 <= status < 300:
            raise _refusal(status, headers)

    async def _post(self, letter: Letter) -> tuple[int, httpx.Headers]:
        async with asyncio.timeout(self._timeout_s):
            addresses = await self._addresses()
            body = json.dumps(cloud_event(letter), ensure_ascii=False).encode()
            async with httpx.AsyncClient(
                verify=self._tls, trust_env=False, timeout=self._timeout_s, follow_redirects=False
            ) as client:
                for address in addresses[:-1]:
                    try:
                        return await self._post_to(client, address, letter, body)
                    except httpx.ConnectError:  # such as an IPv6 address on a network without
                        continue
                return await self._post_to(client, addresses[-1], letter, body)

    async def _post_to(
        self, client: httpx.AsyncClient, address: str, letter: Letter, body: bytes
    ) -> tuple[int, httpx.Headers]:
        """The name was resolved and its address judged: that very address is connected to."""
        request = client.stream(
            "POST",
            self._url.copy_with(host=address),
            content=body,
            headers={"Host": self._url.netloc.decode(), **self._headers(letter, body)},
            extensions={"sni_hostname": self._url.host},
        )
        async with request as answer:  # its head says all; the rest may be without end
            return answer.status_code, answer.headers

    def _headers(self, letter: Letter, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "Idempotency-Key": letter.key.encode("ascii", "backslashreplace").decode(),
            "User-Agent": "traces",
        }
        if self._secret is not None:
            headers["Traces-Signature"] = signature(self._secret, int(time.time()), body)
        return headers

    async def _addresses(self) -> list[str]:
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._url.host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        if not addresses or any(map(is_link_local, addresses)):
            raise SinkError("its name leads to a link-local address, which is never posted to", retry=False)
        return addresses


def is_link_local(address: str) -> bool:
    """Whether an address is in 169.254/16 or fe80::/10, as IPv4 within IPv6 too.

    Examples
    --------
    >>> [is_link_local(one) for one in ("169.254.169.254", "::ffff:169.254.1.1", "fe80::1%eth0", "10.0.0.1")]
    [True, True, True, False]
    """
    parsed = ipaddress.ip_address(address)
    within = getattr(parsed, "ipv4_mapped", None)
    return (within or parsed).is_link_local


def cloud_event(letter: Letter) -> dict[str, Any]:
    """A letter as a CloudEvent 1.0."""
    kind = letter.kind.partition(":")[0]
    return {
        "specversion": "1.0",
        "id": letter.key,
        "source": f"/traces/cameras/{letter.camera}",
        "type": f"traces.camera.{kind}" if kind == "health" else f"traces.alarm.{kind}",
        "subject": letter.alarm,
        "time": iso(letter.created_s),
        "datacontenttype": "application/json",
        "data": dict(letter.message),
    }


def signature(secret: str, at_s: int, body: bytes) -> str:
    """The header's value: time, and HMAC-SHA256 over `<time>.<body>` in hexadecimal digits."""
    mac = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256)
    return f"t={at_s},v1={mac.hexdigest()}"


def _refusal(status: int, headers: httpx.Headers) -> SinkError:
    if 300 <= status < 400:
        return SinkError(
            f"HTTP {status}: it points elsewhere, and redirects are not followed; write the address that it "
            "points to",
            retry=False,
        )
    wait = headers.get("Retry-After", "")
    return SinkError(
        f"HTTP {status}",
        retry=status in _PASSING or not 400 <= status < 500,
        after_s=float(wait) if wait.isascii() and wait.isdigit() else None,
    )
