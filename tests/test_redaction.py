"""No secret in a message: what it looks like, and what the environment says is one."""

from __future__ import annotations

import http.server
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.commands.main import main
from traces_core.errors import TracesError, VideoError
from traces_core.printing import guard_output, visible_error
from traces_core.redaction import redacted

SECRET, KEY = "s3cret-horse", "sk-not-a-real-key-0123"
SHOWN = [  # what a text says, what is shown of it
    ("srt://cam:9000?passphrase=s3cret-horse", "srt://cam:9000?passphrase=***"),
    ("http://cam/live?usr=me&pass=s3cret-horse", "http://cam/live?usr=me&pass=***"),
    ("private_key: s3cret-horse", "private_key: ***"),
    ("Set-Cookie: theme=dark; sid=s3cret-horse", "Set-Cookie: ***"),
    ("401: github_pat_11ABC_s3cret", "401: ***"),
    ("401: eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln", "401: ***"),
    ("rtsp://admin:hunter2@10.0.0.7:554/live", "rtsp://***@10.0.0.7:554/live"),
    ("rtsp:/admin:hunter2@10.0.0.7/live", "rtsp:/***@10.0.0.7/live"),  # as pathlib writes it
    ("rtsp://admin:p@ss/w#rd@cam/x", "rtsp://***@cam/x"),  # nothing quoted
    ("https://ghp_token@host/x", "https://***@host/x"),  # a token alone
    ("postgresql+psycopg2://u:pw@[::1]:5432/db", "postgresql+psycopg2://***@[::1]:5432/db"),
    ("HTTPConnectionPool(host='me:pw@host')", "HTTPConnectionPool(host='***@host')"),
    ("http://cam/x.m3u8?channel=1&token=abc&x=2", "http://cam/x.m3u8?channel=1&token=***&x=2"),
    ("https://b/x?X-Amz-Signature=abc", "https://b/x?X-Amz-Signature=***"),
    ('{"headers": {"Authorization": "Bearer abc.def"}}', '{"headers": {"Authorization": "Bearer ***"}}'),
    ("authorization: Basic bWU6cHc=", "authorization: Basic ***"),
    ("x-api-key: abcdef", "x-api-key: ***"),
    ("Incorrect API key provided: sk-abcdefgh1.", "Incorrect API key provided: ***."),
    (r"{\"password\": \"abcdef\"}", r"{\"password\": \"***\"}"),
    ('WWW-Authenticate: Digest realm="IP Camera", nonce="5fa3b"', "WWW-Authenticate: Digest ***"),
    ("{'Authorization': 'Digest username=\"me\", uri=\"/1\"'}", "{'Authorization': 'Digest ***'}"),
    ('{"cnonce": "0a4f113b0a4f113b", "nc": 1}', '{"cnonce": "***", "nc": 1}'),
    ("no route to //me:pw@cam/1", "no route to //***@cam/1"),
    ("no route to //token@cam/1", "no route to //***@cam/1"),  # a token alone
    ("http://proxy/?url=rtsp%3A%2F%2Fme%3Apw%40cam%2F1", "http://proxy/?url=rtsp%3A%2F%2F***%40cam%2F1"),
    ("rtsp%253a%252f%252fme%253apw%2540cam", "rtsp%253a%252f%252f***%2540cam"),  # quoted twice
    ("rtsp://me%3Apw%40cam/1", "rtsp://***%40cam/1"),
]
PLAIN = [
    "http://127.0.0.1:8000/v1 has no model 'tiny'. Check OPENAI_API_KEY.",
    "rtsp://cam:554/a@b",
    "git@github.com:owner/name",
    "a/b.py:12: max_tokens: 512, tokens 7",
    "sqlite:////srv/x@y/a.db",
    "//cdn.x/npm/a@1.2/b.js and //npm/@scope/x",
    "basic settings: token budget",
    "the digest of the response=ok, nonce=12",
    "a // b: see x@y.org",
    "/srv//a:b@c/d.mp4",
    "http%3A%2F%2Fcam%3A554%2Fa%40b",
    "videos%2Fgate%40north.mp4",
]


@pytest.mark.parametrize(("text", "shown"), SHOWN)
def test_a_text_is_shown_without_what_has_the_form_of_a_secret(text: str, shown: str) -> None:
    assert redacted(text) == shown
    assert redacted(redacted(text)) == shown
    assert str(TracesError(text)) == shown
    assert shown in str(VideoError(text, text, do="Look."))


@pytest.mark.parametrize("text", PLAIN)
def test_what_only_looks_like_one_is_shown_as_it_is(text: str) -> None:
    assert redacted(text) == text


PASSWORDS = st.text("abcXYZ019.!$*+~:@%é", min_size=1).map(lambda text: f"{text}s3cret{text}")


