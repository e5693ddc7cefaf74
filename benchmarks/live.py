"""Looped RTSP cameras through `traces watch`: what is scored, how late, and what it takes.

    make benchmark-live                          16 cameras at 4 fps for 20 minutes
    python -m benchmarks.live --quick            4 cameras for two minutes
    python -m benchmarks.live --until-behind     a camera more every half minute until it falls behind

Videos of the practice world at 320 x 240, served by a process of its own. Latency, from a frame's arrival to
its score, is the middle over cameras and seconds of what each camera states (its 95th percentile of 256
frames). Writes reports/live.json, a key for each kind of run.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av

from benchmarks.live_site import Site, counted, waited_s
from traces_core.commands.practice_cameras import benchmark_videos
from traces_core.practice.rtsp_server import RtspServer
from traces_core.settings import Machine

SIZE = (320, 240)
"""Pixels across and down, as sub-streams of cameras have them."""
MOST = 40
"""Cameras at most with --until-behind."""


def _serve(films: dict[str, Path], said: Connection) -> None:
    with RtspServer(films, joins="start") as server:
        said.send({name: server.address(name) for name in films})
        said.recv()


def enlarged(path: Path, folder: Path) -> Path:
    """A video at `SIZE` in H.264, a key frame every two seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    larger = folder / path.name
    with av.open(str(path)) as source, av.open(str(larger), "w") as target:
        given = source.streams.video[0]
        rate = round(given.average_rate or 25)
        stream = target.add_stream("libx264", rate=rate, options={"preset": "veryfast", "g": str(2 * rate)})
        stream.width, stream.height = SIZE
        stream.time_base = given.time_base
        for picture in source.decode(given):
            scaled = picture.reformat(*SIZE, format="yuv420p")
            scaled.pts, scaled.time_base = picture.pts, picture.time_base
            target.mux(stream.encode(scaled))
        target.mux(stream.encode(None))
    return larger


@contextmanager
def cameras(videos: Sequence[tuple[Path, str]], count: int, folder: Path) -> Iterator[list[dict[str, Any]]]:
    """So many cameras, as cameras.yaml has them, of videos in turn, served by a process of its own."""
    videos = [(enlarged(path, folder / "films"), context) for path, context in videos[:count]]
    chosen = {f"camera-{number + 1:02d}": videos[number % len(videos)] for number in range(count)}
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_serve, args=({name: one for name, (one, _) in chosen.items()}, there))
    process.start()
    try:
        addresses = here.recv()
        yield [
            {"name": name, "source": addresses[name], "context": context, "record": 0.2}
            for name, (_, context) in chosen.items()
        ]
    finally:
        here.send(None)
        process.join(30)


def watched(
    videos: Sequence[tuple[Path, str]], count: int, fps: float, minutes: float, folder: Path
) -> dict[str, Any]:
    """So many cameras for so long, once all of them run."""
    with cameras(videos, count, folder) as some:
        site = Site(folder, {"cameras": some, "sample_fps": fps})
        site.start()
        try:
            started_s = waited_s(lambda: len(running(site)) == count, 180)
            if started_s is None:
                raise SystemExit(f"only {len(running(site))} of {count} cameras run: {folder}/watch.log")
            before, began = site.states(), time.time()
            stock, seen = [], []
            while time.time() - began < minutes * 60:
                time.sleep(1)
                seen.append(site.states())
                if len(seen) % 5 == 0:
                    stock.append(site.take_stock())
            about = judged(before, seen, fps) | taken(stock)
        finally:
            site.stop()
    return {"cameras": count, "fps": fps, "minutes": minutes, "started_s": started_s, **about}


def running(site: Site) -> list[str]:
    """Cameras that run."""
    return [name for name, one in site.states().items() if one.state == "running"]


