"""What is known of a file is kept between processes, asked again when it changes, and never in the way."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from traces_core.video.file_cache import FileCache


@pytest.fixture(autouse=True)
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("traces_core.store.digest._SETTLED_NS", -(10**9))


class Reader:
    """Says what a file holds, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def read(self, path: Path) -> str:
        self.asked += 1
        return path.read_text()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "gate.mp4"
    path.write_text("first")
    return path


def _ask(folder: Path, reader: Reader, film: Path, version: str = "1") -> str:
    with FileCache(folder, version) as seen:
        return seen.ask(reader.read, film)


def test_the_next_one_to_ask_is_told_without_reading(tmp_path: Path, film: Path) -> None:
    reader = Reader()
    assert [_ask(tmp_path / "seen", reader, film) for _ in range(3)] == ["first"] * 3
    assert reader.asked == 1


def test_a_file_that_changed_under_its_old_modification_time_is_read_again(
    tmp_path: Path, film: Path
) -> None:
    reader, stamp = Reader(), film.stat()
    _ask(tmp_path / "seen", reader, film)
    film.write_text("other")
    os.utime(film, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert _ask(tmp_path / "seen", reader, film) == "other"


def test_other_code_asks_again(tmp_path: Path, film: Path) -> None:
    reader = Reader()
    for version in "12":
        _ask(tmp_path / "seen", reader, film, version)
    assert reader.asked == 2


def test_what_is_so_new_that_it_may_still_change_is_not_kept(
    tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("traces_core.store.digest._SETTLED_NS", 10**12)
    reader = Reader()
    for _ in range(2):
        _ask(tmp_path / "seen", reader, film)
    assert reader.asked == 2


def test_where_nothing_can_be_kept_the_file_is_read_and_a_warning_logged(
    tmp_path: Path, film: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "taken").write_text("not a folder")
    assert _ask(tmp_path / "taken", Reader(), film) == "first"
    assert "cannot be kept" in caplog.text


def test_a_damaged_cache_costs_no_more_than_reading(tmp_path: Path, film: Path) -> None:
    folder, reader = tmp_path / "seen", Reader()
    _ask(folder, reader, film)
    (folder / "cache.db").write_bytes(b"not a database" * 1000)
    for leftover in folder.glob("cache.db-*"):
        leftover.unlink()
    assert _ask(folder, reader, film) == "first"


def test_a_damaged_entry_costs_no_more_than_reading(tmp_path: Path, film: Path) -> None:
    folder, reader = tmp_path / "seen", Reader()
    _ask(folder, reader, film)
    with closing(sqlite3.connect(folder / "cache.db")) as database, database:
        assert database.execute("UPDATE Cache SET value = x'00'").rowcount == 1
    assert _ask(folder, reader, film) == "first"
