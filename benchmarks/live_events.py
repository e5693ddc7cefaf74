"""Every event that `traces score` finds in the practice benchmark: is it an alarm, with a clip that shows it?

    python -m benchmarks.live_events              all videos, three times each: an hour of footage
    python -m benchmarks.live_events --loops 1 --videos 4

The videos are looped RTSP cameras, some at a time, watched at the detector's own rate and threshold. An
event counts as found where an episode overlaps it, in the file or among the alarms. A clip shows an alarm if
the picture of its peak, as the file has it, is among the clip's decoded pictures. Writes
reports/live_events.json; exits with 1 where an event is missed, an alarm has no such clip, or the first time
gives other episodes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.live_site import Site, waited_s
from traces_core.commands.practice_cameras import benchmark_videos
from traces_core.detector.detector import Detector
from traces_core.live.clip_cutter import RECORDINGS
from traces_core.live.ledger import Alarm
from traces_core.live.recording import recorded_span
from traces_core.practice.rtsp_server import CLOCK_HZ, RtspServer
from traces_core.settings import Machine
from traces_core.store.packs import opened
from traces_core.streams.table import LATE
from traces_core.types import Episode

AT_ONCE = 8
"""Cameras at once: at 8 frames a second each as many as two cores score."""
SAME_S = 0.02
"""Times of one episode, in the file and live, differ by less: a time stamp of RTP is 1/90000 s."""
SAME_PICTURE = 1.0
"""Grey levels by which two decodings of one packet differ at most, on average."""


def events_of(videos: Sequence[Path]) -> dict[str, list[tuple[float, float]]]:
    """The annotated events (seconds) of each video, by its name."""
    table = opened(Machine.here().data).current("annotations").read()
    return {
        path.name: [
            (row["start_s"], row["end_s"])
            for row in table.filter(pl.col("video").str.ends_with(f"/{path.name}")).iter_rows(named=True)
        ]
        for path in videos
    }


def overlaps(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two stretches of time have a moment in common."""
    return one[0] <= other[1] and other[0] <= one[1]


def watched(
    videos: Sequence[tuple[Path, str]], fps: float, loops: int, folder: Path
) -> dict[str, tuple[float, float, list[Alarm]]]:
    """Videos as cameras: when each began (seconds since 1970), its length (seconds) and its alarms."""
    films = {path.stem: path for path, _ in videos}
    with RtspServer(films) as server:
        lengths_s = {name: film.length / CLOCK_HZ for name, film in server.films.items()}
        cameras = [
            {"name": path.stem, "source": server.address(path.stem), "context": context, "record": 0.05}
            for path, context in videos
        ]
        site = Site(folder, {"cameras": cameras, "sample_fps": fps})
        site.start()
        try:
            if waited_s(lambda: len(site.states()) == len(films), 120) is None:
                raise SystemExit(f"not all cameras run: {folder}/watch.log")
            began_s = {name: _began_s(folder / "live" / RECORDINGS / name) for name in films}
            time.sleep(loops * max(lengths_s.values()) + 20)
            states = site.states().values()
        finally:
            site.stop()
        lost = {one.name: one.facts["dropped"] + one.facts["restarts"] for one in states}
        if any(lost.values()):
            print(f"frames dropped or connections lost, times may differ: {lost}", flush=True)
    return {
        name: (began_s[name], lengths_s[name], site.ledger.alarms(camera=name, most=10_000)) for name in films
    }


def _began_s(recordings: Path) -> float:
    """When a camera's first picture came (seconds since 1970): what is recorded begins with it."""

    def spans() -> list[tuple[float, float]]:
        return [span for path in recordings.glob("*.mp4") if (span := recorded_span(path)) is not None]

    if waited_s(spans, 60) is None:
        raise SystemExit(f"nothing is recorded in {recordings}")
    return min(begin_s for begin_s, _ in spans())


