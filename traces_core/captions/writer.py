"""The caption writer: a VLM behind an OpenAI-compatible server describes stretches of video.

Concurrency, retries and budget are those of the trace writer's client, the journal is its journal. A run that
dies has lost nothing it was answered; what a video's windows are is kept as well, so that a finished video is
not decoded again. What pictures a window has is in `windows`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from traces_core.captions.settings import CaptionSettings
from traces_core.captions.windows import JPEG_QUALITY, windows_of
from traces_core.errors import VideoError
from traces_core.store.digest import digest
from traces_core.text.answers import answer
from traces_core.text.writers.journal import Journal
from traces_core.text.writers.openai_server import OpenAIModel
from traces_core.text.writers.pairs import TRIES, Progress
from traces_core.text.writers.replies import Reply
from traces_core.text.writers.settings import Server, WritingSettings
from traces_core.video import probe
from traces_core.video.identity import content_id

PROMPT = """\
These pictures follow one another, from a fixed surveillance camera; between the first and the last lie \
{seconds:.3g} seconds or less.
Say in two to five short sentences of plain English what can be seen and what changes from picture to \
picture: the place, people and what they do with their bodies and hands, things they carry or use, vehicles \
and how they move, smoke, fire, water, broken or falling things. One fact to a sentence, present tense. Say \
only what is visible: no guess about reasons, law or feelings, no names, no opinion whether it is usual. If \
nothing moves, say what the place looks like.
Answer with the sentences alone, without lists or markup."""
PROMPT_VERSION = digest([PROMPT, JPEG_QUALITY])
"""Which prompt: digest of its text and of how pictures are sent. Another version, other captions."""
SCHEMA = pl.Schema(
    {"video": pl.String(), "start_s": pl.Float64(), "end_s": pl.Float64(), "fps": pl.String()}
    | {"caption": pl.String()}
)
"""Columns of a table that was written; `fps` is null where the file does not state it."""
_REFUSAL = re.compile(
    r"(?:i'?m |i am )?(?:sorry|unable to|as an ai)|i (?:cannot|can'?t) (?:help|assist|see)", re.I
)
_UNFINISHED = re.compile(r"(?<=[.!?])\s+[^.!?]*$")


class VisionModel(OpenAIModel):
    """The client of the trace writer, for a model that takes pictures."""

    setting, section = "captions.model", "captions"

    def __init__(self, settings: CaptionSettings, server: Server) -> None:
        self.name = settings.model or ""
        sampling = settings.model_dump(include={"model", "max_tokens", "temperature", "seed"})
        super().__init__(WritingSettings(**sampling, top_p=1.0), server)
        if settings.model is None:
            do = "Name it with --model or as captions.model in params.yaml."
            raise self._unavailable("no model is named", do)


@dataclass(frozen=True)
class WindowQuestion:
    """What is to be seen in one window."""

    context: str
    """Content id of the video."""
    start_s: float
    end_s: float
    key: str
    """Digest of all that determines the reply."""
    images: tuple[bytes, ...] = field(default=(), compare=False, repr=False)
    """JPEG files in the order of time."""

    kind = "caption"

    @property
    def label(self) -> str:
        """The seconds it is about."""
        return f"{self.start_s:.3f}-{self.end_s:.3f}"

    @property
    def text(self) -> str:
        """The words of the message."""
        return PROMPT.format(seconds=self.end_s - self.start_s)

    def messages(self) -> list[dict[str, Any]]:
        """Pictures first, as data URLs, then the words: how VLMs were trained."""
        coded = [base64.b64encode(image).decode() for image in self.images]
        images = [
            {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{one}"}} for one in coded
        ]
        return [{"role": "user", "content": [*images, {"type": "text", "text": self.text}]}]

    def schema(self) -> None:
        """Plain text is wanted."""


@dataclass
class _Video:
    """What is known of one video while it is described."""

    path: Path
    content: str
    fps: str | None = None
    windows: list[tuple[float, float]] = field(default_factory=list)
    broken: str | None = None
    is_known: bool = False
    """Whether all of its windows are known, from this run or an earlier one."""


@dataclass(frozen=True)
class Written:
    """What came of describing some videos."""

    captions: pl.DataFrame
    """Columns as in `SCHEMA`, sorted by video as given and time."""
    broken: dict[str, str]
    """Videos that could not be read (to their end), and why; what could be seen of them is described."""
    unanswered: dict[str, int]
    """Windows of each video about which the model had nothing usable to say."""


class CaptionWriter:
    """Describes videos, window by window.

    Parameters
    ----------
    model
        Who is asked.
    settings
        Windows and pictures.
    journal
        Where replies are kept, to be read instead of asked for again.
    progress
        Called after each reply: replies had, windows asked about so far, the last one.
    """

    def __init__(
        self,
        model: VisionModel,
        settings: CaptionSettings,
        journal: Journal,
        progress: Progress | None = None,
    ) -> None:
        self._model, self._settings, self._journal = model, settings, journal
        self._progress = progress or (lambda had, wanted, what: None)
        self._asked = self._had = 0
        self._same = [PROMPT_VERSION, written_with(settings)]

    def write(self, videos: Sequence[Path]) -> Written:
        """Captions of the windows of some videos; a broken one is named, and the others are described.

        Raises
        ------
        WriterUnavailableError, BudgetSpentError
            As the model raises them. Every reply had until then is in the journal.
        """
        known: list[_Video] = []
        broken: dict[str, str] = {}
        for path in videos:
            try:
                known.append(self._opened(path))
            except VideoError as error:
                broken[path.as_posix()] = str(error)
        for turn in range(TRIES):
            for question, reply in self._model.ask(self._questions(known), self._settings.seed + turn):
                if text := usable(reply):
                    self._journal.keep(question, question.key, text)
                    self._had += 1
                    self._progress(self._had, self._asked, question.label)
            if all(video.is_known and not self._missing(video) for video in known):
                break
        return self._written(known, broken)

    def _opened(self, path: Path) -> _Video:
        rate = probe(path).rate
        video = _Video(path, content_id(path), str(rate) if rate else None)
        kept = self._journal.find(self._plan(video), self._plan(video).key)
        if kept is not None:
            plan = json.loads(kept)
            video.windows = [(start_s, end_s) for start_s, end_s in plan["windows"]]
            video.broken, video.is_known = plan["broken"], True
        return video

    def _questions(self, videos: Sequence[_Video]) -> Iterator[WindowQuestion]:
        """What the journal does not know yet; videos are decoded as the server takes questions."""
        for video in videos:
            if not video.is_known or self._missing(video):
                yield from self._questions_about(video)

    def _questions_about(self, video: _Video) -> Iterator[WindowQuestion]:
        video.windows, chosen = [], self._settings
        try:
            for window in windows_of(video.path, chosen.window_s, chosen.frames, chosen.image_px):
                video.windows.append((window.start_s, window.end_s))
                question = self._question(video, window.start_s, window.end_s, window.images)
                if self._journal.find(question, question.key) is None:
                    self._asked += 1
                    yield question
        except VideoError as error:
            video.broken = str(error)
        if not video.is_known:
            plan = self._plan(video)
            content = {"windows": video.windows, "broken": video.broken}
            self._journal.keep(plan, plan.key, json.dumps(content))
            video.is_known = True

    def _question(
        self, video: _Video, start_s: float, end_s: float, images: tuple[bytes, ...] = ()
    ) -> WindowQuestion:
        key = digest([*self._same, video.content, start_s, end_s])
        return WindowQuestion(video.content, start_s, end_s, key, images)

    def _plan(self, video: _Video) -> WindowQuestion:
        """What the journal keeps the windows of a video under."""
        key = digest(["windows", self._settings.window_s, self._settings.frames, video.content])
        return WindowQuestion(video.content, 0.0, 0.0, key)

    def _missing(self, video: _Video) -> int:
        return sum(self._caption(video, *window) is None for window in video.windows)

    def _caption(self, video: _Video, start_s: float, end_s: float) -> str | None:
        question = self._question(video, start_s, end_s)
        return self._journal.find(question, question.key)

    def _written(self, videos: Sequence[_Video], broken: dict[str, str]) -> Written:
        rows = [
            (video.path.as_posix(), *window, video.fps, caption)
            for video in videos
            for window in video.windows
            if (caption := self._caption(video, *window)) is not None
        ]
        broken |= {video.path.as_posix(): video.broken for video in videos if video.broken is not None}
        unanswered = {video.path.as_posix(): self._missing(video) for video in videos}
        return Written(
            pl.DataFrame(rows, schema=SCHEMA, orient="row"),
            broken,
            {video: count for video, count in unanswered.items() if count},
        )


def written_with(settings: CaptionSettings) -> dict[str, Any]:
    """The settings that change a caption."""
    names = {"model", "window_s", "frames", "image_px", "max_tokens", "temperature", "seed"}
    return settings.model_dump(include=names)


def made_from(settings: CaptionSettings) -> dict[str, Any]:
    """Where captions come from, to be kept in their file; JSON can hold it."""
    return {"version": version("traces-vad"), "prompt": PROMPT_VERSION, "settings": written_with(settings)}


def usable(reply: Reply) -> str:
    """What a reply says as a caption, in one line; empty where it says nothing or refuses to.

    Examples
    --------
    >>> usable(Reply("<think>Hm.</think> A man walks.\\nHe stops and", is_cut=True))
    'A man walks.'
    >>> usable(Reply("I'm sorry, but I can't help with that."))
    ''
    """
    text = " ".join(answer(reply.text).split())
    if reply.is_cut:
        text = _UNFINISHED.sub("", text)
    return "" if _REFUSAL.match(text) else text
