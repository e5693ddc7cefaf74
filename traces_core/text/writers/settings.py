"""What can be chosen about the writers: `WritingSettings` changes traces, `Server` is the machine's affair.

`WritingSettings` is the section `writing` of params.yaml and part of the recipe of what a language model
wrote. `Server` is read from the environment and part of no recipe: another address, another patience or
another budget makes no other traces.
"""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from traces_core.errors import SettingsError

URL_VARIABLE = "OPENAI_BASE_URL"
KEY_VARIABLE = "OPENAI_API_KEY"
PREFIX = "TRACES_WRITER_"


class WritingSettings(BaseModel):
    """How a language model is asked for traces, where `corpus.writer` is one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = Field(
        None,
        description="Language model: a name of the hub or a folder (vllm), the name at the server (openai).",
    )
    pairs_per_class: int = Field(
        20,
        ge=1,
        le=200,
        description="Anomalous sentences a class and context, each with a normal one (count).",
    )
    seed: int = Field(0, ge=0, description="Seed the language model draws with.")
    temperature: float = Field(
        0.8, ge=0, le=2, description="How freely the model draws; 0: always the likeliest."
    )
    top_p: float = Field(0.95, gt=0, le=1, description="Share of the probability that is drawn from.")
    max_tokens: int = Field(4096, ge=64, le=65536, description="Longest reply (tokens).")
    maximum_cosine: float = Field(
        0.70,
        gt=0,
        le=1,
        description="A normal sentence nearer to the anomalous centroid of its class goes back (cosine).",
    )
    rewriting_rounds: int = Field(
        3, ge=0, le=10, description="Times a normal sentence goes back before it is dropped (count)."
    )


class Server(BaseModel):
    """Where a language model answers, how patient to be with it, and what may be spent: `Server.here()`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str | None = Field(None, description="Address of an OpenAI-compatible server, ending in /v1.")
    api_key: SecretStr | None = Field(None, description="Key of that server; most local ones need none.")
    concurrency: int = Field(8, ge=1, le=1024, description="Requests under way at once (count).")
    timeout_s: float = Field(180.0, gt=0, le=3600, description="How long one request may take (seconds).")
    retries: int = Field(4, ge=0, le=20, description="Times a request that failed is made again (count).")
    backoff_s: float = Field(1.0, ge=0, le=60, description="Wait before the first retry; doubles (seconds).")
    max_requests: int | None = Field(None, ge=1, description="Requests that may be made in a run (count).")
    max_tokens: int | None = Field(None, ge=1, description="Tokens that may be spent in a run (count).")
    max_s: float | None = Field(None, gt=0, description="How long a run may go on asking (seconds).")
    gpus: int = Field(1, ge=1, le=64, description="GPUs that vllm spreads the model over (count).")
    gpu_memory: float = Field(0.8, gt=0, le=1, description="Share of a GPU's memory that vllm takes.")

    @classmethod
    def here(cls) -> Server:
        """Read OPENAI_BASE_URL, OPENAI_API_KEY, and TRACES_WRITER_<NAME> for every other field.

        Raises
        ------
        SettingsError
            If a variable holds no number, or one out of bounds.
        """
        named = {name: f"{PREFIX}{name.upper()}" for name in cls.model_fields}
        named |= {"base_url": URL_VARIABLE, "api_key": KEY_VARIABLE}
        values = {name: os.environ[variable] for name, variable in named.items() if os.environ.get(variable)}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            variable = named[str(first["loc"][0])]
            raise SettingsError(f"environment variable {variable}", first["msg"]) from error
