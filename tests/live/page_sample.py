"""A ledger filled with a made-up week, so that the page can be looked at without a camera.

python tests/live/page_sample.py FOLDER        # then the page is served, until Ctrl-C
"""

from __future__ import annotations

import math
import random
import sys
import time
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw

from traces_core.live.ledger import BLOCK_S, BUCKET_S, Alarm, CameraState, Ledger, Mark, State
from traces_core.live.settings import LiveSettings

STREAM = "late"
CAMERAS: tuple[tuple[str, State, str], ...] = (
    ("car-park", "running", ""),
    ("corridor-2", "behind", "The machine is too slow: 2 of 4 frames a second are scored."),
    ("gate", "running", ""),
    ("yard", "stalled", "No frame for 14 s; it is opened again in 8 s (rtsp://***@10.0.0.7/live)."),
    ("old-shed", "failed", "It was taken out of cameras.yaml."),
)
CLASSES = ("fight", "climbing_a_fence", "fall", "theft", None)
TRACES = {
    "anomalous": (
        ["Two people push each other to the ground beside a parked car", 0.412, "fight"],
        ["A man kicks somebody who lies on the pavement", 0.388, "fight"],
        ["A crowd runs away from the entrance", 0.301, "panic"],
    ),
    "normal": (
        ["Two people load boxes into the boot of a car", 0.297, ""],
        ["A man bends down to tie his shoe", 0.281, ""],
        ["People walk past the parked cars", 0.266, ""],
    ),
}


def settings() -> LiveSettings:
    """cameras.yaml of the made-up week; without a sink."""
    cameras = [
        {"name": name, "source": f"rtsp://127.0.0.1/{name}", "context": ["car_park"], "streams": [STREAM]}
        for name, *_ in CAMERAS[:-1]
    ]
    cameras[2]["active"] = ["18:00-08:00"]
    return LiveSettings.model_validate({"cameras": cameras})


def fill(folder: Path, now_s: float, days: float = 7, seed: int = 7) -> Ledger:
    """States, scores, blocks, alarms with marks, frames and one clip, up to a time."""
    chance = random.Random(seed)
    ledger = Ledger(folder)
    for kind in ("frames", "clips"):
        (folder / kind).mkdir(exist_ok=True)
    write_clip(folder / "clips" / "fight.mp4")
    for name, state, detail in CAMERAS:
        _put_camera(ledger, name, state, detail, now_s, chance)
        _put_scores(ledger, name, now_s, days, chance)
        if state != "failed":
            draw_frame(folder / "frames" / f"{name}.jpg", 7 + 40 * len(name))
    for index in range(24):
        _put_alarm(ledger, index, now_s, days, chance)
    with ledger.writing() as put:
        put.execute(
            "INSERT INTO outbox (sink, alarm, kind, message, created_s, due_s, tries, error) "
            "VALUES ('webhook', 'a00', 'opened', '{}', ?, ?, 4, 'HTTP 503 from http://alarms.example/in')",
            (now_s - 600, now_s + 60),
        )
    return ledger


def _put_camera(
    ledger: Ledger, name: str, state: State, detail: str, now_s: float, chance: random.Random
) -> None:
    score = round(0.25 + 0.2 * chance.random(), 3)
    facts = {"width": 640, "height": 480, "fps": 25.0, "sampled": 812_340, "scored": 812_300}
    facts |= {"dropped": chance.randrange(90), "restarts": chance.randrange(4), "threshold": 0.72}
    source = f"rtsp://***@127.0.0.1/{name}"
    history: list[tuple[State, float, str]] = [
        ("starting", now_s - 180_000, ""),
        ("running", now_s - 179_990, ""),
        ("black", now_s - 40_000, "The picture is black or covered."),
        ("running", now_s - 39_100, ""),
        (state, now_s - 4000 if state == "running" else now_s - 14, detail),
    ]
    for one, since_s, why in history:
        said = facts | ({"score": score} if one in ("running", "behind") else {})
        ledger.say_state(CameraState(name, source, one, since_s, why, said, now_s))


