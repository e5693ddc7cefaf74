"""Secrets: what no error, log line, database or page may show, taken out of any text.

One function knows what a secret looks like, `redacted`; whatever leaves the process goes through it, most by
way of `traces_core.printing`. It knows two kinds: what has the form of a secret, and what the environment
says is one.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TypeVar
from urllib.parse import quote, quote_plus, unquote, urlsplit

HIDDEN = "***"
"""What stands in the place of a secret."""

_Anything = TypeVar("_Anything")

_NAMED = r"(?:(?:api|access|private)[_-]?key|token|passw(?:or)?d|passwd|passphrase|pwd|secret|credentials?)"
_SECRET_VARIABLE = re.compile(
    r"(?:^|_)(?:API_?KEY|TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIALS?)$|_(?:KEY|AUTH|PWD|PASS)$", re.IGNORECASE
)
"""Names of environment variables whose whole value is a secret."""
_SHORTEST = 6
"""Characters: `none` and `EMPTY`, the keys of local servers, are words of other messages, too."""

# Every repetition has a bound or begins behind a guard: messages may hold a megabyte without a space.
_SCHEME, _SAYS = r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,20}:/{1,3})", r"\\?[\"']?\s{0,9}[:=]\s{0,9}\\?[\"']?"
_VALUE = r"[^\s\"',;&)}\\]{4,4096}"
_PORT = r"\d{0,9}(?:[/?#\s\"'<>),;]|$)"
_BEFORE_AT = rf"\1{HIDDEN}@"
_QUOTED = r"(%(?P<q>(?:25){0,3})(?:3a|2f)(?:%(?P=q)2f){1,3})"
"""What :// is in a parameter of another address, where it may have been quoted more than once."""
_FIELD = (
    r"(?:username\*?|userhash|realm|domain|uri|c?nonce|nc|response|opaque|qop|algorithm|stale|charset)\s?=\s?"
    r"(?:\\{0,3}\"[^\"\\]{0,4096}\\{0,3}\"|[^\s\"',;]{1,4096})"
)
"""Of a Digest header: username="...", or response=..."""
_FORMS = tuple(
    (re.compile(form, re.IGNORECASE), put)
    for form, put in (
        # user:password@ of an address, of which pathlib leaves one slash. To the last @ of all: a slash, ?, #
        # or @ within the password may not have been quoted. Then a token that stands alone.
        (
            rf"{_SCHEME}[^\s/?#@:\"'<>]{{0,99}}:(?!{_PORT})[^\s\"'<>]{{0,256}}@",
            _BEFORE_AT,
        ),
        (rf"{_SCHEME}[^\s/?#\"'<>]{{0,512}}@", _BEFORE_AT),
        # ... quoted: rtsp%3A%2F%2Fuser%3A...
        (rf"{_QUOTED}(?:(?!%(?P=q)(?:2f|3f|23))[^\s/?#&\"'<>]){{1,512}}%(?P=q)40", rf"\1{HIDDEN}%\g<q>40"),
        (rf"{_SCHEME}[^\s/?#@%\"'<>]{{0,99}}%3a[^\s/?#@\"'<>]{{1,256}}%40", rf"\1{HIDDEN}%40"),
        # ... and without a scheme.
        (
            r"(?:(?<![\w:/.*%-])|(?<=%3a))(//)(?:[^\s/?#@:\"'<>]{1,99}:[^\s/\"'<>]{1,256}"
            r"|[^\s/?#\"'<>]{1,512})@(?=[\w\[])",
            _BEFORE_AT,
        ),
        (r"(?<![\w/.*-])[^\s:/@'\"()<>\[\]]{1,99}:[^\s/@'\"<>]{1,256}@(?=[\w\[])", f"{HIDDEN}@"),
        # Parameters of an address, and settings written out: ?key=..., "password": "..."
        (
            rf"([?&;](?:[\w.-]{{0,40}}(?:{_NAMED}|signature)|key|sig|auth|pass)=)[^&\s\"'<>#]{{1,4096}}",
            rf"\1{HIDDEN}",
        ),
        (rf"(?<!\w)((?:\w{{1,40}}[_-])?{_NAMED}{_SAYS})(?![\s*]){_VALUE}", rf"\1{HIDDEN}"),
        # Headers, and keys as the large hosts write them.
        (rf"\b(digest\s{{1,9}}){_FIELD}(?:\s{{0,9}},\s{{0,9}}{_FIELD}){{0,20}}", rf"\1{HIDDEN}"),
        (rf"\b((?:c?nonce|response){_SAYS})[a-f0-9]{{16,512}}\b", rf"\1{HIDDEN}"),
        (rf"(authorization{_SAYS}(?:[a-z]{{1,20}}\s{{1,9}})?+){_VALUE}", rf"\1{HIDDEN}"),
        (rf"((?:set-)?cookie{_SAYS})(?![\s*])[^\"'\r\n]{{4,4096}}", rf"\1{HIDDEN}"),
        (r"\b((?:bearer|basic)\s{1,9})(?=[a-z~+/]{0,200}[\d=._-])[a-z0-9._~+/=-]{8,4096}", rf"\1{HIDDEN}"),
        (r"\b(?:sk|pk|hf|ghp|gho|github_pat|glpat|xox[abp])[_-][a-z0-9_-]{8,200}", HIDDEN),
        (r"\b(?:AIza[\w-]{30,60}|eyJ[\w-]{8,4096}\.[\w-]{4,4096}\.[\w-]{0,4096})", HIDDEN),
    )
)


