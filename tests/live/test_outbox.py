"""The outbox: every letter arrives at least once, in order, whatever the sink and the process do."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hearing_server import Heard, Hearing, How, hearing
from letters_for_sinks import START_S, a_state, an_alarm, outcomes, write

from traces_core.live.ledger import Ledger, Letter
from traces_core.live.messages import health_kind, health_message
from traces_core.live.outbox import LONGEST_PAUSE_S, REFUSED_S, Sender, declare_sinks, senders, sink_states
from traces_core.live.settings import LiveSettings, Webhook
from traces_core.live.sinks import addressed
from traces_core.live.sinks.base import LiveSink, SinkError
from traces_core.live.sinks.webhook import WebhookSink

MISBEHAVIOUR: tuple[How, ...] = ("take and drop", "500", "429", "403", "redirect", "hang", "slow", "drop")
FAST = {"poll_s": 0.005, "first_pause_s": 0.001, "refused_s": (0.001,) * 30}


def webhook(server: Hearing, timeout_s: float = 10.0) -> WebhookSink:
    return WebhookSink(Webhook(kind="webhook", url=server.url), "hook", "webhook", timeout_s=timeout_s)


@contextmanager
def sending(sender: Sender) -> Iterator[Sender]:
    sender.start()
    try:
        yield sender
    finally:
        sender.stop(10)


class Recorder(LiveSink):
    """Keeps what it is sent; fails as it is told."""

    name, title = "s", "recorder"

    def __init__(self, fail: Callable[[Letter], SinkError | None] = lambda _: None) -> None:
        self.fail, self.sent, self.tried = fail, list[Letter](), list[Letter]()

    def send(self, letter: Letter) -> None:
        self.tried.append(letter)
        if error := self.fail(letter):
            raise error
        self.sent.append(letter)

    @property
    def by_alarm(self) -> dict[str, list[str]]:
        told: dict[str, list[str]] = {}
        for alarm, kind in self.kinds:
            told.setdefault(alarm, []).append(kind)
        return told

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(letter.alarm, letter.kind.partition(":")[0]) for letter in self.sent]


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now_s = START_S + 1000

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(tmp_path)) as opened:
        yield opened


def at_random(seed: int) -> Callable[[Heard], How]:
    """Every second request is treated badly, as a seed decides; hangs are few, for they last."""
    rng = random.Random(seed)
    weights = [4, 4, 4, 2, 2, 0.3, 2, 4]
    return lambda _: "take" if rng.random() < 0.5 else rng.choices(MISBEHAVIOUR, weights)[0]


def deliver_all(folder: Path, alarms: int, *, seed: int, timeout_s: float = 60.0) -> Hearing:
    """Alarms through a sink that misbehaves at random, until all have arrived; a benchmark sends more."""
    keys = {f"gate-{number:05d}:{kind}" for number in range(alarms) for kind in ("opened", "closed")}
    with hearing(at_random(seed)) as server, closing(Ledger(folder)) as ledger:
        with sending(Sender(folder, "hook", webhook(server, timeout_s=0.2), **FAST)):
            for number in range(alarms):
                write(ledger, an_alarm(number), "hook")
                write(ledger, an_alarm(number, is_open=False), "hook")
            server.wait_for(lambda: len(server.taken) == len(keys), timeout_s)
        assert set(server.taken) == keys
        assert all(one.event["id"] == key for key, one in server.taken.items())
        return server


def test_every_alarm_arrives_through_a_sink_that_misbehaves_at_random(tmp_path: Path) -> None:
    server = deliver_all(tmp_path, 200, seed=16)
    assert len(server.heard) > 500  # it did misbehave
    order = list(server.taken)
    for number in range(200):
        assert order.index(f"gate-{number:05d}:opened") < order.index(f"gate-{number:05d}:closed")


def test_a_sink_that_behaves_gets_every_letter_once_and_in_order(tmp_path: Path, ledger: Ledger) -> None:
    for number in range(20):
        write(ledger, an_alarm(number), "hook")
        write(ledger, an_alarm(number, is_open=False), "hook")
    with hearing() as server, sending(Sender(tmp_path, "hook", webhook(server), **FAST)):
        server.wait_for(lambda: len(server.heard) == 40)
    keys = [one.key for one in server.heard]
    assert len(set(keys)) == 40
    for kind in ("opened", "closed"):
        assert [key for key in keys if key.endswith(kind)] == [f"gate-{n:05d}:{kind}" for n in range(20)]


def test_no_alarm_is_lost_when_the_sending_process_is_killed_again_and_again(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from traces_core.live.outbox import Sender;"
        "from traces_core.live.settings import Webhook;"
        "from traces_core.live.sinks.webhook import WebhookSink;"
        "sink = WebhookSink(Webhook(kind='webhook', url=sys.argv[2]), 'hook', 'webhook');"
        "Sender(Path(sys.argv[1]), 'hook', sink, poll_s=0.01, first_pause_s=0.001).start(); time.sleep(600)"
    )
    with hearing(lambda _: "slow") as server, closing(Ledger(tmp_path)) as ledger:
        for number in range(60):
            write(ledger, an_alarm(number), "hook")
        for killed_after in (7, 19, 35, 60):
            process = subprocess.Popen(
                [sys.executable, "-c", program, str(tmp_path), server.url], cwd=Path(__file__).parents[2]
            )
            try:
                server.wait_for(lambda after=killed_after: len(server.taken) >= after)
            finally:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
        assert set(server.taken) == {f"gate-{number:05d}:opened" for number in range(60)}
        assert len(server.heard) <= 60 + 4  # only what was under way at a kill may come twice


def test_a_beginning_that_a_restart_found_unsent_is_sent_however_old_it_is(
    tmp_path: Path, ledger: Ledger
) -> None:
    write(ledger, an_alarm(start_s=1000.0, end_s=1001.0), "s")
    sink = Recorder()
    Sender(tmp_path, "s", sink).work(ledger)
    assert sink.kinds == [("gate-00000", "opened")]


def test_a_sink_that_hangs_delays_nobody_else_and_does_not_hold_up_the_end(
    tmp_path: Path, ledger: Ledger
) -> None:
    for number in range(5):
        write(ledger, an_alarm(number), "hangs", "hook")
    with hearing(lambda _: "hang") as hanging, hearing() as server:
        stuck = Sender(tmp_path, "hangs", webhook(hanging), **FAST)
        stuck.start()
        hanging.wait_for(lambda: len(hanging.heard) == 1)
        with sending(Sender(tmp_path, "hook", webhook(server), **FAST)):
            server.wait_for(lambda: len(server.taken) == 5)
        began = time.monotonic()
        assert not stuck.stop()
        assert time.monotonic() - began < 3
        assert len(hanging.heard) == 1
    stuck._thread.join(20)


def test_an_answer_that_never_ends_is_a_failure_at_the_deadline(tmp_path: Path, ledger: Ledger) -> None:
    write(ledger, an_alarm(), "hook")
    with hearing(lambda one: "drip" if one.number == 0 else "take") as server:
        with sending(Sender(tmp_path, "hook", webhook(server, timeout_s=0.3), **FAST)):
            server.wait_for(lambda: len(server.taken) == 1)
        assert len(server.heard) == 2


def test_pauses_double_up_to_five_minutes(tmp_path: Path, ledger: Ledger) -> None:
    write(ledger, an_alarm(), "s")
    clock, pauses = Clock(), []
    sender = Sender(tmp_path, "s", Recorder(lambda _: SinkError("away", retry=True)), clock=clock)
    for _ in range(12):
        pauses.append(sender.work(ledger))
        clock.now_s += pauses[-1]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, *[LONGEST_PAUSE_S] * 3]


def test_what_is_refused_for_good_is_tried_within_a_day_then_given_up_where_people_see_it(
    tmp_path: Path, ledger: Ledger
) -> None:
    declare_sinks(ledger, {"s": "recorder"})
    write(ledger, an_alarm(), "s")
    sink, clock = Recorder(lambda one: SinkError("HTTP 403", retry=False)), Clock()
    sender = Sender(tmp_path, "s", sink, clock=clock)
    tried_s: list[float] = []
    for _ in range(40 * 60):
        count = len(sink.tried)
        sender.work(ledger)
        tried_s += [clock.now_s] * (len(sink.tried) - count)
        clock.now_s += 60
    assert len(tried_s) == 1 + len(REFUSED_S)
    assert 20 * 3600 < tried_s[-1] - tried_s[0] < 25 * 3600
    (state,) = sink_states(ledger)
    assert (state.given_up, state.queued, state.error, state.is_fault) == (1, 0, "HTTP 403", True)


def test_a_letter_that_is_refused_holds_up_its_own_alarm_alone(tmp_path: Path, ledger: Ledger) -> None:
    for number in range(3):
        write(ledger, an_alarm(number), "s")
        write(ledger, an_alarm(number, is_open=False), "s")
    sink = Recorder(lambda one: SinkError("HTTP 400", retry=False) if one.alarm.endswith("1") else None)
    clock = Clock()
    sender = Sender(tmp_path, "s", sink, clock=clock)
    for _ in range(4):
        sender.work(ledger)
        clock.now_s += 2
    assert sink.by_alarm == {f"gate-0000{n}": ["opened", "closed"] for n in (0, 2)}
    assert {(one.alarm, one.kind) for one in sink.tried if one.alarm.endswith("1")} == {
        ("gate-00001", "opened")
    }


def test_letters_that_always_fail_let_all_others_through(tmp_path: Path, ledger: Ledger) -> None:
    for number in range(8):
        write(ledger, an_alarm(number), "s")
    sink = Recorder(lambda one: SinkError("HTTP 500", retry=True) if one.alarm < "gate-00003" else None)
    clock = Clock()
    sender = Sender(tmp_path, "s", sink, clock=clock)
    for _ in range(5):
        clock.now_s += sender.work(ledger)
    assert [one.alarm for one in sink.sent] == [f"gate-0000{n}" for n in range(3, 8)]


def test_the_pause_begins_anew_after_something_arrived(tmp_path: Path, ledger: Ledger) -> None:
    errors = [None, *[SinkError("away", retry=True)] * 3]
    sink, clock = Recorder(lambda _: errors.pop() if errors else SinkError("away", retry=True)), Clock()
    sender = Sender(tmp_path, "s", sink, clock=clock)
    for number in range(5):
        write(ledger, an_alarm(number), "s")
    pauses = []
    for _ in range(4):
        pauses.append(sender.work(ledger))
        clock.now_s += pauses[-1]
    assert pauses == [1, 2, 4, 1]


def test_whatever_a_library_raises_the_letter_stays_and_the_sender_lives(
    tmp_path: Path, ledger: Ledger
) -> None:
    class Odd(Recorder):
        def send(self, letter: Letter) -> None:
            super().send(letter)
            if len(self.tried) == 1:
                raise KeyError("surprise")

    write(ledger, an_alarm(), "s")
    sink, clock = Odd(), Clock()
    sender = Sender(tmp_path, "s", sink, clock=clock)
    sender.work(ledger)
    assert "KeyError" in sink_states(ledger)[-1].error
    clock.now_s += 2
    sender.work(ledger)
    assert outcomes(tmp_path) == [("gate-00000", "opened", "delivered")]


def test_alarms_within_the_cooldown_become_one_summary_at_its_end(tmp_path: Path, ledger: Ledger) -> None:
    sink, clock = Recorder(), Clock()
    sender = Sender(tmp_path, "s", sink, cooldown_s=60, clock=clock)
    for number in range(3):
        write(ledger, an_alarm(number), "s")
        write(ledger, an_alarm(number, is_open=False), "s")
    write(ledger, an_alarm(7, camera="yard"), "s")
    for _ in range(8):
        sender.work(ledger)
        clock.now_s += 5
    assert sink.by_alarm == {"gate-00000": ["opened", "closed"], "yard-00007": ["opened"]}
    clock.now_s += 60
    for _ in range(4):
        sender.work(ledger)
    summary = sink.sent[-1].message
    assert sink.kinds[3:] == [("camera:gate", "summary")]
    assert summary["count"] == 2
    assert [one["id"] for one in summary["alarms"]] == ["gate-00001", "gate-00002"]
    ends = {(alarm, kind): how for alarm, kind, how in outcomes(tmp_path)}
    assert ends["gate-00001", "opened"] == ends["gate-00002", "closed"] == "merged"


def test_the_cooldown_counts_what_was_delivered_not_what_was_tried(tmp_path: Path, ledger: Ledger) -> None:
    errors = [SinkError("away", retry=True), SinkError("away", retry=True)]
    sink, clock = Recorder(lambda _: errors.pop() if errors else None), Clock()
    sender = Sender(tmp_path, "s", sink, cooldown_s=60, clock=clock)
    write(ledger, an_alarm(0), "s")
    for _ in range(3):
        clock.now_s += sender.work(ledger)
    assert len(sink.tried) == 3
    assert sink.kinds == [("gate-00000", "opened")]


def test_a_single_alarm_that_had_to_wait_is_told_as_itself(tmp_path: Path, ledger: Ledger) -> None:
    sink, clock = Recorder(), Clock()
    sender = Sender(tmp_path, "s", sink, cooldown_s=60, clock=clock)
    write(ledger, an_alarm(0), "s")
    write(ledger, an_alarm(1), "s")
    sender.work(ledger)
    clock.now_s += 61
    sender.work(ledger)
    assert sink.kinds == [("gate-00000", "opened"), ("gate-00001", "opened")]


def test_a_clock_that_is_put_back_a_year_holds_nothing_up(tmp_path: Path, ledger: Ledger) -> None:
    sink, clock = Recorder(), Clock()
    sender = Sender(tmp_path, "s", sink, cooldown_s=60, clock=clock)
    write(ledger, an_alarm(0), "s")
    sender.work(ledger)
    clock.now_s -= 365 * 86400
    write(ledger, an_alarm(1), "s")
    sender.work(ledger)
    assert len(sink.sent) == 2


def test_a_letter_that_waits_does_not_wait_for_a_clock_that_was_put_back(
    tmp_path: Path, ledger: Ledger
) -> None:
    errors = [SinkError("away", retry=True)]
    sink, clock = Recorder(lambda _: errors.pop() if errors else None), Clock()
    sender = Sender(tmp_path, "s", sink, clock=clock)
    write(ledger, an_alarm(0), "s")
    sender.work(ledger)
    clock.now_s -= 365 * 86400
    sender.work(ledger)
    assert len(sink.sent) == 1


def test_one_message_is_a_letter_to_every_sink_once(tmp_path: Path) -> None:
    hooks = [Webhook(kind="webhook", url=f"http://127.0.0.1/{path}") for path in ("a", "b", "a")]
    message = {"kind": "opened"}
    one, other = addressed(hooks, "opened", message)
    assert one[0] != other[0]
    assert one[1:] == other[1:] == ("opened", message)


def test_a_sink_for_people_does_not_hear_that_an_alarm_has_ended(tmp_path: Path, ledger: Ledger) -> None:
    sink = Recorder()
    sink.updates = False
    write(ledger, an_alarm(), "s")
    write(ledger, an_alarm(is_open=False), "s")
    sender = Sender(tmp_path, "s", sink)
    sender.work(ledger)
    sender.work(ledger)
    assert outcomes(tmp_path) == [
        ("gate-00000", "opened", "delivered"),
        ("gate-00000", "closed", "not wanted"),
    ]


def test_in_quiet_hours_nothing_is_sent_and_afterwards_everything(tmp_path: Path, ledger: Ledger) -> None:
    sink, clock = Recorder(), Clock()
    clock.now_s = time.mktime((2026, 1, 1, 23, 30, 0, 0, 0, -1))
    sender = Sender(tmp_path, "s", sink, quiet=["22:00-06:00"], clock=clock)
    write(ledger, an_alarm(), "s")
    sender.work(ledger)
    assert sink.sent == []
    clock.now_s = time.mktime((2026, 1, 2, 6, 0, 1, 0, 0, -1))
    sender.work(ledger)
    assert sink.kinds == [("gate-00000", "opened")]


def test_a_changed_state_of_a_camera_is_told_once(tmp_path: Path, ledger: Ledger) -> None:
    for state in (a_state(), a_state("stalled", START_S + 5), a_state("stalled", START_S + 5)):
        ledger.say_state(state)
        ledger.tell_state(state, [("s", health_kind(state), health_message(state, None))])
    sink = Recorder()
    sender = Sender(tmp_path, "s", sink)
    sender.work(ledger)
    sender.work(ledger)
    assert [one.message["state"] for one in sink.sent] == ["running", "stalled"]
    assert len({one.key for one in sink.sent}) == 2


def test_of_the_states_within_a_cooldown_the_last_is_told(tmp_path: Path, ledger: Ledger) -> None:
    sink, clock = Recorder(), Clock()
    sender = Sender(tmp_path, "s", sink, cooldown_s=60, clock=clock)
    for number, name in enumerate(("starting", "running", "stalled", "running", "stalled", "failed")):
        state = a_state(name, START_S + number)
        ledger.say_state(state)
        ledger.tell_state(state, [("s", health_kind(state), health_message(state, None))])
    for _ in range(30):
        sender.work(ledger)
        clock.now_s += 10
    assert [one.message["state"] for one in sink.sent] == ["starting", "failed"]


def test_no_sink_at_all_is_a_fault_that_is_shown(tmp_path: Path, ledger: Ledger) -> None:
    assert senders(LiveSettings(), tmp_path) == []
    (state,) = sink_states(ledger)
    assert state.is_fault
    assert "nobody hears" in state.error


def test_letters_to_a_sink_that_was_taken_out_stay_visible(tmp_path: Path, ledger: Ledger) -> None:
    declare_sinks(ledger, {"other": "folder /srv/alarms"})
    write(ledger, an_alarm(), "gone-1")
    gone, other = sink_states(ledger)
    assert (gone.queued, gone.is_configured, gone.is_fault) == (1, False, True)
    assert (other.queued, other.is_fault) == (0, False)


def test_no_secret_is_in_the_ledger_the_log_or_an_error(
    tmp_path: Path, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with hearing(lambda one: ("500", "redirect", "drop", "take")[min(one.number, 3)]) as server:  # type: ignore[return-value]
        url = server.url.replace("://", "://ann:pa55word@")
        settings = LiveSettings(sinks=(Webhook(kind="webhook", url=url, secret="hmac-secret-1"),))
        (made,) = senders(settings, tmp_path)
        write(ledger, an_alarm(), made.name)
        sender = Sender(tmp_path, made.name, made._sink, **FAST)
        with sending(sender):
            server.wait_for(lambda: bool(server.taken))
    kept = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir())) + caplog.text.encode()
    assert b"HTTP 500" in kept
    for secret in (b"pa55word", b"s3cr3t-path", b"hmac-secret-1"):
        assert secret not in kept


def test_a_sink_of_no_known_kind_is_shown_and_keeps_nothing_from_the_others(tmp_path: Path) -> None:
    sinks = [{"kind": "apprise", "url": "nosuch://hunter2"}, {"kind": "folder", "path": tmp_path / "told"}]
    [made] = senders(LiveSettings.model_validate({"sinks": sinks}), tmp_path)
    assert made.name.startswith("folder")
    states = {one.title: one.error for one in sink_states(Ledger(tmp_path))}
    assert states["apprise nosuch://..."]
    assert "hunter2" not in str(states)
