"""Which language model the settings choose, and whether it could be asked."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from traces_core.errors import WriterUnavailableError
from traces_core.text.writers.openai_server import OpenAIModel
from traces_core.text.writers.pairs import LanguageModel
from traces_core.text.writers.settings import Server, WritingSettings
from traces_core.text.writers.vllm_engine import VllmModel

Asked = Literal["vllm", "openai"]
"""Writers that ask a language model."""


@lru_cache(maxsize=1)
def language_model(writer: Asked, settings: WritingSettings, server: Server) -> LanguageModel:
    """The language model of a writer; one for the whole process, so that its budget is one.

    Raises
    ------
    WriterUnavailableError
        If the settings name no model.
    """
    if not settings.model:
        do = "Name one in params.yaml: a model of the hub or a folder for vllm, the server's name for openai."
        raise WriterUnavailableError(writer, "writing.model is not set", do=do)
    return VllmModel(settings, server) if writer == "vllm" else OpenAIModel(settings, server)


def look(writer: str, settings: WritingSettings, server: Server) -> str:
    """A line about what would write, without asking it anything.

    Raises
    ------
    WriterUnavailableError
        If nothing would: no model named, no answer, no such model there, no GPU.
    """
    if writer == "shipped":
        return "shipped: the catalog as it stands"
    return language_model("vllm" if writer == "vllm" else "openai", settings, server).look()