def judged(before: dict[str, Any], seen: list[dict[str, Any]], fps: float) -> dict[str, Any]:
    """Of the cameras: who stalled, how late scores were, what was scored of what was due, and dropped."""
    after = seen[-1]
    late = sorted(one.facts["latency_s"] for row in seen for one in row.values() if one.facts["latency_s"])

    def more(name: str, what: str) -> float:
        return float(after[name].facts[what] - before[name].facts[what])

    due = {name: fps * (after[name].updated_s - before[name].updated_s) for name in before}
    scored = {name: more(name, "scored") / due[name] for name in before}
    unwell = sorted(
        {(name, one.state) for row in seen for name, one in row.items() if one.state != "running"}
    )
    return {
        "not_always_running": unwell,
        "restarts": sum(more(name, "restarts") for name in before),
        "latency_s_p50_of_p95": statistics.median(late),
        "latency_s_p95_of_p95": late[round(0.95 * (len(late) - 1))],
        "scored_of_due": sum(more(name, "scored") for name in before) / sum(due.values()),
        "scored_of_due_worst": min(scored.values()),
        "dropped": {name: more(name, "dropped") for name in before},
    }


def taken(stock: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Of the processes: memory by kind and its growth, counts over time, cores."""
    quarter = len(stock) // 4

    def mean(rows: list[list[dict[str, Any]]], kind: str) -> float:
        return statistics.fmean(counted(row, "anonymous_mib").get(kind, 0.0) for row in rows)

    kinds = counted(stock[-1], "processes")
    second, last = stock[quarter : 2 * quarter], stock[-quarter:]
    counts = {
        what: [counted(row, what) for row in (stock[quarter], stock[-1])]
        for what in ("processes", "threads", "files")
    }
    first = {row["pid"]: row["cpu_s"] for row in stock[0]}
    spent = dict.fromkeys(kinds, 0.0)
    for row in stock[-1]:
        spent[row["kind"]] += row["cpu_s"] - first.get(row["pid"], 0.0)
    seconds = 5.0 * (len(stock) - 1)
    return {
        "anonymous_mib": {kind: round(mean(last, kind), 1) for kind in kinds},
        "growth": {kind: round(mean(last, kind) / mean(second, kind) - 1, 4) for kind in kinds},
        **counts,
        "cores": {kind: round(one / seconds, 3) for kind, one in spent.items()},
    }


def until_behind(count: int, fps: float, folder: Path) -> dict[str, Any]:
    """One camera more every half minute, until under 95 % is scored or a camera says that it is behind."""
    with cameras(benchmark_videos(), MOST, folder) as some:
        site = Site(folder, {"cameras": some[:count], "sample_fps": fps})
        site.start()
        try:
            for number in range(count, MOST + 1):
                site.content["cameras"] = some[:number]
                site.write()
                if waited_s(lambda number=number: len(site.states()) == number, 60) is None:  # type: ignore[misc]
                    break
                time.sleep(10)
                before = site.states()
                time.sleep(20)
                about = judged(before, [site.states()], fps)
                print(f"{number} cameras: {100 * about['scored_of_due']:.1f} % scored", flush=True)
                if about["scored_of_due"] < 0.95 or about["not_always_running"]:
                    return {"behind_with": number, "fps": fps, **about}
        finally:
            site.stop()
    return {"behind_with": None, "most": MOST, "fps": fps}


def main() -> None:
    """Run what the arguments say, print it, and add it to the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--fps", type=float, default=4)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--quick", action="store_true", help="4 cameras for two minutes")
    parser.add_argument("--until-behind", action="store_true", help="from --cameras on, one more at a time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:  # a decoder may end last
        folder = Path(temporary)
        if given.until_behind:
            name, about = "until_behind", until_behind(given.cameras, given.fps, folder)
        else:
            count, minutes = (4, 2.0) if given.quick else (given.cameras, given.minutes)
            name = f"{count} cameras at {given.fps:g} fps for {minutes:g} minutes"
            about = watched(benchmark_videos(), count, given.fps, minutes, folder)
    for key, value in about.items():
        print(f"{key:24}{value}")
    file = Machine.here().reports / "live.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**known, name: about}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
