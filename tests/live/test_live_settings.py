"""cameras.yaml: what is taken, what is refused with file, line and remedy; no secret stands anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from traces_core.errors import SettingsError
from traces_core.live.settings import Folder, LiveSettings, cameras_schema

ROOT = Path(__file__).resolve().parents[2]
SECRETS = dict.fromkeys(("GATE_USER", "GATE_PASSWORD", "MQTT_USER", "MQTT_PASSWORD"), "something") | {
    "HOOK_SECRET": "hunter2hunter2",
    "APPRISE_URL": "json://127.0.0.1",
}


def loaded(folder: Path, text: str, environment: dict[str, str] | None = None) -> LiveSettings:
    (folder / "cameras.yaml").write_text(text)
    return LiveSettings.load(folder / "cameras.yaml", environment or {})


def test_the_example_is_taken_and_its_schema_is_the_models() -> None:
    settings = LiveSettings.load(ROOT / "cameras.example.yaml", SECRETS)
    assert [camera.name for camera in settings.cameras] == ["gate", "dock"]
    assert settings.cameras[0].source == "rtsp://something:something@192.168.1.20/stream2"
    assert settings.cameras[1].catalog == ROOT / "sites" / "dock"
    [folder] = [sink for sink in settings.sinks if isinstance(sink, Folder)]
    assert folder.path == ROOT / "alarms"
    assert (ROOT / "cameras.schema.json").read_text() == cameras_schema(), (
        "cameras.schema.json: write it again, as its function says"
    )


REFUSED = {
    "a name that is none": ("cameras: [{name: Gate 1, source: x}]", "cameras.yaml:1: cameras.0.name"),
    "a key that nobody knows": (
        "cameras:\n  - {name: a, source: x}\n  - {name: b, source: x, fps: 1}",
        ":3: ",
    ),
    "a stream that raises no alarms here": ("cameras: [{name: a, source: x, streams: surprise}]", "late"),
    "a secret that is nowhere": ("cameras: [{name: a, source: 'rtsp://${NO_SUCH}@h'}]", "export NO_SUCH="),
    "a file that holds no secret": ("page: {token: '${file:nothing}'}", "cannot be read"),
    "a page that is open to others": ("page: {host: 0.0.0.0}", "token"),
    "two of one name": ("cameras: [{name: a, source: x}, {name: a, source: y}]", "two cameras are named 'a'"),
    "a kind of sink that there is not": ("sinks: [{kind: pager}]", "apprise"),
    "hours that are none": (
        "cameras: [{name: a, source: x, active: 7-9}]",
        "cameras.yaml:1: cameras.0.active",
    ),
    "a part that is missing": ("cameras:\n  - {name: a, source: x}\n  - {name: b}", ":3: cameras.1.source"),
    "hours of some days": ("cameras: [{name: a, source: x, active: 'Mo-Fr 19:00-07:00'}]", "active"),
    "two stretches in one": (
        "sinks: [{kind: folder, path: x, quiet: ['22:00-06:00, 12:00-13:00']}]",
        "quiet",
    ),
    "a corner outside of the picture": (
        "cameras: [{name: a, source: x, areas: {ignore: [[[0, 0], [2, 0], [0, 1]]]}}]",
        "less than or equal to 1",
    ),
    "a file, which is no camera": ("cameras: [{name: a, source: cameras.yaml}]", "as_live: true"),
    "hours that are empty": ("cameras: [{name: a, source: x, active: '07:00-07:00'}]", "the whole day"),
    "an address of no known kind": ("cameras: [{name: a, source: 'rtps://h/s'}]", "cameras.0.source"),
    "an address with one slash": ("cameras: [{name: a, source: 'rtsp:/h/s'}]", "begins with rtsp://"),
    "an address without a host": ("cameras: [{name: a, source: 'rtsp://'}]", "needs a host"),
    "a password with a slash": (
        "cameras: [{name: a, source: 'rtsp://me:hun/ter#2@10.0.0.1/s'}]",
        "/ is written %2F",
    ),
    "a secret that is nowhere, and its line": ("cameras:\n  - name: a\n    source: ${NO_SUCH}", "yaml:3: "),
    "a key twice": ("cameras: []\ncameras: []", ":2"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_said_with_its_place_and_what_to_do(tmp_path: Path, what: str) -> None:
    text, said = REFUSED[what]
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, text)
    assert said in str(caught.value)
    assert "cameras.yaml" in str(caught.value)


def test_what_is_refused_shows_no_secret(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2\n")
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, "page: {token: '${file:token}', port: x}\n")
    assert "hunter2" not in str(caught.value)


def test_a_secret_comes_from_a_file_beside(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-long-token-indeed\n")
    assert loaded(tmp_path, "page: {token: '${file:token}'}").page.token == "a-long-token-indeed"
