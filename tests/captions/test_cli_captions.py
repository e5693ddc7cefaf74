"""`traces captions`: what it writes, what `traces evaluate` makes of it, how it ends.

Nothing stands behind the catalog here, which takes most of the time: that is in `test_background`.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result
from places import captions, write_catalog
from typer.testing import CliRunner

from traces_core.captions.provenance import catalog_digest, read_provenance
from traces_core.commands import consoles
from traces_core.commands import main as cli
from traces_core.errors import CorruptArtifactError

PARAMS = """\
corpus: {contexts: [street]}
captions:
  {background: 0, scoring: {scorer: difference, k: 3}, trailing_s: [4.0, 16.0],
   contexts: [corridor], classes: [fall]}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for console in (consoles.out, consoles.err):
        monkeypatch.setattr(console, "_width", 400)
    monkeypatch.setenv("TRACES_TEXT_ENCODER", str(encoder_folder))
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "params.yaml").write_text(PARAMS)
    monkeypatch.setenv("TRACES_PARAMS", str(tmp_path / "params"))
    write_catalog(tmp_path / "catalog")
    captions().write_parquet(tmp_path / "captions.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: object) -> Result:
    return CliRunner().invoke(cli.app, ["captions", "score", *map(str, words)])


def score(*words: object) -> pl.DataFrame:
    done = run("captions.parquet", "--catalog", "catalog", "--out", "scores.parquet", *words)
    assert done.exit_code == 0, done.output
    return pl.read_parquet("scores.parquet")


def test_a_table_of_captions_becomes_a_table_of_scores_that_says_where_it_comes_from(place: Path) -> None:
    scored = score()
    assert scored.drop("score").equals(captions().drop("caption"))
    provenance = read_provenance("scores.parquet")
    assert provenance["space"].startswith("sentence-transformers:tiny:")
    assert provenance["causal"] is True
    assert provenance["catalog"] == {"contexts": ["yard"], "digest": catalog_digest("catalog")}
    assert provenance["settings"]["scorer"] == {"name": "difference", "k": 3}
    assert provenance["settings"]["trailing_s"] == [4.0, 16.0]
    assert provenance["captions"]["rows"] == len(captions())
    assert not list(place.glob(".*"))


def test_the_same_command_gives_the_same_file() -> None:
    score()
    first = Path("scores.parquet").read_bytes()
    score()
    assert Path("scores.parquet").read_bytes() == first


def test_evaluate_takes_the_scores_as_they_are(place: Path) -> None:
    score()
    (place / "lengths.txt").write_text("".join(f"v{i} 0 1199\n" for i in range(3)))
    (place / "truth.txt").write_text("v0.mp4 Arson 100 400 -1 -1\nv1.mp4 Normal -1 -1 -1 -1\n"
                                     "v2.mp4 Normal -1 -1 -1 -1\n")  # fmt: skip
    words = [
        "--annotations",
        "truth.txt",
        "--lengths",
        "lengths.txt",
        "--format",
        "ucf-crime",
        "--json",
        "o.json",
    ]
    done = CliRunner().invoke(cli.app, ["evaluate", "scores.parquet", *words])
    assert done.exit_code == 0, done.output
    row = json.loads((place / "o.json").read_text())
    assert row["frames"] == 3600
    assert row["causal"] is True
    assert row["scores"]["rows"] == 120
    assert row["scores"]["frames_held_in_gaps"] == 0


def test_seconds_and_their_rate_are_kept(place: Path) -> None:
    frames = captions()
    frames.select(
        "video",
        "caption",
        start_s=pl.col("first_frame") / 30,
        end_s=(pl.col("last_frame") + 1) / 30,
        fps=pl.lit("30000/1001"),
    ).write_csv(place / "seconds.csv")
    done = run("seconds.csv", "--catalog", "catalog", "--out", "s.parquet")
    assert done.exit_code == 0, done.output
    scored = pl.read_parquet("s.parquet")
    assert scored.columns == ["video", "start_s", "end_s", "fps", "score"]
    assert scored["fps"].unique().to_list() == ["30000/1001"]
    assert scored["score"].to_numpy() == pytest.approx(score()["score"].to_numpy(), abs=1e-9)


def test_a_class_and_a_context_narrow_the_bank() -> None:
    write_catalog(Path("catalog"), lane=Path("catalog/yard.yaml").read_text().replace("yard", "lane"))
    whole = score()
    assert not score("--class", "fire", "--context", "yard").equals(whole)
    provenance = read_provenance("scores.parquet")
    assert provenance["bank"]["classes"] == ["fire"]
    assert provenance["catalog"]["contexts"] == ["yard"]
    score("--class", "fire", "--class", "theft", "--context", "lane", "--context", "yard")
    assert read_provenance("scores.parquet")["bank"]["classes"] == ["fire", "theft"]


def test_without_a_catalog_the_shipped_one_answers_with_what_the_settings_name() -> None:
    done = run("captions.parquet", "--out", "scores.parquet")
    assert done.exit_code == 0, done.output
    assert "a second" in done.stdout
    provenance = read_provenance("scores.parquet")
    assert provenance["catalog"]["contexts"] == ["corridor"]
    assert provenance["bank"]["classes"] == ["fall"]
    run("captions.parquet", "--context", "platform", "--class", "fight", "--out", "scores.parquet")
    provenance = read_provenance("scores.parquet")
    assert (provenance["catalog"]["contexts"], provenance["bank"]["classes"]) == (["platform"], ["fight"])


def test_another_rate_changes_the_seconds_and_so_the_smoothing() -> None:
    assert not score().equals(score("--fps", "25"))


REFUSED = [
    (["captions.parquet", "--catalog", "catalog", "--context", "yart"], "no context is named 'yart'"),
    (["captions.parquet", "--catalog", "catalog", "--class", "fires"], "Did you mean 'fire'"),
    (["captions.parquet", "--catalog", "nowhere"], "no context here"),
    (["nothing.parquet", "--catalog", "catalog"], "nothing.parquet: cannot be read"),
    (["captions.parquet", "--catalog", "catalog", "--fps", "fast"], "fps is 'fast'"),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[case[1] for case in REFUSED])
def test_what_cannot_be_read_is_a_sentence_and_status_one(words: list[str], message: str) -> None:
    done = run(*words, "--out", "scores.parquet")
    assert done.exit_code == 1
    assert message in done.stderr
    assert not Path("scores.parquet").exists()


def test_an_absent_encoder_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACES_TEXT_ENCODER", "/nowhere/at/all")
    done = run("captions.parquet", "--catalog", "catalog", "--out", "scores.parquet")
    assert done.exit_code == 1
    assert "TRACES_TEXT_ENCODER" in done.stderr


def test_scores_go_into_a_parquet_file() -> None:
    assert run("captions.parquet", "--out", "scores.csv").exit_code == 2


def test_a_file_without_provenance_says_so() -> None:
    with pytest.raises(CorruptArtifactError, match=r"captions\.parquet: it does not say"):
        read_provenance("captions.parquet")