_MAY_BE = re.compile(
    r"[@=:%]|(?:bearer|basic)\s|(?:sk|pk|hf|ghp|gho|github_pat|glpat|xox[abp])[_-]|AIza|eyJ", re.IGNORECASE
)
"""What a text that holds nothing of cannot have any of these forms: most are names and numbers."""


def redacted(value: _Anything) -> _Anything:
    """A text without its secrets; the same of every text within dicts, lists and tuples.

    Examples
    --------
    >>> redacted("rtsp://admin:hunter2@10.0.0.7/live?channel=1&token=abc does not answer")
    'rtsp://***@10.0.0.7/live?channel=1&token=*** does not answer'
    >>> redacted({"headers": ["Authorization: Bearer eyJhbGciOi.x"], "port": 5000})
    {'headers': ['Authorization: Bearer ***'], 'port': 5000}
    >>> redacted("http://127.0.0.1:5000/v1 has no model 'tiny'; Check OPENAI_API_KEY.")
    "http://127.0.0.1:5000/v1 has no model 'tiny'; Check OPENAI_API_KEY."
    """
    if isinstance(value, str):
        return _without_secrets(value)  # type: ignore[return-value]
    if isinstance(value, Mapping):
        return {key: redacted(one) for key, one in value.items()}  # type: ignore[return-value]
    if isinstance(value, list | tuple) and type(value) in (list, tuple):  # Dagster's records are tuples, too
        return type(value)(redacted(one) for one in value)
    return value


def _without_secrets(text: str) -> str:
    secrets = set(_of_environment()) if len(text) >= _SHORTEST else ()
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for form, put in _FORMS if _MAY_BE.search(text) else ():
        text = form.sub(put, text)
    return text


def _of_environment() -> Iterator[str]:
    """Every secret that the environment holds, in every way in which a text may quote it."""
    for name, value in os.environ.items():
        found = [value] if _names_a_secret(name) and not os.path.exists(value) else []
        if "://" in value and "@" in value:
            found += _of_address(value)
        for secret in found:
            for one in (secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]):
                if len(one) >= _SHORTEST:
                    yield one


@cache
def _names_a_secret(variable: str) -> bool:
    return _SECRET_VARIABLE.search(variable) is not None


def _of_address(address: str) -> list[str]:
    try:
        parts = urlsplit(address)
        user, password = unquote(parts.username or ""), parts.password
    except ValueError:  # no address after all
        return []
    if not password:
        return [user]  # a token that stands alone
    return [password, unquote(password), base64.b64encode(f"{user}:{unquote(password)}".encode()).decode()]
