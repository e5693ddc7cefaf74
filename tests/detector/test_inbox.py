"""The inbox as a folder: what is taken, what waits, and under which name. No video is decoded here."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from traces_core.detector.inbox import PATIENCE_S, dropped_files, file_named, look, name_of, set_aside

WHOLE = b"\0\0\0\x08ftyp" + b"\0\0\0\x08moov"
NOW_S = 1e9


def _write(folder: Path, name: str, content: bytes = WHOLE, at_s: float = NOW_S) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at_s, at_s))
    return path


def test_only_videos_are_looked_at(tmp_path: Path) -> None:
    for name in ("a.mp4", "yard/b.MKV", "notes.txt", "c.mp4.part", ".hidden.mp4", ".x/d.mp4", "broken/e.mp4"):
        _write(tmp_path, name)
    assert [path.relative_to(tmp_path).as_posix() for path in dropped_files(tmp_path)] == [
        "a.mp4",
        "yard/b.MKV",
    ]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert look(tmp_path / "none", None, NOW_S).seen == {}


@given(st.text("ab /.-#,ü", min_size=1, max_size=12), st.text("ab /.-#,ü", min_size=1, max_size=12))
def test_two_videos_never_share_a_name(one: str, other: str) -> None:
    folder = Path("inbox")
    paths = [folder / text.strip("/") for text in (one, other)]
    if paths[0] != paths[1] and folder not in paths:
        assert name_of(folder, paths[0]) != name_of(folder, paths[1])


def test_a_name_leads_back_to_its_file(tmp_path: Path) -> None:
    path = _write(tmp_path, "car park/gate, north.mp4")
    name = name_of(tmp_path, path)
    assert not set(name) & set(" ,/#")
    assert file_named(tmp_path, name) == path
    assert file_named(tmp_path, "another") is None


def test_a_file_is_taken_at_the_second_look_that_finds_it_unchanged_and_only_once(tmp_path: Path) -> None:
    _write(tmp_path, "a.mp4")
    first = look(tmp_path, None, NOW_S)
    assert (set(first.ready), set(first.waiting)) == (set(), {"a.mp4"})
    second = look(tmp_path, first.to_json(), NOW_S)
    assert set(second.ready) == {"a.mp4"}
    third = look(tmp_path, second.to_json(), NOW_S)
    assert (third.ready, third.waiting) == ({}, {})
    _write(tmp_path, "a.mp4", at_s=NOW_S + 1)
    fourth = look(tmp_path, third.to_json(), NOW_S)
    assert set(fourth.waiting) == {"a.mp4"}
    assert set(look(tmp_path, fourth.to_json(), NOW_S).ready) == {"a.mp4"}


def test_what_is_incomplete_waits_until_patience_ends(tmp_path: Path) -> None:
    half = _write(tmp_path, "half.mp4", b"\0\0\1\0ftyp" + bytes(16))
    _write(tmp_path, "empty.mp4", b"")
    before = look(tmp_path, None, NOW_S).to_json()
    changed_s = half.stat().st_ctime
    waits = look(tmp_path, before, changed_s + PATIENCE_S - 5)
    assert "cut short" in waits.waiting["half.mp4"]
    assert waits.waiting["empty.mp4"] == "it is empty"
    assert set(look(tmp_path, waits.to_json(), changed_s + PATIENCE_S + 5).ready) == {"half.mp4", "empty.mp4"}


def test_more_than_can_be_taken_at_once_waits_its_turn(tmp_path: Path) -> None:
    for number in range(5):
        _write(tmp_path, f"{number}.mp4")
    taken, remembered = [], look(tmp_path, None, NOW_S).to_json()
    for _ in range(3):
        scan = look(tmp_path, remembered, NOW_S, most=2)
        taken.append(sorted(scan.ready))
        remembered = scan.to_json()
    assert taken == [["0.mp4", "1.mp4"], ["2.mp4", "3.mp4"], ["4.mp4"]]


def test_what_left_the_inbox_is_forgotten(tmp_path: Path) -> None:
    path = _write(tmp_path, "a.mp4")
    before = look(tmp_path, look(tmp_path, None, NOW_S).to_json(), NOW_S)
    path.unlink()
    assert look(tmp_path, before.to_json(), NOW_S).to_json() == '{"seen": {}, "taken": {}}'


def test_a_broken_file_lies_beside_the_reason(tmp_path: Path) -> None:
    moved = set_aside(tmp_path, _write(tmp_path, "yard/a.mp4"), "it holds no frame")
    assert moved == tmp_path / "broken" / "yard" / "a.mp4"
    assert moved.with_name("a.mp4.txt").read_text() == "it holds no frame\n"
    assert list(dropped_files(tmp_path)) == []
