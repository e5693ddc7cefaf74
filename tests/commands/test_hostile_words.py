"""Whatever is typed behind a command is shown as it is: every command, found by the command line itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
import typer

from traces_core.commands.main import app, main

NAME = "gate [/y] [bold]\x1b[2J\x9b31m\u202e\udcff<b>"
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
TEXT = ("text", "path", "file", "directory", "filename")


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from _commands(one, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(_commands(typer.main.get_command(app)))


def _takes_text(parameter: click.Parameter) -> bool:
    return parameter.type.name in TEXT


def _typed(command: click.Command, hostile: click.Parameter | None = None) -> list[str]:
    """What is typed: hostile text wherever text is taken, or behind one option and nowhere else."""
    words: list[str] = []
    for one in command.params:
        is_hostile = _takes_text(one) if hostile is None else one is hostile
        if not is_hostile and not one.required:
            continue
        value = NAME if is_hostile else "1"
        words += [value] if isinstance(one, click.Argument) else [one.opts[0], value]
    return words


WITH_TEXT = [name for name, one in COMMANDS.items() if any(map(_takes_text, one.params))]
NUMBERS = [
    pytest.param(name, one, id=f"{name} {one.opts[0]}")
    for name, command in COMMANDS.items()
    for one in command.params
    if not _takes_text(one) and isinstance(one, click.Option) and not one.is_flag
]


@pytest.fixture
def said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Types words behind `traces` in an empty folder, with an empty store; what it printed."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATA", "REPORTS"):
        monkeypatch.setenv(f"TRACES_{name}", str(tmp_path / name.lower()))

    def type_words(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["traces", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        assert ended.value.code in (0, 1, 2, None)
        assert "Traceback" not in out + err
        assert not CONTROLS.search(out + err), out + err
        return out + err

    return type_words


@pytest.mark.parametrize("name", WITH_TEXT)
def test_a_command_shows_text_as_it_was_typed(said, name: str) -> None:
    assert said(*name.split(), *_typed(COMMANDS[name]))


@pytest.mark.parametrize(("name", "option"), NUMBERS)
def test_a_command_shows_what_is_no_number_as_it_was_typed(said, name: str, option: click.Option) -> None:
    assert said(*name.split(), *_typed(COMMANDS[name], option))


def test_an_option_and_a_command_that_nobody_knows_are_shown_as_they_were_typed(said) -> None:
    assert said(NAME)
    assert said("score", f"--{NAME}")