@given(PASSWORDS, st.sampled_from(["rtsp://", "http:/", "//"]), st.integers(0, 3))
def test_the_password_of_an_address_is_hidden_however_often_it_is_quoted(
    password: str, begin: str, times: int
) -> None:
    address = f"{begin}me:{quote(password, safe='')}@cam:554/live"
    for _ in range(times):
        address = quote(address, safe="")
    assert "s3cret" not in redacted(f"cannot open {address}: refused")


@given(st.permutations(["username", "realm", "nonce", "uri", "response", "cnonce", "opaque"]), st.booleans())
def test_a_digest_header_is_hidden_in_any_order_of_its_fields(names: list[str], is_quoted: bool) -> None:
    mark = '"' if is_quoted else ""
    fields = ", ".join(f"{name}={mark}s3cret{mark}" for name in names)
    assert redacted(f"Authorization: Digest {fields}\nHost: cam") == "Authorization: Digest ***\nHost: cam"


WORDS = st.sampled_from(
    [
        "a",
        "/",
        "//",
        ": ",
        ".mp4",
        " ",
        "%2F",
        "%20",
        "digest ",
        "response ",
        "gate",
        "=",
        "5",
        ",",
        "http://cam/",
    ]
)


@given(st.lists(WORDS).map("".join))
def test_a_text_without_an_at_or_the_name_of_a_secret_is_shown_as_it_is(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "HF_TOKEN", "CAMERA_PASSWORD", "aws_secret_access_key"])
def test_what_the_environment_calls_a_secret_is_one_wherever_it_stands(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "per%cent horse")
    for quoted in ("per%cent horse", "per%25cent%20horse", "per%25cent+horse"):
        assert redacted(f"refused: {quoted}!") == "refused: ***!"


def test_the_password_of_an_address_in_the_environment_is_known_in_every_disguise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CAMERA", "rtsp://me:s3cret%2Dhorse@cam/1")
    for disguise in ("s3cret%2Dhorse", "s3cret-horse", "bWU6czNjcmV0LWhvcnNl"):
        assert "***" in redacted(f"said {disguise} there")


def test_a_megabyte_without_a_space_is_read_in_a_moment() -> None:
    repeated = ("a:" * 100_000, "token " * 30_000, "%2f" * 70_000, "//a:" * 50_000)
    for text in ("x" * 200_000, *repeated):
        assert redacted(text) == text


def test_an_error_loses_its_secret_and_what_led_to_it_but_not_its_kind() -> None:
    def fail() -> None:
        try:
            raise KeyError("Authorization: Bearer abc.def")
        except KeyError as error:
            raise ConnectionError("nothing answers") from error

    with pytest.raises(ConnectionError) as raised:
        fail()
    clean = visible_error(raised.value)
    assert (type(clean), str(clean), clean.__cause__) == (ConnectionError, "nothing answers", None)
    harmless = ValueError("k is 0")
    assert visible_error(harmless) is harmless


def test_no_log_line_shows_a_secret_whoever_writes_it(caplog: pytest.LogCaptureFixture) -> None:
    guard_output()
    log = logging.getLogger("some.library")
    try:
        raise ValueError("rtsp://me:s3cret-horse@cam/1")
    except ValueError:
        log.exception("cannot open %s", "rtsp://me:s3cret-horse@cam/1")
    assert "s3cret" not in caplog.text
    assert "cannot open rtsp://***@cam/1" in caplog.text
    assert "ValueError" in caplog.text


class _Echo(http.server.BaseHTTPRequestHandler):
    """Refuses every key, and says which it was."""

    def do_POST(self) -> None:
        said = f'{{"error": {{"message": "refused: {self.headers["Authorization"]}, {dict(self.headers)}"}}}}'
        self.send_response(401)
        self.end_headers()
        self.wfile.write(said.encode())

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _server() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def test_commands_write_no_secret_to_the_terminal_or_to_any_file(
    fights: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A server that echoes the key, an address with a password, and a camera that is not there."""
    camera, table = f"rtsp://me:{SECRET}@127.0.0.1:1/live", tmp_path / "c.parquet"
    commands = [
        ["captions", "write", fights["one"], "--out", table, "--model", "m"],
        ["captions", "write", camera, "--out", table, "--model", "m"],
        ["evaluate", camera, "--format", "frames", "--annotations", "a.csv"],
    ]
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with _server() as port:
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://me:{SECRET}@127.0.0.1:{port}/v1")
        for words in commands:
            monkeypatch.setattr(sys, "argv", ["traces", *map(str, words)])
            with pytest.raises(SystemExit, match="1"):
                main()
    said = "".join(capfd.readouterr())
    assert "refuses the key" in said
    assert "***@127.0.0.1" in said
    files = [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    for text in (said, *files):
        assert SECRET not in text
        assert KEY not in text
