"""The writer that asks a server: against a real one on 127.0.0.1 that misbehaves in every way we know."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from threading import Barrier

import pytest
from misbehaving_server import Answer, Misbehaving, Request, good, good_reply, misbehaving, sentences
from scripted_model import WordSpace

from traces_core.errors import BudgetSpentError, ReplyError, SettingsError, WriterUnavailableError
from traces_core.text import Context, Manuscript, check_corpus
from traces_core.text.corpus import corpus_of
from traces_core.text.writers import Journal, PairWriter, Server, WritingSettings, look
from traces_core.text.writers.openai_server import OpenAIModel

QUICK = {"backoff_s": 0.01, "retries": 2, "timeout_s": 5.0, "concurrency": 2}


@pytest.fixture(autouse=True)
def _straight_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def model_at(url: str | None, name: str = "small-writer", **server: object) -> OpenAIModel:
    settings = WritingSettings(model=name, pairs_per_class=4, seed=11)
    return OpenAIModel(settings, Server(base_url=url, **{**QUICK, **server}))


def write(model: OpenAIModel, folder: Path, *contexts: Context) -> list[Manuscript]:
    return list(PairWriter(model, WordSpace(), Journal(folder / "replies")).write(contexts))


def new_texts(manuscript: Manuscript) -> list[str]:
    return [draft.text for draft in manuscript.drafts if draft.origin.writer == "openai"]


def is_whole(manuscript: Manuscript) -> bool:
    return len(new_texts(manuscript)) == 2 * 2 * 4 and manuscript.counts["short"] == 0


def first(answer: Callable[[Request], Answer], times: int = 1) -> Callable[[Request], Answer]:
    """Misbehave so many times, then answer well."""
    return lambda request: answer(request) if request.number < times else good(request)


def test_a_good_server_gets_one_request_a_class_and_the_corpus_passes_its_gates(
    tmp_path: Path, yard: Context
) -> None:
    with misbehaving() as server:
        [manuscript] = write(model_at(server.url, api_key="secret"), tmp_path, yard)
    assert is_whole(manuscript)
    assert len(server.requests) == 2
    request = server.requests[0]
    assert request.headers["authorization"] == "Bearer secret"
    assert {name: request.body[name] for name in ("model", "seed", "temperature", "top_p", "max_tokens")} == {
        "model": "small-writer", "seed": 11, "temperature": 0.8, "top_p": 0.95, "max_tokens": 4096,
    }  # fmt: skip
    form = request.body["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["schema"]["properties"]["pairs"]["maxItems"] == 4
    assert all(one.passed for one in check_corpus(corpus_of([manuscript])) if one.severity == "error")


RECOVERED = [
    # what happens first, how the server behaves then
    ("busy", lambda request: Answer(status=429, headers={"retry-after": "0.01"})),
    ("broken", lambda request: Answer(status=500)),
    ("starting", lambda request: Answer(status=503)),
    ("prose", lambda request: Answer("Sure! Here are some sentences about fire and other things.")),
    ("broken JSON", lambda request: Answer(good_reply(request)[:-20])),
    ("cut off", lambda request: Answer(good_reply(request)[:-20], finish="length")),
    ("an empty reply", lambda request: Answer("")),
    ("a Markdown fence", lambda request: Answer(f"```json\n{good_reply(request)}\n```")),
    ("words around it", lambda request: Answer(f"Certainly:\n{good_reply(request)}\nEnjoy!")),
    ("too few", lambda request: Answer(good_reply(request, count=1))),
    ("too many", lambda request: Answer(good_reply(request, count=30))),
    ("one sentence over and over", lambda request: Answer(repeating(request))),
    ("markup", lambda request: Answer(good_reply(request).replace("the ", "the **very** "))),
    ("too long", lambda request: Answer(good_reply(request).replace("the ", "the very" * 25 + " "))),
    ("one side only", lambda request: Answer(good_reply(request).replace('"normal"', '"usual"'))),
]


def repeating(request: Request) -> str:
    pair = {"anomalous": sentences(request, "anomalous")[0], "normal": sentences(request, "normal")[0]}
    return json.dumps({"pairs": [pair] * request.count})


@pytest.mark.parametrize("answer", [case[1] for case in RECOVERED], ids=[case[0] for case in RECOVERED])
def test_what_goes_wrong_once_is_made_good(
    tmp_path: Path, yard: Context, answer: Callable[[Request], Answer]
) -> None:
    with misbehaving(first(answer, times=2)) as server:
        [manuscript] = write(model_at(server.url), tmp_path, yard)
    assert is_whole(manuscript)
    texts = [draft.text for draft in manuscript.drafts]
    assert len(texts) == len(set(texts))
    assert all(one.passed for one in check_corpus(corpus_of([manuscript])) if one.severity == "error")


def test_another_language_is_left_to_the_gates_which_refuse_it(tmp_path: Path, yard: Context) -> None:
    def german(request: Request) -> Answer:
        pairs = [
            {"anomalous": f"Flames schlagen hoch {request.number} {i}.",
             "normal": f"Jemand geht vorbei {request.number} {i}."}
            for i in range(request.count)
        ]  # fmt: skip
        return Answer(json.dumps({"pairs": pairs}))

    with misbehaving(german) as server:
        [manuscript] = write(model_at(server.url), tmp_path, yard)
    findings = {one.name: one for one in check_corpus(corpus_of([manuscript]))}
    assert not findings["language"].passed


REFUSALS = [
    (("json_schema",), ["json_schema", "json_object"]),
    (("json_schema", "json_object"), ["json_schema", "json_object", None]),
]


@pytest.mark.parametrize(("refused", "tried"), REFUSALS)
@pytest.mark.parametrize("status", [400, 422])
def test_a_server_without_structured_outputs_is_asked_in_the_next_best_way_and_only_once_told(
    tmp_path: Path, yard: Context, refused: tuple[str, ...], tried: list[str | None], status: int
) -> None:
    def old(request: Request) -> Answer:
        form = request.body.get("response_format", {}).get("type")
        return Answer("response_format is not supported", status=status) if form in refused else good(request)

    with misbehaving(old) as server:
        [manuscript] = write(model_at(server.url, concurrency=1), tmp_path, yard)
    assert is_whole(manuscript)
    forms = [request.body.get("response_format", {}).get("type") for request in server.requests]
    assert forms == [*tried, tried[-1]]


def test_a_request_that_is_refused_in_every_form_says_what_the_server_said(
    tmp_path: Path, yard: Context
) -> None:
    with (
        misbehaving(lambda request: Answer("the context is 100 tokens", status=400)) as server,
        pytest.raises(WriterUnavailableError, match="the context is 100 tokens"),
    ):
        write(model_at(server.url, concurrency=1), tmp_path, yard)
    assert len(server.requests) == 3


@pytest.fixture
def nobody() -> str:
    """An address at which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}/v1"