def _put_scores(ledger: Ledger, name: str, now_s: float, days: float, chance: random.Random) -> None:
    def value(at_s: float) -> float:
        day = 0.06 * math.sin(2 * math.pi * at_s / 86_400)
        return min(1.0, max(0.0, 0.3 + day + 0.04 * chance.gauss(0, 1) + 0.28 * (chance.random() > 0.997)))

    first = int(now_s - days * 86_400) // BLOCK_S * BLOCK_S
    unseen = range(int(now_s - 40_000), int(now_s - 39_100))
    blocks = {at: value(at) + 0.08 for at in range(first, int(now_s) - BLOCK_S, BLOCK_S) if at not in unseen}
    ledger.put_blocks(name, STREAM, blocks)
    start = int(now_s - 7200) // BUCKET_S * BUCKET_S
    last = int(now_s) - (14 if name == "yard" else 1)
    ledger.put_scores(name, STREAM, {at: value(at) for at in range(start, last, BUCKET_S)})


def _put_alarm(ledger: Ledger, index: int, now_s: float, days: float, chance: random.Random) -> None:
    name = CAMERAS[index % len(CAMERAS)][0]
    start_s = now_s - 900 - (days * 86_400 - 4000) * (index / 24) ** 1.5
    length_s, peak = 4 + 30 * chance.random(), 0.75 + 0.2 * chance.random()
    is_open = index == 2
    alarm_id = f"a{index:02d}"
    ledger.put_alarm(
        Alarm(
            alarm_id, name, STREAM, is_open, start_s, start_s + length_s, start_s + length_s / 2, peak, 0.72,
            CLASSES[index % len(CLASSES)],
            {**{side: list(rows) for side, rows in TRACES.items()}, "because": ["frame", "context_aware"]},
            {"bank": "3f9ac0d1e2b4", "fusion": "identity", "thresholds": "81bb02", "code": "0.1.0+gb7e1"},
            f"frames/{name}.jpg", "clips/fight.mp4" if index == 0 else None,
        )
    )  # fmt: skip
    around = int(start_s) // BUCKET_S * BUCKET_S
    bump = {
        around + offset: max(0.2, peak - 0.004 * abs(offset - 10)) if -20 <= offset <= 40 else 0.3
        for offset in range(-320, 340, BUCKET_S)
    }
    ledger.put_scores(name, STREAM, bump)
    ledger.put_blocks(name, STREAM, {int(start_s) // BLOCK_S * BLOCK_S: peak})
    marks: tuple[Mark | None, ...] = ("real", "false", None, "unsure", None, "false")
    if index and (mark := marks[index % len(marks)]):
        ledger.mark(alarm_id, mark, "a delivery" if mark == "false" else "", start_s + 600)


def draw_frame(path: Path, hue: int, at: float = 0.5) -> None:
    """A drawn yard with somebody in it."""
    picture = Image.new("HSV", (640, 480), (hue % 255, 40, 120)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 300, 640, 480), fill=(96, 99, 102))
    draw.rectangle((60, 120, 260, 300), fill=(140, 132, 118))
    left = 60 + 480 * at
    draw.ellipse((left, 220, left + 28, 250), fill=(224, 190, 160))
    draw.rectangle((left, 250, left + 28, 340), fill=(40, 60, 110))
    picture.save(path, quality=85)


def write_clip(path: Path, seconds: int = 6, rate: int = 10, codec: str = "libx264") -> None:
    """A clip that any browser plays, or none, by its codec."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for index in range(seconds * rate):
            pixels = np.full((240, 320, 3), 120, np.uint8)
            left = 3 * index
            pixels[100:200, left : left + 24] = (40, 60, 110)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def main(folder: Path) -> None:
    """Fill a folder and serve its page."""
    import uvicorn

    from traces_core.live.page import page

    fill(folder, time.time()).close()
    uvicorn.run(page(folder, settings), host="127.0.0.1", port=8080, timeout_graceful_shutdown=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
