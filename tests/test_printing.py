"""Text of strangers is shown as it is: no mark-up, no control of the terminal, no link, no HTML."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.table import Table

from pipelines.public import asset_check, public
from pipelines.reporting import bullets, table
from pipelines.spool import Spool, Waiting
from pipelines.tracked_run import field_name
from traces_core.printing import PlainConsole, guard_output, markdown, printable, styled
from traces_core.report.markdown import table as markdown_table

HOSTILE = (
    "gate [north]", "[/y]", "[bold red]x[/]", "pip install 'traces-vad[vllm]'", "a\x1b[2Jb", "\x9b31m",
    "\r\x08", "txt.\u202e4pm", "cam\udcff", "\ud800", ":smile:", "<script>alert(1)</script>",
    "![x](http://e.vil/a.png)", "[a](javascript:x)", "a|b", "`code`", "__b__ *i*", "# head", "$\\frac{$",
    "&lt;", "a_b", "www.e.vil", "../x", "",
)  # fmt: skip
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
ROOT = Path(__file__).parents[1]


@pytest.fixture
def console() -> PlainConsole:
    return PlainConsole(file=io.StringIO(), width=200, force_terminal=True, color_system=None)


def printed(console: PlainConsole) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_printable_controls_nothing_and_stays_so(text: str) -> None:
    shown = printable(text)
    assert not CONTROLS.search(shown)
    assert printable(shown) == shown
    shown.encode()


@pytest.mark.parametrize("text", ["кот 🐈‍⬛", "می‌خواهم", "Ünïcode – ok", "two\nlines"])
def test_good_text_of_any_language_is_not_touched(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_terminal_shows_text_as_it_is(console: PlainConsole, hostile: str) -> None:
    rows = Table(hostile, "", title=hostile)
    rows.add_row(hostile, styled(hostile, "bold"))
    console.print(hostile, soft_wrap=True)
    console.print(rows)
    with console.status(hostile) as status:
        status.update(styled(hostile))
    told = re.sub(r"\x1b\[(?:\?25[lh]|[12]?[AK]|2K|1A)|\r", "", printed(console))  # the spinner's own
    assert not CONTROLS.search(told)
    assert told.count(printable(hostile)) >= 4


@pytest.mark.parametrize("hostile", HOSTILE)
def test_markdown_of_a_text_reads_as_the_text(hostile: str) -> None:
    reader = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    [_, line, _] = reader.parse(f"x {markdown(hostile)} x")
    assert {part.type for part in line.children or ()} <= {"text", "text_special"}
    read = "".join(part.content for part in line.children or ())
    assert " ".join(read.split()) == " ".join(f"x {printable(hostile)} x".split())


@pytest.mark.parametrize("hostile", HOSTILE)
def test_tables_and_lists_of_dagster_and_mlflow_keep_their_shape(hostile: str) -> None:
    of_dagster = table([{"a": hostile, "b": 1}], ["a", "b"])
    assert isinstance(of_dagster, dg.MarkdownMetadataValue)
    of_mlflow = markdown_table([{"a": hostile}], [("a", lambda row: row["a"]), ("b", lambda row: "1")])
    reader = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    for text in (str(of_dagster.value), of_mlflow):
        assert reader.render(text).count("<td>") == 2
        assert not re.search(r"<(?!/?(?:table|thead|tbody|tr|th|td)\b)", reader.render(text))
    assert str(bullets([hostile]).value).count("\n") == 0


@pytest.mark.parametrize("hostile", HOSTILE)
def test_mlflow_takes_a_metric_of_any_class(hostile: str) -> None:
    from mlflow.utils.validation import _validate_metric_name

    _validate_metric_name(f"late/class/{field_name(hostile)}")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_log_line_shows_text_as_it_is_whoever_writes_it(
    hostile: str, caplog: pytest.LogCaptureFixture
) -> None:
    guard_output()
    try:
        raise ValueError(hostile)
    except ValueError:
        logging.getLogger("some.library").exception("cannot read %s", hostile)
    record = caplog.records[-1]
    assert record.getMessage() == f"cannot read {printable(hostile)}"
    assert not CONTROLS.search(logging.Formatter().format(record))


def _texts(value: object) -> Iterator[str]:
    """Every text within plain values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _texts(one)


HOSTILE_WORDS = " ".join((*HOSTILE, "rtsp://me:s3cret-horse@cam/1"))


def test_dagster_gets_no_text_of_a_stranger_as_it_is() -> None:
    """In the description, metadata and error of a check, the metadata of a step, and its log."""

    @dg.asset
    def thing(context):  # type: ignore[no-untyped-def]
        context.log.info(HOSTILE_WORDS)
        sample = dg.MetadataValue.table([dg.TableRecord({"caption": HOSTILE_WORDS})])
        return public(dg.MaterializeResult(metadata={HOSTILE_WORDS: HOSTILE_WORDS, "sample": sample}))

    @asset_check(asset=thing)
    def is_well() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description=HOSTILE_WORDS, metadata={"found": HOSTILE_WORDS})

    @asset_check(asset=thing)
    def is_broken() -> dg.AssetCheckResult:
        raise ValueError(HOSTILE_WORDS)

    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([thing, is_well, is_broken], instance=instance, raise_on_error=False)
        [run] = instance.get_runs()
        logs = [json.loads(dg.serialize_value(one)) for one in instance.all_logs(run.run_id)]
    said = list(_texts(logs))
    assert sum("traces-vad[vllm]" in one for one in said) >= 8
    for one in said:
        assert not CONTROLS.search(one)
        assert "s3cret" not in one


def test_mlflow_gets_no_text_of_a_stranger_as_it_is(tmp_path: Path) -> None:
    """What a run is told is read from its file when it is logged: nothing else reaches MLflow."""
    file = tmp_path / "note\x1b.txt"
    file.touch()
    named = {"a": HOSTILE_WORDS}
    row = {"title": HOSTILE_WORDS, "params": named, "metrics": {}, "tags": named}
    spool = Spool(tmp_path / "waiting")
    with spool.draft(Waiting(HOSTILE_WORDS, "benchmarks", {"recipe": "r", "kind": HOSTILE_WORDS})) as run:
        run.params({"a": HOSTILE_WORDS})
        run.tags({"mlflow.note.content": HOSTILE_WORDS})
        run.children("rows", "r", [row])
        run.file(file)
    [folder] = spool.waiting()
    kept = Waiting.read(folder)
    assert (folder / kept.calls[-1]["path"]).is_file()
    said = list(_texts(asdict(kept)))
    assert sum("traces-vad[vllm]" in one for one in said) == 7
    for one in said:
        assert not CONTROLS.search(one)
        assert "s3cret" not in one


def test_nothing_but_this_module_makes_a_console_or_reads_mark_up() -> None:
    wrong = re.compile(r"\bConsole\(\)|get_console|rich\.markup|from_markup|rich\.print|\[bold[ \]]|\[/")
    files = [
        *ROOT.glob("traces_core/**/*.py"),
        *ROOT.glob("pipelines/*.py"),
        *ROOT.glob("experiments/**/*.py"),
    ]
    found = [
        f"{path.name}: {line.strip()}"
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if "rich" in path.read_text(encoding="utf-8") and wrong.search(line)
    ]
    assert found == []
