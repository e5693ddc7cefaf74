"""Feature extraction against the bare encoders, and its memory against the length of the video.

    make benchmark-speed

Bare: the same frames, decoded and resized before, in the same batches through the same encoders, and
nothing else; once call after call on all threads, once side by side in lanes. Extraction: decode, sample,
resize, encode, write; once as it is, with the decoder in a child, and once with the decoder in this process.
They take turns, so that a machine that slows down slows all. Memory is the peak of a process of its own that
extracts one video, and of its decoder. Writes reports/extraction.json.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from traces_core.encoders.features import extract_features
from traces_core.encoders.parallel_calls import ParallelCalls
from traces_core.encoders.seeing import WINDOW_BATCH
from traces_core.practice import frames, plan_video
from traces_core.project import Project
from traces_core.settings import Machine
from traces_core.video import WindowBuffer, isolation, read_frames, write_video
from traces_core.video.isolation import in_process

ROUNDS = 5
SPEED_S = 60.0
LARGE, LARGE_S = 6, 10.0
"""How many times larger than 320x180 a picture of 1920x1080 is, and seconds of it."""
SHORT_S, LONG_S = 120.0, 7200.0


def drawn(path: Path, duration_s: float, height: int = 240, times: int = 1) -> Path:
    """A practice video of that length, 320 wide or so many times as large, one drawn minute repeated."""
    rate = Fraction(16)
    plan = plan_video("street", pool="held_out", seed=5, duration_s=60.0, rate=rate)
    minute = [np.repeat(np.repeat(pixels, 3, axis=0), 3, axis=1)[:height, :320] for pixels, _ in frames(plan)]

    def shown() -> Iterator[tuple[np.ndarray, float]]:
        for number in range(int(duration_s * rate)):
            pixels = minute[number % len(minute)]
            yield np.repeat(np.repeat(pixels, times, axis=0), times, axis=1), float(number / rate)

    return write_video(path, shown(), rate=rate)


def bare_calls(project: Project, batches: list[tuple[np.ndarray, np.ndarray]]) -> list[Callable[[], Any]]:
    """The forward passes of both encoders, on frames that are already in memory and resized."""
    hop_frames = project.settings.sampling.hop_frames
    buffer = WindowBuffer(project.windows.window_frames, hop_frames, WINDOW_BATCH)
    stacks = [
        stack for pixels, times in batches for stack in buffer.push(project.windows.resize(pixels), times)
    ]
    images = [partial(project.clip.encode_images, pixels) for pixels, _ in batches]
    return [*images, *(partial(project.windows.encode_windows, stack.values) for stack in stacks)]


def in_turn_s(calls: list[Callable[[], Any]]) -> float:
    """Seconds of the bare passes one after another, each on all threads."""
    started = time.perf_counter()
    for call in calls:
        call()
    return time.perf_counter() - started


def in_lanes_s(calls: list[Callable[[], Any]]) -> float:
    """Seconds of the bare passes side by side, as the extraction calls them."""
    started = time.perf_counter()
    with ParallelCalls() as lanes:
        for call in calls:
            lanes.put(call, lambda result: None)
    return time.perf_counter() - started


def extraction_s(project: Project, video: Path, folder: Path) -> float:
    """Seconds of the whole extraction of one file."""
    started = time.perf_counter()
    extract(project, video, folder)
    return time.perf_counter() - started


def extraction_here_s(project: Project, video: Path, folder: Path) -> float:
    """The same with the decoder in this process."""
    with in_process():
        return extraction_s(project, video, folder)


def extract(project: Project, video: Path, folder: Path) -> None:
    sampling = project.settings.sampling
    extract_features(
        video,
        project.clip,
        project.windows,
        folder / "features.safetensors",
        sample_fps=sampling.sample_fps,
        hop_frames=sampling.hop_frames,
    )


def peak_mib(video: Path) -> float:
    """Peak memory of a process that extracts one video, in MiB."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.extraction", str(video)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def median_ratio(rounds: list[dict[str, float]], other: str, ours: str = "extraction_s") -> float:
    """Seconds of something else over those of the extraction, the middle one of all rounds."""
    return statistics.median(each[other] / each[ours] for each in rounds)


def main() -> None:
    if len(sys.argv) == 2:  # the process whose memory is measured
        with tempfile.TemporaryDirectory() as folder:
            extract(Project.here(), Path(sys.argv[1]), Path(folder))
        isolation._POOL.end()  # whose memory is known once they have ended
        peaks = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        print(sum(peak.ru_maxrss for peak in peaks) / 1024)
        return
    project = Project.here()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        video = drawn(folder / "speed.mp4", SPEED_S)
        large = drawn(folder / "large.mp4", LARGE_S, height=180, times=LARGE)
        sampled = read_frames(video, sample_fps=project.settings.sampling.sample_fps)
        batches = [(batch.pixels, batch.times_s) for batch in sampled]
        calls = bare_calls(project, batches)
        in_turn_s(calls[:1] + calls[-1:])  # the first pass warms up both encoders
        rounds = [
            {
                "in_turn_s": in_turn_s(calls),
                "in_lanes_s": in_lanes_s(calls),
                "extraction_s": extraction_s(project, video, folder),
                "extraction_here_s": extraction_here_s(project, video, folder),
                "large_s": extraction_s(project, large, folder),
                "large_here_s": extraction_here_s(project, large, folder),
            }
            for _ in range(ROUNDS)
        ]
        short, long = (peak_mib(drawn(folder / f"{length:.0f}.mp4", length)) for length in (SHORT_S, LONG_S))
    said = {
        "extraction_speed_of_bare_encoders": median_ratio(rounds, "in_turn_s"),
        "extraction_speed_of_bare_encoders_in_lanes": median_ratio(rounds, "in_lanes_s"),
        "speed_with_the_decoder_in_a_child_320x240": median_ratio(rounds, "extraction_here_s"),
        "speed_with_the_decoder_in_a_child_1920x1080": median_ratio(rounds, "large_here_s", "large_s"),
        "rounds": rounds,
        "video_seconds_per_second": SPEED_S / statistics.median(each["extraction_s"] for each in rounds),
        "memory_mib_2_minutes": short,
        "memory_mib_2_hours": long,
        "memory_ratio": long / short,
    }
    target = Machine.here().reports / "extraction.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(said, indent=1), encoding="utf-8")
    print(json.dumps(said, indent=1))


if __name__ == "__main__":
    main()
