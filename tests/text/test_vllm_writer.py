"""The writer inside this process: what it says where vllm is not, and against vllm's own classes where it is.

The tests marked `vllm` run with `make test-vllm`, in an environment that has the package. Where it finds a
device, an engine with random weights writes a context; where it does not, it says so.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from scripted_model import WordSpace, numbered

from traces_core.errors import WriterUnavailableError
from traces_core.text import Context
from traces_core.text.writers import Journal, PairWriter, Server, WritingSettings, look
from traces_core.text.writers.prompts import Question
from traces_core.text.writers.replies import check_reply
from traces_core.text.writers.vllm_engine import BATCH, VllmModel, engine_options, load_engine, sampling_of

SETTINGS = WritingSettings(model="tiny", pairs_per_class=2, seed=5, max_tokens=256)
ASKED = Question("yard", "fire", "pairs", 2, "Write exactly 2 entries.")
GOOD = json.dumps({"pairs": [{"anomalous": "A shed burns.", "normal": "A lamp glows."}] * 2})
TOO_FEW = json.dumps({"pairs": json.loads(GOOD)["pairs"][:1]})


def test_without_vllm_the_error_names_the_extra_and_the_other_way(
    tmp_path: Path, yard: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("vllm", "vllm.platforms"):
        monkeypatch.setitem(sys.modules, name, None)  # what a missing package is to an import
    writer = PairWriter(VllmModel(SETTINGS, Server()), WordSpace(), Journal(tmp_path))
    for ask in (lambda: list(writer.write([yard])), lambda: look("vllm", SETTINGS, Server())):
        with pytest.raises(WriterUnavailableError, match=r"cannot be imported.*GPU.*\[vllm\].*openai"):
            ask()


@pytest.mark.vllm
def test_vllm_takes_our_sampling_and_our_options() -> None:
    from vllm import LLM, EngineArgs, SamplingParams

    sampling = sampling_of(ASKED, SETTINGS, seed=9)
    assert isinstance(sampling, SamplingParams)
    assert (sampling.seed, sampling.temperature, sampling.top_p, sampling.max_tokens) == (9, 0.8, 0.95, 256)
    assert sampling.structured_outputs.json == ASKED.schema()
    assert set(engine_options(SETTINGS, Server())) <= set(inspect.signature(EngineArgs).parameters)
    inspect.signature(LLM).bind(**engine_options(SETTINGS, Server()))
    inspect.signature(LLM.chat).bind(None, [ASKED.messages()], [sampling], use_tqdm=False)


class Canned:
    """Hands over vllm's own outputs, as an engine does; remembers the sizes of the batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def chat(self, messages: Sequence[Any], sampling_params: Sequence[Any], *, use_tqdm: bool) -> list[Any]:
        from vllm.outputs import CompletionOutput, RequestOutput

        self.batches.append(len(messages))
        outputs = []
        for number, (talk, sampling) in enumerate(zip(messages, sampling_params, strict=True)):
            kind = next(iter(sampling.structured_outputs.json["properties"]))
            label = re.findall(r"must not happen there: (.+)\.", talk[1]["content"])[0]
            reply = numbered(Question("", label, kind, 2, ""))
            best = CompletionOutput(0, reply, [1], None, None, finish_reason="stop")
            outputs.append(RequestOutput(str(number), None, [1], None, [best], finished=True))
        return outputs


@pytest.mark.vllm
def test_vllms_own_outputs_become_traces_in_one_batch_for_all_contexts(tmp_path: Path, yard: Context) -> None:
    engine = Canned()
    contexts = [yard.model_copy(update={"context": f"yard_{i}"}) for i in range(BATCH // 2 + 1)]
    writer = PairWriter(VllmModel(SETTINGS, Server(), engine), WordSpace(), Journal(tmp_path))
    manuscripts = list(writer.write(contexts))
    assert engine.batches == [BATCH, 2]
    assert all(one.counts == {"short": 0} for one in manuscripts)
    assert {draft.origin.writer for draft in manuscripts[0].drafts} == {"shipped", "vllm"}


@pytest.mark.vllm
def test_every_backend_of_structured_outputs_takes_our_schemas() -> None:
    from vllm.v1.structured_output.backend_guidance import validate_guidance_grammar
    from vllm.v1.structured_output.backend_outlines import validate_structured_output_request_outlines
    from vllm.v1.structured_output.backend_xgrammar import (
        has_xgrammar_unsupported_json_features,
        validate_xgrammar_grammar,
    )

    for question in (ASKED, Question("yard", "fire", "sentences", 20, "")):
        sampling = sampling_of(question, SETTINGS, seed=0)
        assert not has_xgrammar_unsupported_json_features(question.schema())
        validate_xgrammar_grammar(sampling)  # each raises where it cannot compile the schema
        validate_guidance_grammar(sampling, tokenizer=None)
        validate_structured_output_request_outlines(sampling)


@pytest.mark.vllm
def test_the_compiled_schema_takes_what_we_can_read_and_nothing_else() -> None:
    import xgrammar

    letters = [bytes([value]) for value in range(256)]
    known = xgrammar.TokenizerInfo([*letters, b"<end>"], xgrammar.VocabType.RAW, stop_token_ids=[256])
    grammar = xgrammar.GrammarCompiler(known).compile_json_schema(json.dumps(ASKED.schema()))

    def takes(text: str) -> bool:
        matcher = xgrammar.GrammarMatcher(grammar)
        return bool(matcher.accept_string(text) and matcher.is_completed())

    assert takes(GOOD)
    assert not any(takes(text) for text in ("Sure!", GOOD.replace('"normal"', '"usual"'), TOO_FEW))


@pytest.mark.vllm
def test_an_engine_with_random_weights_writes_where_there_is_a_device_and_says_so_where_there_is_none(
    tmp_path: Path,
) -> None:
    from tiny_llama import write_tiny_llama
    from vllm import LLM
    from vllm.platforms import current_platform

    settings = WritingSettings(
        model=str(write_tiny_llama(tmp_path / "model")), pairs_per_class=1, max_tokens=64
    )
    if current_platform.is_unspecified():
        with pytest.raises(WriterUnavailableError, match="finds no GPU here"):
            load_engine(settings, Server())
        return
    options = engine_options(settings, Server(gpu_memory=0.3))
    engine = LLM(**options, load_format="dummy", enforce_eager=True)
    replies = [reply for _, reply in VllmModel(settings, Server(), engine).ask([ASKED] * 3, seed=1)]
    assert len(replies) == 3
    for reply in replies:  # random weights write nonsense, but in the form that they are held to
        assert reply.text.lstrip().startswith("{")
        if not reply.is_cut:
            check_reply(ASKED, reply)
