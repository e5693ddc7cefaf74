"""What docs/reliability.md promises is shown by tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_every_promise_names_tests_that_are_there() -> None:
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^ *def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) >= 40
    assert sorted(named - there) == []


def test_every_line_shows_something_or_says_that_it_promises_nothing() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line][1:]
    bare = [
        row
        for row in rows
        if "`test_" not in row and not re.search("[Nn]ot promised|[Dd]oes not apply|See fault|make e2e", row)
    ]
    assert [row for row in bare if not row.startswith("| class |")] == []
    assert len([row for row in rows if re.match(r"\| \d+ \|", row)]) == 30
