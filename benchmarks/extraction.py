"""Feature extraction against the bare encoders, and its memory against the length of the video.

    make benchmark-speed

Bare: the same frames, decoded before, through the same encoders, and nothing else. Extraction: decode,
sample, resize, encode, write. The two take turns, so that a machine that slows down slows both.
Memory is the peak of a process of its own that extracts one video. Writes reports/extraction.json.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from traces_core.features import extract_features
from traces_core.settings import Machine
from traces_core.steps.workshop import Workshop
from traces_core.video import read_frames, windows, write_video
from traces_core.video.practice import frames, plan_video

ROUNDS = 5
SPEED_S = 60.0
SHORT_S, LONG_S = 120.0, 7200.0


def drawn(path: Path, duration_s: float) -> Path:
    """A practice video of that length at 320x240, one drawn minute repeated."""
    rate = Fraction(16)
    plan = plan_video("street", pool="held_out", seed=5, duration_s=60.0, rate=rate)
    minute = [np.repeat(np.repeat(pixels, 3, axis=0), 3, axis=1)[:240, :320] for pixels, _ in frames(plan)]

    def shown() -> Iterator[tuple[np.ndarray, float]]:
        for number in range(int(duration_s * rate)):
            yield minute[number % len(minute)], float(number / rate)

    return write_video(path, shown(), rate=rate)


def bare_s(shop: Workshop, batches: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Seconds of the bare forward passes on frames that are already in memory."""
    resized = [(shop.windows.resize(pixels), times) for pixels, times in batches]
    stacks = list(
        windows(
            resized,
            window_frames=shop.windows.window_frames,
            hop=shop.settings.sampling.hop_frames,
            batch_windows=16,
        )
    )
    started = time.perf_counter()
    for pixels, _ in batches:
        shop.clip.encode_images(pixels)
    for stack in stacks:
        shop.windows.encode_windows(stack.values)
    return time.perf_counter() - started


def extraction_s(shop: Workshop, video: Path, folder: Path) -> float:
    """Seconds of the whole extraction of one file."""
    started = time.perf_counter()
    extract(shop, video, folder)
    return time.perf_counter() - started


def extract(shop: Workshop, video: Path, folder: Path) -> None:
    sampling = shop.settings.sampling
    extract_features(
        video,
        shop.clip,
        shop.windows,
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


def main() -> None:
    if len(sys.argv) == 2:  # the process whose memory is measured
        with tempfile.TemporaryDirectory() as folder:
            extract(Workshop.here(), Path(sys.argv[1]), Path(folder))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    shop = Workshop.here()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        video = drawn(folder / "speed.mp4", SPEED_S)
        sampled = read_frames(video, sample_fps=shop.settings.sampling.sample_fps)
        batches = [(batch.pixels, batch.times_s) for batch in sampled]
        bare_s(shop, batches[:1])  # the first pass warms up both encoders
        pairs = [(bare_s(shop, batches), extraction_s(shop, video, folder)) for _ in range(ROUNDS)]
        short, long = (peak_mib(drawn(folder / f"{length:.0f}.mp4", length)) for length in (SHORT_S, LONG_S))
    said = {
        "extraction_speed_of_bare_encoders": statistics.median(bare / whole for bare, whole in pairs),
        "rounds": [{"bare_s": bare, "extraction_s": whole} for bare, whole in pairs],
        "video_seconds_per_second": SPEED_S / statistics.median(whole for _, whole in pairs),
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
