"""Mutated tables and YAML files, read by the commands that people read them with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from typer.testing import CliRunner

from faults.outcomes import Tally
from traces_core.commands import main as cli
from traces_core.errors import TracesError
from traces_core.settings import Settings
from traces_core.text.catalog import read_context

ODD = (
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\t"),  # encodings, ends of lines
    *(
        b"[/y]",
        b"*",
        b"&a [*a]",
        b"!!python/name:os",
        b"{}",
        b"[[[[",
        b"- ",
        b": ",
        b"#",
        b"'",
        b'"',
        b"---\n",
    ),
    *(b"010", b"1:30", b"1e300", b"NaN", b"-0", b"null", b"yes"),
)


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes or lines elsewhere, gone, doubled, or something odd among them."""
    for _ in range(rng.integers(1, 4)):
        lines, at = content.splitlines(keepends=True), int(rng.integers(0, max(1, len(content))))
        match int(rng.integers(6)):
            case 0:
                content = content[:at] + ODD[rng.integers(len(ODD))] + content[at:]
            case 1:
                content = content[:at]
            case 2:
                content = content[:at] + bytes([int(rng.integers(256))]) + content[at + 1 :]
            case 3 if lines:
                del lines[int(rng.integers(len(lines)))]
                content = b"".join(lines)
            case 4 if lines:
                line = int(rng.integers(len(lines)))
                content = b"".join([*lines[: line + 1], *lines[line:]])
            case _:
                content = content[at:] + content[:at]
    return content


def _as_scores(path: Path) -> str:
    truth = path.with_name("truth.txt")
    lengths = path.with_name("lengths.csv")
    given = ["--annotations", str(truth), "--format", "ucf-crime", "--lengths", str(lengths)]
    return _by_command(path, ["evaluate", str(path), *given, "--resamples", "10"])


def _as_captions(path: Path) -> str:
    from traces_core.captions import table

    try:
        table.read_captions(path)
    except TracesError as error:
        return _clear(path, str(error))
    return "right"


def _as_params(path: Path) -> str:
    try:
        Settings.load(path.parent, profile="")
    except TracesError as error:
        return _clear(path, str(error))
    return "right"


def _as_catalog(path: Path) -> str:
    try:
        read_context(path)
    except TracesError as error:
        return _clear(path, str(error))
    return "right"


def _by_command(path: Path, words: list[str]) -> str:
    done = CliRunner().invoke(cli.app, words)
    if done.exception is not None and not isinstance(done.exception, (SystemExit, TracesError)):
        raise done.exception
    said = f"{done.output}{done.stderr}{done.exception if isinstance(done.exception, TracesError) else ''}"
    return "right" if done.exit_code == 0 else _clear(path, said)


def _clear(path: Path, words: str) -> str:
    named = path.name in words or path.parent.name in words
    return "clear error" if named else f"wrong: an error that names no file: {words}"


def _inputs(folder: Path) -> dict[str, tuple[bytes, Callable[[Path], str]]]:
    rows = {"video": ["a"] * 40 + ["b"] * 40, "first_frame": [*range(40)] * 2, "last_frame": [*range(40)] * 2}
    scores = pl.DataFrame({**rows, "score": np.linspace(0, 1, 80)})
    scores.write_parquet(folder / "scores.parquet")
    said = [
        {"video": "a", "start_s": float(at), "end_s": at + 1.0, "caption": f"a man {at}"} for at in range(9)
    ]
    pl.DataFrame(said).write_parquet(folder / "captions.parquet")
    root = Path(__file__).resolve().parents[2]
    return {
        "scores.csv": (scores.write_csv().encode(), _as_scores),
        "scores.parquet": ((folder / "scores.parquet").read_bytes(), _as_scores),
        "captions.csv": (pl.DataFrame(said).write_csv().encode(), _as_captions),
        "captions.parquet": ((folder / "captions.parquet").read_bytes(), _as_captions),
        "params.yaml": ((root / "params.yaml").read_bytes(), _as_params),
        "street.yaml": ((root / "catalog" / "street.yaml").read_bytes(), _as_catalog),
    }


def mutants(folder: Path, count: int, first_seed: int = 0) -> list[Tally]:
    """So many mutants, one after the other over the kinds of file."""
    inputs = _inputs(folder)
    tallies = {name: Tally(f"tables and YAML: {name}") for name in inputs}
    for name, (content, read) in inputs.items():
        home = _home(folder / f"as-it-is-{name}")
        (home / name).write_bytes(content)
        if (outcome := read(home / name)) != "right":
            raise ValueError(f"{name} is not right as it is: {outcome}")
    for seed in range(first_seed, first_seed + count):
        name = sorted(inputs)[seed % len(inputs)]
        content, read = inputs[name]
        home = _home(folder / f"mutant-{seed}")
        (home / name).write_bytes(mutated(content, np.random.default_rng(seed)))
        tallies[name].attempt(f"seed {seed}", lambda: read(home / name))  # noqa: B023
        shutil.rmtree(home)
    return list(tallies.values())


def _home(folder: Path) -> Path:
    """A folder with a ground truth for scores."""
    folder.mkdir()
    (folder / "truth.txt").write_text("a.mp4 Fighting 5 20 -1 -1\nb.mp4 Normal -1 -1 -1 -1\n")
    (folder / "lengths.csv").write_text("video,frames\na,40\nb,40\n")
    return folder


def hostile_names(count: int, seed: int = 0) -> list[str]:
    """Names that a file system allows: bytes that are no UTF-8, markup, newlines, the longest ones."""
    rng, names = np.random.default_rng(seed), set[bytes]()
    parts = [
        *ODD[4:],
        b"[bold]",
        b"..",
        b"%20",
        b"?",
        b" ",
        b"\n",
        b"\x1b[31m",
        "ü🐈\u202e".encode(),
        b"s[12]",
        b"\xe4",
        b"-rf",
    ]
    while len(names) < count:
        name = b"".join(parts[at] for at in rng.integers(0, len(parts), rng.integers(1, 9)))
        name = name.replace(b"/", b"").replace(b"\0", b"") * (1 if rng.random() < 0.9 else 60)
        names.add(name[:247].lstrip(b".") or b"x")
    return [os.fsdecode(name + b".mkv") for name in sorted(names)]


def names(folder: Path, film: Path, count: int) -> Tally:
    """A film under hostile names, scored as one batch."""
    tally, batch = Tally("names of videos"), folder / "named"
    batch.mkdir()
    paths = [batch / name for name in hostile_names(count)]
    for path in paths:
        os.link(film, path)
    done = CliRunner().invoke(cli.app, ["score", "--out", str(folder / "scored"), "--", *map(str, paths)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        tally.note("traceback", repr(done.exception))
    written = folder / "scored" / "scores.parquet"
    scored = pl.read_parquet(written, glob=False)["video"].n_unique() if written.exists() else 0
    for _ in range(scored):
        tally.note("right")
    for _ in range(count - scored):
        tally.note("refused", done.stderr[-500:])
    return tally
