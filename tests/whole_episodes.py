"""The rule of an episode, pushed through at once: what tests compare with."""

from __future__ import annotations

from traces_core.streams.episodes import PLAIN, EpisodeRules, EpisodeTracker
from traces_core.types import Episode, ScoreTrack


def find_episodes(
    track: ScoreTrack, threshold: float, rules: EpisodeRules = PLAIN, *, end_s: float | None = None
) -> list[Episode]:
    """The episodes of a whole track, in order."""
    tracker = EpisodeTracker(threshold, rules)
    events = [*tracker.push(track), *tracker.close(end_s)]
    return [event.episode for event in events if event.kind == "closed"]
