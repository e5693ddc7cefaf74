"""A language model behind an OpenAI-compatible server: `vllm serve`, llama.cpp, or a hosted one.

Asks several questions at once, waits and asks again where the server is busy, and asks for JSON in the
strictest way the server knows. Replies are read in `replies`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from traces_core.errors import TracesError, WriterUnavailableError
from traces_core.redaction import redacted
from traces_core.text.answers import text_of
from traces_core.text.writers.asking import Asked
from traces_core.text.writers.budget import Budget
from traces_core.text.writers.replies import EXCERPT, Reply
from traces_core.text.writers.settings import KEY_VARIABLE, PREFIX, URL_VARIABLE, Server, WritingSettings

if TYPE_CHECKING:
    import openai

FORMS = ("json_schema", "json_object", "text")
"""Ways to ask for JSON, the strictest first; a server that refuses one is asked in the next."""
LONGEST_WAIT_S = 60.0
"""However long a server asks to be left alone."""
CHARACTERS_A_TOKEN = 4
"""Of English, about: for the budget, where a server does not count."""
LISTING_S = 10.0
"""How long a list of models may take."""
_Asked = TypeVar("_Asked", bound=Asked)


class OpenAIModel:
    """The `LanguageModel` at the other end of a connection.

    Parameters
    ----------
    settings
        Model, seed, sampling.
    server
        Where it answers, how patient to be, what may be spent.
    """

    name = "openai"
    setting = "corpus.writer"
    """What chose it, for messages."""
    section = "writing"
    """Where its settings are, for messages."""

    def __init__(self, settings: WritingSettings, server: Server) -> None:
        self.settings = settings
        self.budget = Budget(server)
        self._server = server
        self._form = 0

    def ask(self, questions: Iterable[_Asked], seed: int) -> Iterator[tuple[_Asked, Reply]]:
        """The replies as they come; a question is taken only when it can be asked.

        Raises
        ------
        WriterUnavailableError
            If the server is away, too slow, or refuses; what was under way has been given before.
        BudgetSpentError
            If no more may be asked; what was under way has been given before.
        """
        waiting = iter(questions)
        stopped: TracesError | None = None
        running: dict[Future[Reply], _Asked] = {}
        with ThreadPoolExecutor(self._server.concurrency) as pool:
            while True:
                while stopped is None and len(running) < self._server.concurrency:
                    question = next(waiting, None)
                    if question is None:
                        break
                    running[pool.submit(self._answer, question, seed)] = question
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    question = running.pop(future)
                    try:
                        reply = future.result()
                    except TracesError as error:
                        stopped = stopped or error
                    else:
                        yield question, reply
        if stopped is not None:
            raise stopped

    def look(self) -> str:
        """What the server offers, where the settings' model is among it.

        Raises
        ------
        WriterUnavailableError
            If it does not answer, or has no such model.
        """
        import openai

        try:
            names = self._model_names()
        except openai.OpenAIError as error:
            raise self._explained(error) from error
        if self.settings.model not in names:
            problem = f"{self._server.base_url} has no model {self.settings.model!r}"
            raise self._unavailable(problem, self._offered())
        return redacted(f"openai: {self.settings.model} at {self._server.base_url}")

    @cached_property
    def _client(self) -> openai.OpenAI:
        import openai

        if self._server.base_url is None:
            do = f"Set it, for example {URL_VARIABLE}=http://127.0.0.1:8000/v1 for `vllm serve`."
            raise self._unavailable(f"{URL_VARIABLE} is not set", do)
        key = self._server.api_key
        return openai.OpenAI(
            base_url=self._server.base_url,
            api_key=key.get_secret_value() if key else "none",  # the client insists on one
            timeout=self._server.timeout_s,
            max_retries=0,  # retries are ours: each counts against the budget
        )

    def _answer(self, question: Asked, seed: int) -> Reply:
        """One reply, however often the server has to be asked for it."""
        import openai

        tries = 0
        while True:
            self.budget.spend_request()
            form = self._form
            try:
                return self._complete(question, seed, FORMS[form])
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if form + 1 == len(FORMS) or question.schema() is None:
                    self._form = 0  # it was not the form that the server refused
                    raise self._explained(error) from error
                self._form = max(self._form, form + 1)  # another thread may have found out before
            except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError) as error:
                if tries == self._server.retries:
                    raise self._explained(error) from error
                time.sleep(_wait_s(error, self._server.backoff_s * 2**tries))
                tries += 1
            except openai.OpenAIError as error:
                raise self._explained(error) from error

    def _complete(self, question: Asked, seed: int, form: str) -> Reply:
        more: dict[str, Any] = {}
        wanted = question.schema()
        if wanted is None:
            form = "text"
        if form == "json_schema":
            schema = {"name": question.kind, "schema": wanted, "strict": True}
            more = {"response_format": {"type": form, "json_schema": schema}}
        elif form == "json_object":
            more = {"response_format": {"type": form}}
        messages: Any = question.messages()
        raw = self._client.chat.completions.with_raw_response.create(
            model=self.settings.model or "",
            messages=messages,
            seed=seed,
            temperature=self.settings.temperature,
            top_p=self.settings.top_p,
            max_tokens=self.settings.max_tokens,
            **more,
        )
        answer = self._parsed(raw.http_response.text)
        try:
            first = answer["choices"][0]
            text = text_of(first["message"].get("content"))
            spent = (answer.get("usage") or {}).get("total_tokens")
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise self._stranger(str(answer)) from error
        if text is None:
            raise self._stranger(str(answer))
        estimate = (len(question.text) + len(text)) // CHARACTERS_A_TOKEN
        self.budget.spend_tokens(estimate if spent is None else spent)
        return Reply(text, is_cut=first.get("finish_reason") == "length")

    def _parsed(self, body: str) -> Any:
        try:
            return json.loads(body)
        except ValueError as error:
            raise self._stranger(body) from error

    def _stranger(self, body: str) -> WriterUnavailableError:
        fault = f"{self._server.base_url} does not answer as an OpenAI-compatible server ({body[:EXCERPT]!r})"
        return self._unavailable(fault, f"Check {URL_VARIABLE}: it ends in /v1.")

    def _unavailable(self, problem: str, do: str) -> WriterUnavailableError:
        return WriterUnavailableError(self.name, problem, do=do, setting=self.setting)

    def _explained(self, error: openai.OpenAIError) -> WriterUnavailableError:
        """What the client raised, with what to check."""
        import openai

        where = self._server.base_url
        if isinstance(error, openai.APITimeoutError):
            problem = f"{where} did not answer within {self._server.timeout_s:g} s"
            do = f"Ask for less ({self.section}.max_tokens), or wait longer ({PREFIX}TIMEOUT_S)."
        elif isinstance(error, openai.APIConnectionError):
            problem = f"nothing answers at {where} ({error.__cause__ or error})"
            do = f"Start the server (`vllm serve MODEL`) or check {URL_VARIABLE}; then `traces doctor`."
        elif isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            problem, do = f"{where} refuses the key ({error})", f"Check {KEY_VARIABLE}."
        elif isinstance(error, openai.NotFoundError):
            problem = f"{where} has no model {self.settings.model!r}, or is no OpenAI-compatible address"
            do = f"{self._offered()} The address ends in /v1."
        elif isinstance(error, openai.RateLimitError | openai.InternalServerError):
            problem = f"{where} is overloaded or broken ({error})"
            do = f"Try later, or with a smaller {PREFIX}CONCURRENCY; replies had so far are kept."
        else:
            problem, do = f"{where} refuses the request ({error})", f"Check {self.section}.* in params.yaml."
        return self._unavailable(problem, do)

    def _model_names(self) -> list[str]:
        raw = self._client.with_options(timeout=LISTING_S).models.with_raw_response.list()
        answer = self._parsed(raw.http_response.text)
        try:
            return sorted(str(model["id"]) for model in answer["data"])
        except (KeyError, TypeError) as error:
            raise self._stranger(str(answer)) from error

    def _offered(self) -> str:
        import openai

        try:
            names = self._model_names()
        except (openai.OpenAIError, WriterUnavailableError):
            return "It does not list its models."
        return f"It offers: {', '.join(names) or 'none'}; name one as {self.section}.model."


def _wait_s(error: openai.OpenAIError, otherwise_s: float) -> float:
    """How long to leave a server alone: what it asked for, else what doubles each time; in seconds."""
    response = getattr(error, "response", None)
    asked = response.headers.get("retry-after", "") if response is not None else ""
    wanted = float(asked) if asked.replace(".", "", 1).isdigit() else otherwise_s
    return min(wanted, LONGEST_WAIT_S)
