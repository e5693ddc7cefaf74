"""Writers: who makes the traces of a context. One interface, chosen by `corpus.writer`.

- `shipped`: the catalog as it stands (`shipped`);
- `vllm`: a language model in this process (`pairs` with `vllm_engine`);
- `openai`: a language model behind an OpenAI-compatible server (`pairs` with `openai_server`).

A language model adds to the catalog's sentences and replaces none. What it is asked is in `prompts`, what
it may answer in `replies`, what it has answered before in `journal`. Judging a corpus is in
`traces_core.text.gates`.
"""

from __future__ import annotations

from traces_core.text.writers.base import SHIPPED, Draft, Manuscript, TraceOrigin, Writer
from traces_core.text.writers.choice import language_model, look
from traces_core.text.writers.journal import Journal
from traces_core.text.writers.pairs import LanguageModel, PairWriter, Progress
from traces_core.text.writers.prompts import PROMPT_VERSION
from traces_core.text.writers.settings import Server, WritingSettings
from traces_core.text.writers.shipped import ShippedWriter

__all__ = [
    "PROMPT_VERSION",
    "SHIPPED",
    "Draft",
    "Journal",
    "LanguageModel",
    "Manuscript",
    "PairWriter",
    "Progress",
    "Server",
    "ShippedWriter",
    "TraceOrigin",
    "Writer",
    "WritingSettings",
    "language_model",
    "look",
]
