"""Fixtures that every test may ask for, each made once a session: tiny clips (`tiny_clips`), and a small
graph with its detector (`small_graph`).
"""

from __future__ import annotations

import gc
import wave
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import databases  # noqa: F401  of tests: none waits for the disk
import numpy as np
import pytest
from hypothesis import settings as hypothesis_settings
from tiny_clips import HEIGHT, WIDTH, Clip, drawn, encode, turn_clockwise

from traces_core.settings import project_root
from traces_core.video import write_video

if TYPE_CHECKING:
    from traces_core.detector.detector import Detector
    from traces_core.project import Project

# How long an example takes depends on the machine: a busy one is no failure.
hypothesis_settings.register_profile("traces", deadline=None)
hypothesis_settings.load_profile("traces")


LONGEST = ("test_rebuild.py", "test_dvc.py", "test_graph.py", "test_regenerate.py", "test_dg.py")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported stays: looking through it for garbage is a fifth of the time to collect tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes: whoever runs two at a time is not left with one at the end."""
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(LONGEST)))


@pytest.fixture
def half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forward pass in bfloat16, as on a GPU, where there is none."""
    import torch  # takes seconds; most tests do without

    autocast = torch.autocast
    monkeypatch.setattr(torch, "autocast", lambda device, dtype, enabled: autocast(device, dtype))


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


@pytest.fixture(scope="session")
def small_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in whose store the whole graph has been made, from footage of seconds."""
    from small_graph import make_graph  # torch: only for those who ask

    return make_graph(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def small_detector(small_project: Project) -> Detector:
    """The detector that the small graph made."""
    from traces_core.detector.detector import Detector

    return Detector.load(small_project)


@pytest.fixture(scope="session")
def fights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One fight without loss: `whole` (4 s), its first half, one picture, and `cut`, the file cut short."""
    from small_graph import street_fight, write_lossless

    folder = tmp_path_factory.mktemp("fights")
    pictures = street_fight(32)
    made = {
        name: write_lossless(folder / f"{name}.mkv", pictures[:count])
        for name, count in (("whole", 32), ("half", 16), ("one", 1))
    }
    made["cut"] = folder / "cut.mkv"
    content = made["whole"].read_bytes()
    made["cut"].write_bytes(content[: len(content) * 6 // 10])
    return made


@pytest.fixture
def at_home(small_project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the small graph, taken for the checkout: `Project.here()` is the small one."""
    home = small_project.machine.data.parent
    monkeypatch.chdir(home)
    for name in ("DATA", "REPORTS", "DEVICE", "PROFILE", "PARAMS"):
        monkeypatch.delenv(f"TRACES_{name}", raising=False)
    monkeypatch.setenv("TRACES_CATALOG", str(small_project.machine.catalog))
    project_root.cache_clear()
    yield home
    project_root.cache_clear()
