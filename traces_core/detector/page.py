"""The page of one video: what of a scored video is shown, and in which order."""

from __future__ import annotations

from traces_core.detector import own_footage
from traces_core.detector.explanation import Explainer
from traces_core.detector.scored import ScoredVideo
from traces_core.report import VideoReport
from traces_core.streams.table import STREAMS, fusions, in_order
from traces_core.types import Interval


def video_report(
    explainer: Explainer,
    scored: ScoredVideo,
    *,
    truth: tuple[Interval, ...] | None = None,
    provenance: dict[str, str] | None = None,
) -> VideoReport:
    """What the page of one video shows: every stream that the table shows, the peaks of every fusion."""
    order = [name for name in in_order(scored.tracks) if name not in STREAMS or STREAMS[name].is_on_pages]
    project = explainer.project
    notices = own_footage.notices(
        project.settings, order, of_practice=own_footage.is_practice(project, scored.path)
    )
    if scored.broken is not None:
        notices.append(f"The file is damaged: {scored.broken}")
    notices += [f"About the file: {note}" for note in scored.notes]
    about = {
        "space": project.clip.space,
        "bank": explainer.bank.fingerprint,
        "window encoder": project.windows.fingerprint,
        "streams": "causal: a score rests on frames up to its time",
    }
    return VideoReport(
        title=scored.path.name,
        video=scored.path.name,
        context=scored.context or "any place",
        duration_s=scored.end_s,
        tracks={stream: scored.tracks[stream] for stream in order},
        thresholds={stream: scored.thresholds[stream] for stream in order},
        episodes={stream: scored.episodes[stream] for stream in order},
        truth=truth,
        moments=[
            moment
            for stream in fusions()
            if stream in scored.tracks
            for moment in explainer.peaks(scored, stream)
        ],
        provenance={**about, **(provenance or {})},
        notices=notices,
    )