def test_a_server_that_is_away_is_named_with_what_to_check(
    tmp_path: Path, yard: Context, nobody: str
) -> None:
    with pytest.raises(WriterUnavailableError) as caught:
        write(model_at(nobody, retries=1), tmp_path, yard)
    for words in ("corpus.writer 'openai'", nobody, "vllm serve", "OPENAI_BASE_URL", "traces doctor"):
        assert words in str(caught.value)


def test_a_server_that_went_away_left_what_it_had_said(tmp_path: Path, yard: Context, nobody: str) -> None:
    with misbehaving() as server:
        write(model_at(server.url), tmp_path, yard)
    garden = yard.model_copy(update={"context": "garden"})
    with pytest.raises(WriterUnavailableError):
        write(model_at(nobody, retries=0), tmp_path, yard, garden)
    [manuscript] = write(model_at(nobody), tmp_path, yard)  # all of it is in the journal: nobody is asked
    assert is_whole(manuscript)


def test_a_slow_server_is_waited_for_as_long_as_was_said(tmp_path: Path, yard: Context) -> None:
    def slow(request: Request) -> Answer:
        return Answer(good_reply(request), delay_s=0.6)

    with misbehaving(slow) as server:
        started = time.monotonic()
        with pytest.raises(WriterUnavailableError, match=r"within 0\.1 s.*TRACES_WRITER_TIMEOUT_S"):
            write(model_at(server.url, timeout_s=0.1, retries=1), tmp_path, yard)
        assert time.monotonic() - started < 1.0
        assert is_whole(write(model_at(server.url), tmp_path, yard)[0])


def test_a_server_that_stays_broken_ends_the_run_after_the_retries_and_keeps_the_other_class(
    tmp_path: Path, yard: Context
) -> None:
    def half(request: Request) -> Answer:
        return Answer(status=500) if request.label == "fire" else good(request)

    with misbehaving(half) as server:
        with pytest.raises(WriterUnavailableError, match="overloaded or broken"):
            write(model_at(server.url), tmp_path, yard)
        assert sum(request.label == "fire" for request in server.requests) == 3
        server.behaviour, before = good, len(server.requests)
        assert is_whole(write(model_at(server.url), tmp_path, yard)[0])
        assert [request.label for request in server.requests[before:]] == ["fire"]


def test_a_model_that_writes_prose_only_is_given_up_with_an_excerpt(tmp_path: Path, yard: Context) -> None:
    with (
        misbehaving(lambda request: Answer("I would rather tell you a story.")) as server,
        pytest.raises(ReplyError, match=r"class (fire|theft): .*rather tell you a story.*structured outputs"),
    ):
        write(model_at(server.url), tmp_path, yard)
    assert sorted({request.body["seed"] for request in server.requests}) == [11, 12, 13]


def test_a_wrong_model_name_lists_what_the_server_offers(tmp_path: Path, yard: Context) -> None:
    with (
        misbehaving() as server,
        pytest.raises(WriterUnavailableError, match=r"no model 'gpt'.*offers: big-writer, small-writer"),
    ):
        write(model_at(server.url, name="gpt"), tmp_path, yard)


def test_a_refused_key_names_its_variable(tmp_path: Path, yard: Context) -> None:
    with (
        misbehaving(lambda request: Answer("who are you?", status=401)) as server,
        pytest.raises(WriterUnavailableError, match="OPENAI_API_KEY"),
    ):
        write(model_at(server.url), tmp_path, yard)


