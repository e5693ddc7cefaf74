"""The command line: what it writes, what it says, how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import typer
from click.testing import Result
from odd_clips import two_streams
from typer.testing import CliRunner

from traces_core.commands import main as cli
from traces_core.commands.consoles import fail
from traces_core.detector.detector import Detector
from traces_core.detector.folder import ScoreFolder
from traces_core.detector.saved import open_detector
from traces_core.detector.scored import ScoredVideo
from traces_core.errors import MissingArtifactError
from traces_core.project import Project
from traces_core.settings import project_root
from traces_core.store import Store
from traces_core.streams.episodes import EPISODES
from traces_core.streams.table import streams_of

pytestmark = pytest.mark.usefixtures("at_home")


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    for console in (cli.out, cli.err):
        monkeypatch.setattr(console, "_width", 400)


def _run(*words: object) -> Result:
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def _main(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """The status of the process."""
    monkeypatch.setattr(sys, "argv", ["traces", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def garbage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("garbage") / "garbage.mp4"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    return path


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_scored(
    fights: dict[str, Path], garbage: Path, tmp_path: Path
) -> None:
    done = _run("score", fights["half"], garbage, fights["one"], "--context", "street", "--out", tmp_path)
    assert done.exit_code == 1
    assert f"{garbage}: " in done.stderr
    assert "1 of 3 videos" in done.stderr
    assert "`traces probe`" in done.stderr
    scores = pl.read_parquet(tmp_path / "scores.parquet")
    assert scores.columns == ["video", "time_s", "stream", "score"]
    assert set(scores["video"]) == {str(fights["half"]), str(fights["one"])}
    assert set(scores["stream"]) == set(streams_of("traces"))
    episodes = pl.read_parquet(tmp_path / "episodes.parquet")
    assert episodes.schema == EPISODES
    for name in ("half", "one"):
        assert f"{name}.mkv" in (tmp_path / f"{name}.html").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {
        *("scores.parquet", "episodes.parquet", "half.html", "one.html", ".videos")
    }


def test_when_every_file_is_read_the_status_is_zero(fights: dict[str, Path], tmp_path: Path) -> None:
    done = _run("score", fights["one"], "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert str(tmp_path / "scores.parquet") in done.stdout
    assert done.stderr.count("have never seen real video") == 1
    assert done.stderr.count("threshold comes from the normal footage in ") == 1
    page = (tmp_path / "one.html").read_text()
    assert "have never seen real video: the scores of late, fused, action, appearance mean nothing" in page
    assert "docs/full-size.md" in page
    assert "these numbers show that the system works" not in page


@pytest.mark.parametrize("words", [["score"], ["explain", "--at", "1"]])
def test_an_output_that_cannot_be_written_is_said_before_anything_is_decoded(
    words: list[str], fights: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(Detector, "score", None)
    where = tmp_path / "file" / ("scores" if words == ["score"] else "page/one.html")
    assert _main(monkeypatch, *words, fights["one"], "--out", where) == 1


def test_inside_another_project_the_folder_is_named_and_how_to_name_another(
    at_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_text("train:\n  lr: 0.1\n")
    monkeypatch.chdir(tmp_path)
    for command in (["bank", "list"], ["prune", "--yes"]):
        project_root.cache_clear()
        assert _main(monkeypatch, *command) == 1
        said = capsys.readouterr().err
        assert f"{tmp_path} was taken for a TRACES project" in said
        assert "TRACES_ROOT=" in said
    monkeypatch.setenv("TRACES_ROOT", str(at_home))
    project_root.cache_clear()
    assert _run("bank", "list").exit_code == 0


def test_a_file_cut_short_is_scored_named_and_counted_as_failed(
    fights: dict[str, Path], tmp_path: Path
) -> None:
    done = _run("score", fights["cut"], "--out", tmp_path)
    assert done.exit_code == 1
    assert "cut.mkv" in done.stderr
    assert len(pl.read_parquet(tmp_path / "scores.parquet")) > 0
    assert "The file is damaged" in (tmp_path / "cut.html").read_text()


def test_a_thumbnail_before_the_film_is_not_scored_unless_asked_for(tmp_path: Path) -> None:
    path = two_streams(tmp_path / "thumbnail.mkv", [(16, 16), (64, 48)], default=1)
    done = _run("score", path, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "video stream 1 of 2" in done.stdout
    assert "video stream 1 of 2" in (tmp_path / "thumbnail.html").read_text()
    asked = _run("score", path, "--video-stream", 0, "--out", tmp_path)
    assert "video stream 0 of 2" in asked.stdout
    assert "scored before" not in asked.stdout


def test_a_folder_that_looks_like_an_address_is_a_folder(
    fights: dict[str, Path], at_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (at_home / "anywhere").mkdir()
    monkeypatch.chdir(at_home / "anywhere")
    assert _run("score", fights["one"], "--out", "file:scores").exit_code == 0
    assert "scored before" in _run("score", fights["one"], "--out", "file:scores").stdout


def test_two_videos_of_one_name_get_a_page_each(fights: dict[str, Path], tmp_path: Path) -> None:
    twin = tmp_path / "elsewhere" / "one.mkv"
    twin.parent.mkdir()
    twin.write_bytes(fights["one"].read_bytes())
    assert _run("score", fights["one"], twin, "--out", tmp_path / "out").exit_code == 0
    assert {path.name for path in (tmp_path / "out").glob("*.html")} == {"one.html", "one-2.html"}


def test_a_run_that_was_stopped_goes_on_where_it_was(
    fights: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored, score = [], Detector.score

    def stop_at_half(self: Detector, video: Path, *given: Any, **named: Any) -> ScoredVideo:
        if video == fights["half"] and not scored[1:]:
            raise KeyboardInterrupt
        scored.append(video)
        return score(self, video, *given, **named)

    monkeypatch.setattr(Detector, "score", stop_at_half)
    asked = ("score", fights["one"], fights["half"], "--out", tmp_path)
    assert _run(*asked).exit_code != 0
    assert set(pl.read_parquet(tmp_path / "scores.parquet")["video"]) == {str(fights["one"])}
    scored.append(fights["one"])
    done = _run(*asked)
    assert done.exit_code == 0, done.output
    assert scored == [fights["one"], fights["one"], fights["half"]]
    assert "one.mkv" in done.stdout
    assert done.stdout.count("(scored before)") == 1
    assert len(set(pl.read_parquet(tmp_path / "scores.parquet")["video"])) == 2


def test_scores_of_other_videos_are_kept_and_told(fights: dict[str, Path], tmp_path: Path) -> None:
    assert "which are kept" not in _run("score", fights["one"], "--out", tmp_path).stdout
    done = _run("score", fights["half"], "--out", tmp_path)
    assert f"{tmp_path} holds scores of 1 other videos, which are kept\n" in done.stdout
    assert len(set(pl.read_parquet(tmp_path / "scores.parquet")["video"])) == 2


def test_two_who_score_into_one_folder_lose_nothing_of_each_other(
    small_project: Project, fights: dict[str, Path], tmp_path: Path
) -> None:
    one, other = (ScoreFolder(tmp_path, Detector.load(small_project)) for _ in range(2))
    for folder, video in ((one, "one"), (other, "half")):
        folder.score(fights[video], video, None)
    for folder in (other, one):
        folder.write()
    scores = pl.read_parquet(tmp_path / "scores.parquet")
    assert set(scores["video"]) == {str(fights["one"]), str(fights["half"])}
    assert scores.unique().height == scores.height


def test_scores_of_another_detector_are_told_and_not_taken_for_its_own(
    fights: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run("score", fights["one"], "--out", tmp_path)
    monkeypatch.setattr(Detector, "identity", property(lambda self: {"parts": "others"}))
    assert "1 of them by another detector" in _run("score", fights["half"], "--out", tmp_path).stdout
    assert "scored before" not in _run("score", fights["one"], "--out", tmp_path).stdout


def test_a_table_of_somebody_else_is_left_as_it_is(fights: dict[str, Path], tmp_path: Path) -> None:
    mine = pl.DataFrame({"camera": ["gate"], "visitors": [3]})
    mine.write_parquet(tmp_path / "scores.parquet")
    done = _run("score", fights["one"], "--out", tmp_path)
    assert done.exit_code != 0
    assert "columns are camera, visitors" in str(done.exception)
    assert pl.read_parquet(tmp_path / "scores.parquet").equals(mine)


ODD_NAMES = [
    # name, as it is shown
    (b"c\xe4m.mkv", "c\\xe4m.mkv"),
    (b"a\nb.mkv", "a\\nb.mkv"),
    (b"x" * 247 + b".mkv", "x" * 247 + ".mkv"),
    ("кот 🐈.mkv".encode(), "кот 🐈.mkv"),
    ("gate [north]\x1b[31m\u202e [bold].mkv".encode(), "gate [north]\\x1b[31m\\u202e [bold].mkv"),
]


@pytest.mark.parametrize(("name", "shown"), ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_a_file_of_any_name_is_scored_and_shown_as_it_is(
    fights: dict[str, Path], tmp_path: Path, name: bytes, shown: str
) -> None:
    odd = tmp_path / os.fsdecode(name)
    odd.write_bytes(fights["one"].read_bytes())
    done = _run("score", fights["one"], odd, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert len(set(pl.read_parquet(tmp_path / "out" / "scores.parquet")["video"])) == 2
    assert len(list((tmp_path / "out").glob("*.html"))) == 2
    assert f"\n{shown}  " in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("error", [IndexError("list index out of range"), MemoryError(), OSError(5, "I/O")])
def test_what_one_file_does_costs_no_other_its_scores(
    fights: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    score = Detector.score

    def fail_at_one(self: Detector, video: Path, *given: Any, **named: Any) -> ScoredVideo:
        if video == fights["one"]:
            raise error
        return score(self, video, *given, **named)

    monkeypatch.setattr(Detector, "score", fail_at_one)
    done = _run("score", fights["one"], fights["half"], "--out", tmp_path)
    assert done.exit_code == 1
    assert f"not scored  {fights['one']}: " in done.stderr
    assert "traces probe" not in done.stderr  # the file is not to blame
    assert set(pl.read_parquet(tmp_path / "scores.parquet")["video"]) == {str(fights["half"])}


def test_explain_prints_the_score_and_the_traces_of_both_sides(
    fights: dict[str, Path], tmp_path: Path
) -> None:
    page = tmp_path / "why.html"
    done = _run("explain", fights["half"], "--at", "1.5", "--context", "street", "--out", page)
    assert done.exit_code == 0, done.output
    assert "at 1.50 s: late" in done.stdout
    assert "its threshold" in done.stdout
    assert done.stdout.count("anomalous") == 3
    assert done.stdout.count("normal") == 3
    assert page.is_file()


def test_a_moment_after_the_end_is_an_error_in_words(fights: dict[str, Path]) -> None:
    done = _run("explain", fights["one"], "--at", "99")
    assert done.exit_code == 1
    assert "no moment at 99.0 s" in done.stderr


def test_settings_lists_every_setting_with_its_value_and_bounds() -> None:
    done = _run("settings")
    assert done.exit_code == 0
    row = next(line for line in done.stdout.splitlines() if "scoring.k" in line)
    assert "3" in row
    assert "≥ 1" in row
    for name in ("timesformer.window_frames", "training.fusion.steps", "corpus.contexts", "footage.shards"):
        assert name in done.stdout


def test_doctor_finds_this_checkout_well() -> None:
    done = _run("doctor")
    assert done.exit_code == 0, done.output
    assert "trace_index" in done.stdout


def test_doctor_fails_where_something_needed_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACES_CATALOG", str(tmp_path))
    done = _run("doctor")
    assert done.exit_code == 1
    assert "set TRACES_CATALOG" in done.stdout


def test_help_lists_the_commands() -> None:
    done = _run("--help")
    assert done.exit_code == 0
    for command in ("score", "explain", "make", "benchmark", "settings", "doctor"):
        assert command in done.stdout


@pytest.mark.parametrize(
    ("words", "handed"),
    [
        (("make", "+key:context_gate"), ["assets", "--select", "+key:context_gate"]),
        (("benchmark",), ["demo"]),
        (("benchmark", "--ablations"), ["benchmark"]),
    ],
)
def test_the_graph_is_handed_to_the_orchestrator_and_its_status_is_ours(
    words: tuple[str, ...], handed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    ended = subprocess.CompletedProcess([], 3)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: asked.append(command) or ended)
    assert _run(*words).exit_code == 3
    assert asked == [[sys.executable, "-m", "pipelines.run", *handed]]


@pytest.mark.parametrize(
    "words",
    [
        ("score",),
        ("score", "a.mp4", "--loud"),
        ("explain", "a.mp4"),
        ("explain", "a.mp4", "--at", "x"),
        ("dance",),
    ],
)
def test_a_command_that_is_not_understood_ends_with_status_two(words: tuple[str, ...]) -> None:
    assert _run(*words).exit_code == 2


def test_a_stream_that_is_none_ends_with_status_two(fights: dict[str, Path]) -> None:
    done = _run("explain", fights["one"], "--at", "0", "--stream", "smell")
    assert done.exit_code == 2
    assert "'smell' is none of" in done.stderr


def test_an_unknown_context_is_a_sentence_with_the_nearest_name(
    fights: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("score", fights["one"], "--context", "streat", "--out", tmp_path / "out")
    assert _main(monkeypatch, *words) == 1
    message = capsys.readouterr().err
    assert "Did you mean 'street'" in message
    assert "Traceback" not in message
    assert not (tmp_path / "out").exists()


def test_without_a_graph_the_error_says_how_to_make_one(
    fights: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TRACES_DATA", str(tmp_path))
    assert _main(monkeypatch, "score", fights["one"], "--out", tmp_path / "out") == 1
    assert "make demo" in capsys.readouterr().err


def test_the_small_graph_is_what_the_command_line_uses(small_project: Project, tmp_path: Path) -> None:
    here = Project.here()
    assert here.settings == small_project.settings
    assert here.store.root == small_project.store.root
    with pytest.raises(MissingArtifactError):
        here.store.current("benchmark_report")


def test_the_detector_is_saved_to_a_new_folder_and_to_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "gates" / "detector"
    assert _run("save", folder).exit_code == 0
    assert Detector.load(open_detector(folder)).identity == Detector.load().identity
    assert _main(monkeypatch, "save", folder) == 1
    assert "Name an empty folder" in capsys.readouterr().err


def test_prune_lists_what_it_would_free_and_frees_it_when_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACES_DATA", str(tmp_path))
    store = Store(tmp_path)
    for seed in range(2):
        store.remember("thing", made_from={"seed": seed}, make=lambda: [1, 2], code="c")
    before = sorted(tmp_path.rglob("*"))
    looked = _run("prune")
    assert "thing" in looked.output
    assert "would be freed" in looked.output
    assert sorted(tmp_path.rglob("*")) == before
    assert _run("prune", "--yes").exit_code == 0
    assert len(list(tmp_path.rglob("*.recipe.json"))) == 1
    assert store.current("thing").read() == [1, 2]
    assert "nothing to free" in _run("prune").output


def test_an_error_keeps_what_it_says_in_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        fail("anomaly_scores [shard-00] has not been made")
    assert "anomaly_scores [shard-00] has" in capsys.readouterr().err
