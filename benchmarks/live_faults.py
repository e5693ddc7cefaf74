"""A hundred faults of cameras and kills of processes: is each camera well again, and in time?

    python -m benchmarks.live_faults --faults 100 --seed 1

Four cameras of the practice world, whatever they show an alarm, told to a folder and to a webhook that fails
at random. Each fault of `RtspServer` lasts for some seconds, at each camera another one; decoders, engine
and supervisor are killed in turn (this harness starts the last one again). Well again: `running` with a new
score, as it says once a second, within 20 s after the fault is gone (a killed decoder: 3 s). Writes
reports/live_faults.json; exits with 1 where something is not as it is meant to be, or no alarm was raised.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

from benchmarks.live import running
from benchmarks.live_site import Site, counted, waited_s
from traces_core.commands.practice_cameras import benchmark_videos
from traces_core.live.ledger import CameraState
from traces_core.practice.rtsp_server import Fault, RtspServer
from traces_core.settings import Machine

FAULTS: tuple[Fault, ...] = (
    *("stall", "drip", "drop", "garbage", "codec", "refuse"),
    *("silent", "gap", "jump", "back"),
)
ON_CONNECTING: tuple[Fault, ...] = ("codec", "refuse", "silent")
"""What only a connection that begins meets: the one that there is breaks off first."""
VICTIMS = ("decoder", "engine", "supervisor")
CAMERAS = ("gate", "yard", "hall", "ramp")
Row = dict[str, Any]
"""How one camera got well again."""
WITHIN_S = 20.0
DECODER_WITHIN_S = 3.0
PATIENCE_S = 90.0
"""What is not well after so long never will be."""


class Webhooks:
    """What a webhook received; half of its answers are failures, some after the message has arrived."""

    def __init__(self, seed: int) -> None:
        self.arrived: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.fails = True
        self._random = random.Random(seed)

    def answer(self, key: str) -> int:
        """The status to answer with."""
        how = self._random.random()
        self.arrived[key] += 1
        status = 204 if how > 0.5 or not self.fails else 500
        self.accepted[key] += status == 204
        return status


@contextmanager
def webhook(seed: int) -> Iterator[tuple[str, Webhooks]]:
    """A local server: its address, and what came."""
    heard = Webhooks(seed)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(heard.answer(self.headers["idempotency-key"]))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", heard
    finally:
        server.shutdown()


def troubled(site: Site, server: RtspServer, faults: dict[str, Fault], lasts_s: float) -> list[Row]:
    """A fault at each of some cameras at once; how each got well again after it was gone."""
    for name, fault in faults.items():
        server.fault("drop" if fault in ON_CONNECTING else fault, name)
    time.sleep(0.5)
    for name, fault in faults.items():
        server.fault(fault, name)
    time.sleep(lasts_s)
    for name in faults:
        server.fault(None, name)
    return well_again(site, faults, WITHIN_S)


def killed(site: Site, what: str) -> list[Row]:
    """A process killed, a decoder, the engine or the supervisor; how the cameras got well again."""
    before, known = site.processes(), site.states()
    os.kill(next(pid for pid, (kind, _) in before.items() if kind == what), signal.SIGKILL)
    killed_s = time.time()
    if what == "supervisor":
        site.process.wait()
        waited_s(lambda: not any(_lives(pid) for pid in before), 40)
        site.start()
    if what != "decoder":
        return well_again(site, dict.fromkeys(CAMERAS, what), WITHIN_S)

    def lost() -> list[str]:
        return [name for name, one in site.states().items() if one.facts["restarts"] > _restarts(known, name)]

    waited_s(lost, PATIENCE_S)
    return well_again(site, dict.fromkeys(lost(), what), DECODER_WITHIN_S, killed_s)


def _restarts(states: dict[str, CameraState], name: str) -> int:
    return int(states[name].facts["restarts"])


def well_again(site: Site, whats: dict[str, Any], within_s: float, since_s: float = 0.0) -> list[Row]:
    """How long (seconds) each camera takes to be well since a time, now where none is given."""
    known, took = site.states(), dict[str, float]()
    since_s = since_s or time.time()

    def are_well() -> bool:
        for name, one in site.states().items():
            is_said_since = one.updated_s >= since_s + 1 and one.state == "running"
            is_new = one.facts.get("scored") != known[name].facts["scored"] and one.facts["score"] is not None
            if name in whats and name not in took and is_said_since and is_new:
                took[name] = time.time() - since_s
        return len(took) == len(whats)

    waited_s(are_well, PATIENCE_S)
    stock, now = site.take_stock(), site.states()
    zombies = sum(one.status() == psutil.STATUS_ZOMBIE for _, one in site.processes().values())
    return [
        {
            "camera": name,
            "what": what,
            "took_s": took.get(name),
            "in_time": took.get(name, PATIENCE_S) <= within_s,
            "state": [now[name].state, now[name].detail],
            "restarts": now[name].facts["restarts"],
            "zombies": zombies,
            **{how: counted(stock, how) for how in ("processes", "anonymous_mib", "files", "threads")},
        }
        for name, what in whats.items()
    ]


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def judged(site: Site, rows: list[Row], heard: Webhooks, folder: Path) -> dict[str, Any]:
    """All of it in numbers."""
    heard.fails = False  # whatever was not told can be told now, after five minutes at most
    waited_s(lambda: not site.ledger.read("SELECT 1 FROM outbox WHERE delivered_s IS NULL"), 400)
    alarms = {alarm.id for alarm in site.ledger.alarms(most=100_000)}
    written = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    took = [row["took_s"] for row in rows if row["took_s"] is not None]
    half = rows[len(rows) // 2 :]
    return {
        "faults": len(rows),
        "in_time": sum(row["in_time"] for row in rows),
        "worst_s": {
            what: max((row["took_s"] or PATIENCE_S) for row in rows if row["what"] == what)
            for what in sorted({row["what"] for row in rows})
        },
        "median_s": sorted(took)[len(took) // 2] if took else None,
        "zombies": sum(row["zombies"] for row in rows),
        "engine_mib": [row["anonymous_mib"].get("engine") for row in (rows[0], half[0], rows[-1])],
        "supervisor_mib": [row["anonymous_mib"].get("supervisor") for row in (rows[0], half[0], rows[-1])],
        "ledger": [row[0] for row in site.ledger.read("PRAGMA integrity_check")],
        "alarms": len(alarms),
        "alarms_in_folder": len({one.get("id") for one in written} & alarms),
        "undelivered": site.ledger.read("SELECT count(*) FROM outbox WHERE delivered_s IS NULL")[0][0],
        "webhook_keys": len(heard.arrived),
        "webhook_keys_never_accepted": sum(not heard.accepted[key] for key in heard.arrived),
        "webhook_keys_accepted_twice": sum(count > 1 for count in heard.accepted.values()),
        "rows": rows,
    }


def rounds(count: int, turn: random.Random) -> Iterator[str | dict[str, Fault]]:
    """So many faults in random order, each kind about equally often: kills alone, others at all cameras."""
    kinds = [*FAULTS, *VICTIMS]
    order = [kinds[number % len(kinds)] for number in range(count)]
    turn.shuffle(order)
    some: list[Fault] = []
    for what in order:
        if what in VICTIMS:
            yield what
            continue
        some.append(what)  # type: ignore[arg-type]
        if len(some) == len(CAMERAS):
            yield dict(zip(CAMERAS, some, strict=True))
            some = []
    if some:
        yield dict(zip(CAMERAS, some, strict=False))


def stressed(count: int, seed: int, folder: Path) -> dict[str, Any]:
    """So many faults; what became of cameras, alarms and processes."""
    turn = random.Random(seed)
    films = dict(zip(CAMERAS, benchmark_videos(), strict=False))
    paths = {name: path for name, (path, _) in films.items()}
    with webhook(seed) as (url, heard), RtspServer(paths) as server:
        cameras = [
            {"name": name, "source": server.address(name), "context": context, "record": 0.1}
            for name, (_, context) in films.items()
        ]
        sinks = [{"kind": "folder", "path": "told"}, {"kind": "webhook", "url": url}]
        site = Site(folder, {"cameras": cameras, "sinks": sinks})
        for name in CAMERAS:
            site.ledger.set_threshold(name, "late", -100.0, "whatever is seen is an alarm", time.time())
        site.start()
        rows: list[Row] = []
        try:
            if waited_s(lambda: len(running(site)) == len(CAMERAS), 120) is None:
                raise SystemExit(f"the cameras never ran: {folder}/watch.log")
            for one in rounds(count, turn):
                lasts_s = turn.uniform(0.5, 12)
                some = killed(site, one) if isinstance(one, str) else troubled(site, server, one, lasts_s)
                rows += some
                for row in some:
                    took_s, about_it = row["took_s"] or -1, "" if row["in_time"] else row
                    print(f"{row['camera']:6}{row['what']:12}{took_s:7.1f} s {about_it}", flush=True)
            about = judged(site, rows, heard, folder / "told")
        finally:
            last = list(site.processes())
            site.stop()
            waited_s(lambda: not any(_lives(pid) for pid in last), 10)
    return about | {"left": sum(_lives(pid) for pid in last), "seed": seed}


def main() -> None:
    """Run it, print it, write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        about = stressed(given.faults, given.seed, Path(temporary))
    for key, value in about.items():
        if key != "rows":
            print(f"{key:30}{value}")
    file = Machine.here().reports / "live_faults.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    is_sound = about["alarms"] and about["in_time"] == about["faults"] and about["ledger"] == ["ok"]
    is_told = about["alarms_in_folder"] == about["alarms"] and not about["webhook_keys_never_accepted"]
    sys.exit(not (is_sound and is_told and not about["left"] and not about["undelivered"]))


if __name__ == "__main__":
    main()