def picture_at(path: Path, at_s: float) -> NDArray[np.uint8]:
    """The last picture of a file whose time, from its first, is not above a time."""
    chosen, first = None, None
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            first = frame.time if first is None else first
            if chosen is not None and frame.time - first > at_s + 1e-3:
                break
            chosen = frame
    assert chosen is not None, path
    shown: NDArray[np.uint8] = chosen.to_ndarray(format="gray")
    return shown


def shows(clip: Path, picture: NDArray[np.uint8]) -> bool:
    """Whether a picture is among those of a clip."""
    with av.open(str(clip)) as container:
        return any(
            float(np.abs(frame.to_ndarray(format="gray").astype(np.int16) - picture).mean()) < SAME_PICTURE
            for frame in container.decode(video=0)
        )


def compared(
    path: Path,
    episodes: Sequence[Episode],
    events: Sequence[tuple[float, float]],
    live: tuple[float, float, Sequence[Alarm]],
    folder: Path,
    loops: int,
) -> dict[str, Any]:
    """One video: its events and episodes, in the file and live."""
    began_s, length_s, alarms = live
    found = [event for event in events if any(overlaps(event, (one.start_s, one.end_s)) for one in episodes)]
    spans = [(alarm.start_s - began_s, alarm.end_s - began_s) for alarm in alarms if alarm.stream == LATE]
    raised = [
        any(overlaps((start_s + turn * length_s, end_s + turn * length_s), span) for span in spans)
        for turn in range(loops)
        for start_s, end_s in found
    ]
    first = sorted(span for span in spans if span[0] < length_s - SAME_S)
    ends_s = [min(one.end_s, length_s) for one in episodes]
    is_same = len(first) == len(episodes) and all(
        abs(span[0] - one.start_s) < SAME_S and (abs(span[1] - end_s) < SAME_S or end_s > length_s - 1)
        for span, one, end_s in zip(first, episodes, ends_s, strict=True)
    )
    over = [alarm for alarm in alarms if alarm.start_s - began_s < loops * length_s]
    clips = [
        alarm.clip is not None
        and shows(folder / "live" / alarm.clip, picture_at(path, (alarm.peak_s - began_s) % length_s))
        for alarm in over
    ]
    return {
        "video": path.name,
        "length_s": length_s,
        "events": len(events),
        "found_in_the_file": len(found),
        "raised_of_those_found": f"{sum(raised)} of {len(raised)}",
        "alarms": len(over),
        "clips_that_show_the_peak": sum(clips),
        "same_episodes": is_same,
        "is_right": all(raised) and all(clips) and is_same,
        "episodes": [(round(one.start_s, 3), round(one.end_s, 3)) for one in episodes],
        "first_time": [(round(start_s, 3), round(end_s, 3)) for start_s, end_s in first],
    }


def main() -> None:
    """Run it, print it, write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--loops", type=int, default=3)
    parser.add_argument("--videos", type=int, default=0, help="0: all")
    given = parser.parse_args()
    detector, videos = Detector.load(), benchmark_videos()
    videos = videos[: given.videos or None]
    fps = detector.project.settings.sampling.sample_fps
    events, rows = events_of([path for path, _ in videos]), []
    for start in range(0, len(videos), AT_ONCE):
        some = videos[start : start + AT_ONCE]
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            live = watched(some, fps, given.loops, Path(temporary))
            for path, context in some:
                episodes = detector.score(path, context).episodes[LATE]
                known = events[path.name]
                rows.append(compared(path, episodes, known, live[path.stem], Path(temporary), given.loops))
                print(*(f"{key} {value};" for key, value in list(rows[-1].items())[:9]), flush=True)
    hours = given.loops * sum(row["length_s"] for row in rows) / 3600
    right = sum(row["is_right"] for row in rows)
    print(f"{hours:.2f} hours of footage, {right} of {len(rows)} videos are right")
    file = Machine.here().reports / "live_events.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"loops": given.loops, "hours": hours, "rows": rows}, indent=1) + "\n")
    sys.exit(not all(row["is_right"] for row in rows))


if __name__ == "__main__":
    main()
