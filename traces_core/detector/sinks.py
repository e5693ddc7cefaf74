"""Sinks: where episodes go as they open, grow and close, and a video once it is over.

A sink is any object with these two methods; it may write a row, draw a page or send a message.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import polars as pl

from traces_core.detector.scored import ScoredVideo
from traces_core.report import VideoReport, write_video_report
from traces_core.streams.episodes import EPISODES, EpisodeEvent, episode_table
from traces_core.types import Episode


class Sink(Protocol):
    """Receives episodes."""

    def on_episode(self, event: EpisodeEvent) -> None:
        """An episode opened, grew or closed; it is `closed` once, as the last thing."""

    def on_end(self, scored: ScoredVideo) -> None:
        """A video is over, after all its episodes were closed; never called for a camera."""


class TableSink:
    """Every closed episode of every video, as rows of `EPISODES`."""

    def __init__(self) -> None:
        self._parts = [EPISODES.to_frame()]

    def on_episode(self, event: EpisodeEvent) -> None:
        """Keep the episode if it is closed."""
        if event.kind == "closed":
            self._parts.append(episode_table(event.video, {event.stream: [event.episode]}))

    def on_end(self, scored: ScoredVideo) -> None:
        """Nothing: the episodes are there."""

    def table(self) -> pl.DataFrame:
        """The episodes so far: video by video, in the order of time within a stream."""
        return pl.concat(self._parts)


class PageSink:
    """The page of one video, written when it is over.

    Parameters
    ----------
    path : the HTML file.
    report : from a scored video to what its page shows, such as `page.video_report` of a detector.
    """

    def __init__(self, path: Path, report: Callable[[ScoredVideo], VideoReport]) -> None:
        self._path, self._report = path, report
        self._episodes: dict[str, list[Episode]] = defaultdict(list)

    def on_episode(self, event: EpisodeEvent) -> None:
        """Keep the episode if it is closed."""
        if event.kind == "closed":
            self._episodes[event.stream].append(event.episode)

    def on_end(self, scored: ScoredVideo) -> None:
        """Write the page, with the episodes that were closed."""
        episodes = {name: tuple(self._episodes[name]) for name in scored.tracks}
        write_video_report(self._path, self._report(replace(scored, episodes=episodes)))