NOT_OPENAI = [
    Answer(raw=b"<html>Welcome</html>", kind="text/html"),
    Answer(raw=b'{"hello": "world"}'),
    Answer(raw=b"{broken"),
    Answer(raw=b"[]"),
]


@pytest.mark.parametrize("answer", NOT_OPENAI, ids=["a page", "other JSON", "broken JSON", "a list"])
def test_an_address_where_something_else_answers_is_named(
    tmp_path: Path, yard: Context, answer: Answer
) -> None:
    with (
        misbehaving(lambda request: answer) as server,
        pytest.raises(WriterUnavailableError, match="does not answer as an OpenAI-compatible server"),
    ):
        write(model_at(server.url), tmp_path, yard)


def test_without_an_address_nothing_is_asked_anywhere(tmp_path: Path, yard: Context) -> None:
    with pytest.raises(WriterUnavailableError, match="OPENAI_BASE_URL is not set"):
        write(model_at(None), tmp_path, yard)


BUDGETS = [("max_requests", 2), ("max_tokens", 150), ("max_s", 0.25)]


@pytest.mark.parametrize(("name", "most"), BUDGETS, ids=[name for name, _ in BUDGETS])
def test_a_spent_budget_stops_cleanly_and_the_next_run_goes_on_where_it_stopped(
    tmp_path: Path, yard: Context, name: str, most: float
) -> None:
    contexts = [yard, yard.model_copy(update={"context": "garden"})]
    with misbehaving(lambda request: Answer(good_reply(request), delay_s=0.15)) as server:
        with pytest.raises(BudgetSpentError, match=f"TRACES_WRITER_{name.upper()}"):
            write(model_at(server.url, concurrency=1, **{name: most}), tmp_path, *contexts)
        assert 1 <= len(server.requests) <= 2
        write(model_at(server.url), tmp_path, *contexts)
        assert len(server.requests) == 4


@pytest.mark.parametrize("at_once", [1, 4])
def test_so_many_requests_are_under_way_at_once_and_no_more(
    tmp_path: Path, yard: Context, at_once: int
) -> None:
    contexts = [yard.model_copy(update={"context": f"yard_{i}"}) for i in range(4)]
    met = Barrier(at_once, timeout=5)  # nobody is answered before so many have asked
    with misbehaving(lambda request: good(request) if met.wait() >= 0 else Answer("")) as server:
        write(model_at(server.url, concurrency=at_once), tmp_path, *contexts)
    assert server.most_at_once == at_once


def test_the_server_changes_no_fingerprint() -> None:
    prints = {
        PairWriter(model_at(url, api_key=key, concurrency=many), WordSpace(), Journal(Path())).fingerprint
        for url, key, many in [("http://a/v1", None, 1), ("http://b/v1", "secret", 9)]
    }
    assert len(prints) == 1


def test_the_environment_says_where_the_server_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("TRACES_WRITER_MAX_S", "2.5")
    here = Server.here()
    assert (here.base_url, here.max_s, here.max_requests) == ("http://127.0.0.1:9/v1", 2.5, None)
    assert "secret" not in repr(here)
    monkeypatch.setenv("TRACES_WRITER_CONCURRENCY", "many")
    with pytest.raises(SettingsError, match="TRACES_WRITER_CONCURRENCY"):
        Server.here()


def test_a_look_says_whether_the_model_could_be_asked(nobody: str) -> None:
    def seen(url: str, name: str) -> str:
        return look("openai", WritingSettings(model=name), Server(base_url=url, retries=0))

    with misbehaving() as server:
        assert seen(server.url, "big-writer") == f"openai: big-writer at {server.url}"
        with pytest.raises(WriterUnavailableError, match="offers: big-writer, small-writer"):
            seen(server.url, "gpt")
        assert server.requests == []
    with pytest.raises(WriterUnavailableError, match="nothing answers"):
        seen(nobody, "big-writer")
    with pytest.raises(WriterUnavailableError, match=r"writing\.model is not set"):
        look("openai", WritingSettings(), Server())
    assert look("shipped", WritingSettings(), Server()).startswith("shipped")


def test_a_look_at_an_address_where_something_else_answers_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with misbehaving() as server:
        monkeypatch.setattr(Misbehaving, "models", Answer(raw=b"<html></html>", kind="text/html"))
        with pytest.raises(WriterUnavailableError, match="does not answer as an OpenAI-compatible server"):
            look("openai", WritingSettings(model="big-writer"), Server(base_url=server.url))


def test_content_in_parts_is_read_without_its_thoughts(tmp_path: Path, yard: Context) -> None:
    def in_parts(request: Request) -> Answer:
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Pairs?"}]}
        parts = [thought, {"type": "text", "text": good_reply(request)}]
        body = {"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]}
        return Answer(raw=json.dumps(body).encode())

    with misbehaving(in_parts) as server:
        [manuscript] = write(model_at(server.url), tmp_path, yard)
    assert is_whole(manuscript)
