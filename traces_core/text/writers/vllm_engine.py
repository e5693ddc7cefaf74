"""A language model in this process: `vllm.LLM`, offline, batched, with structured outputs.

vllm is an extra: it wants a GPU and an environment of its own. It is imported when the first question is
asked, never before. Where another process serves the model, that is `openai_server`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from traces_core.errors import WriterUnavailableError
from traces_core.text.writers.prompts import Messages, Question
from traces_core.text.writers.replies import Reply
from traces_core.text.writers.settings import Server, WritingSettings

if TYPE_CHECKING:
    from vllm import RequestOutput, SamplingParams

LONGEST_PROMPT = 4096
"""Tokens kept for a question: the longest names 200 sentences as written already. Bounds vllm's cache."""
BATCH = 256
"""Questions handed over at once: what a run that dies may lose. vllm schedules within them."""


class Engine(Protocol):
    """The part of `vllm.LLM` that is used."""

    def chat(
        self, messages: Sequence[Messages], sampling_params: Sequence[SamplingParams], *, use_tqdm: bool
    ) -> Sequence[RequestOutput]:
        """One `RequestOutput` a conversation, in their order."""


class VllmModel:
    """The `LanguageModel` inside this process.

    Parameters
    ----------
    settings
        Model, seed, sampling.
    server
        How many GPUs, and how much of their memory.
    engine
        An engine that is loaded already; None loads the settings' model at the first question.
    """

    name = "vllm"

    def __init__(self, settings: WritingSettings, server: Server, engine: Engine | None = None) -> None:
        self.settings = settings
        self._server, self._engine = server, engine

    def look(self) -> str:
        """Whether vllm is here and has a device; no model is loaded.

        Raises
        ------
        WriterUnavailableError
            If vllm is not installed, or has no device to run on.
        """
        _refuse_unless_here()
        return f"vllm: {self.settings.model}, not loaded yet"

    def ask(self, questions: Sequence[Question], seed: int) -> Iterator[tuple[Question, Reply]]:
        """The replies, batch by batch, in the order of the questions.

        Raises
        ------
        WriterUnavailableError
            If vllm is not installed, has no device to run on, or cannot load the model.
        """
        self._engine = self._engine or load_engine(self.settings, self._server)
        for start in range(0, len(questions), BATCH):
            batch = questions[start : start + BATCH]
            sampling = [sampling_of(question, self.settings, seed) for question in batch]
            outputs = self._engine.chat([one.messages() for one in batch], sampling, use_tqdm=False)
            for question, output in zip(batch, outputs, strict=True):
                best = output.outputs[0]
                yield question, Reply(best.text, is_cut=best.finish_reason == "length")


def sampling_of(question: Question, settings: WritingSettings, seed: int) -> SamplingParams:
    """How vllm is to draw one reply: seeded, as long as it may be, held to the question's JSON schema."""
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    return SamplingParams(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_tokens,
        seed=seed,
        structured_outputs=StructuredOutputsParams(json=question.schema()),
    )


def engine_options(settings: WritingSettings, server: Server) -> dict[str, Any]:
    """What `vllm.LLM` is made with."""
    return {
        "model": settings.model or "",
        "seed": settings.seed,
        "max_model_len": LONGEST_PROMPT + settings.max_tokens,
        "tensor_parallel_size": server.gpus,
        "gpu_memory_utilization": server.gpu_memory,
        # blanks between the marks of JSON are free otherwise, and a weak model writes nothing else
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    }


def _refuse_unless_here() -> None:
    """vllm's own word on whether it can run: it knows more devices than torch.cuda does."""
    do = (
        "Install the extra in an environment of its own on a machine with a GPU (pip install "
        "'traces-vad[vllm]'), or set corpus.writer to openai and ask a server (`vllm serve`)."
    )
    try:
        from vllm.platforms import current_platform
    except ImportError as error:
        raise WriterUnavailableError("vllm", f"vllm cannot be imported ({error})", do=do) from error
    if current_platform.is_unspecified():
        raise WriterUnavailableError("vllm", "vllm finds no GPU here", do=do)


@lru_cache(maxsize=1)
def load_engine(settings: WritingSettings, server: Server) -> Engine:
    """The settings' model, loaded once a process: that takes a minute and most of a GPU's memory.

    Raises
    ------
    WriterUnavailableError
        If vllm is not installed, has no device to run on, or cannot load the model.
    """
    _refuse_unless_here()
    from vllm import LLM

    try:
        engine: Engine = LLM(**engine_options(settings, server))
    except (OSError, ValueError, RuntimeError) as error:
        do = "Check writing.model, TRACES_WRITER_GPUS and TRACES_WRITER_GPU_MEMORY; see vllm's log above."
        raise WriterUnavailableError(
            "vllm", f"{settings.model!r} cannot be loaded ({error})", do=do
        ) from error
    return engine
