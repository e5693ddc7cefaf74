"""Fixtures that every test may ask for: tiny clips, drawn once a session by `tiny_clips`."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tiny_clips import HEIGHT, WIDTH, Clip, drawn, encode, turn_clockwise

from traces_core.video import write_video


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    """Every kind of healthy file, by name."""
    folder = tmp_path_factory.mktemp("clips")
    cfr, ntsc = np.arange(40) / 25, np.arange(40) * 1001 / 30000
    vfr = np.concatenate([[0.0], np.cumsum(np.random.default_rng(0).uniform(0.01, 0.2, 39))])
    made = {}

    def keep(name: str, path: Path, times_s: np.ndarray, **size: int) -> None:
        made[name] = Clip(path, times_s, **size)

    def written(name: str, times_s: np.ndarray, **how: object) -> Path:
        return write_video(folder / name, drawn(times_s, **how), rate=Fraction(25))

    keep("cfr", written("cfr.mp4", cfr), cfr)
    keep("ntsc", write_video(folder / "ntsc.mp4", drawn(ntsc), rate=Fraction(30000, 1001)), ntsc)
    keep("vfr", written("vfr.mp4", vfr), vfr)
    keep("odd", written("odd.mp4", cfr, height=33, width=47), cfr, height=33, width=47)
    keep("late", written("late.mp4", cfr + 5), cfr)
    keep("mkv", written("cfr.mkv", cfr), cfr)
    keep("ts", encode(folder / "a.ts", "libx264", 40, Fraction(25)), cfr)
    keep("avi_mpeg4", encode(folder / "mpeg4.avi", "mpeg4", 40, Fraction(25)), cfr)
    keep("avi_h264", encode(folder / "b_frames.avi", "libx264", 40, Fraction(25)), cfr)
    keep("gif", encode(folder / "a.gif", "gif", 40, Fraction(25), pixel_format="rgb8"), cfr)
    keep("raw", encode(folder / "raw.h264", "libx264", 40, Fraction(25)), cfr)
    turned = turn_clockwise(written("turned.mp4", cfr))
    keep("turned", turned, cfr, height=WIDTH, width=HEIGHT)
    # noise makes pictures large: there is something to damage
    long = np.arange(100) / 25
    keep("noisy_mkv", written("noisy.mkv", long, noise=True), long)
    keep("noisy_web", encode(folder / "noisy_web.mp4", "libx264", 100, Fraction(25), noise=True), long)
    keep("noisy_ts", encode(folder / "noisy.ts", "libx264", 100, Fraction(25), noise=True), long)
    keep("noisy_avi", encode(folder / "noisy.avi", "mpeg4", 100, Fraction(25), noise=True), long)
    keep("noisy_b_frames", encode(folder / "noisy_b.avi", "libx264", 100, Fraction(25), noise=True), long)
    return made


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory, clips: dict[str, Clip]) -> dict[str, Path]:
    """Files that hold no video at all, by what is wrong with them."""
    folder = tmp_path_factory.mktemp("broken")
    files = {name: folder / f"{name}.mp4" for name in ("missing", "empty", "garbage", "text", "headless")}
    files["empty"].touch()
    files["garbage"].write_bytes(np.random.default_rng(0).bytes(20_000))
    files["text"].write_text("a page of notes, not a video\n" * 200)
    files["text_by_its_name"] = folder / "notes.txt"
    files["text_by_its_name"].write_text(files["text"].read_text())
    files["folder"] = folder
    files["without_its_index"] = clips["cfr"].copy(folder, keep=0.6)
    files["headless"].write_bytes(clips["noisy_mkv"].path.read_bytes()[5000:])
    files["audio_only"] = folder / "sound.wav"
    with wave.open(str(files["audio_only"]), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000))
    files["zero_frames"] = folder / "none.avi"
    with av.open(str(files["zero_frames"]), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        container.start_encoding()
    return files
