"""The outbox: gets every letter of the ledger to its sink at least once.

One thread a sink, each with its own connection to the ledger, so a sink that hangs delays nobody else. The
letters about one alarm arrive in their order; each has a key that stays the same however often it is sent. A
failure doubles the pause, up to five minutes; what a sink refuses for good is tried a few times within a day,
then given up, and `sink_states` shows it. How letters are sent belongs in `traces_core.live.sinks`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

from traces_core.live import letters
from traces_core.live.ledger import LONGEST_WAIT_S, Ledger, Letter
from traces_core.live.letters import SinkState, declare_sinks, sink_states
from traces_core.live.settings import LiveSettings, in_hours
from traces_core.live.sinks import sink_name, sink_of, sink_title
from traces_core.live.sinks.base import LiveSink, SinkError, safe

__all__ = ["Sender", "SinkState", "declare_sinks", "senders", "sink_states"]

LONGEST_PAUSE_S = 300.0
"""Between two attempts while a sink is away (seconds)."""
REFUSED_S = (60.0, 600.0, 3600.0, 4 * 3600.0, 18 * 3600.0)
"""Pauses before a letter is tried again that was refused for good; after the last of them it is given up."""
_AT_ONCE = 50
"""Letters that are read at once."""
_SHOWN_EACH_S = 5.0
"""How often a sink may show how things are (seconds)."""

log = logging.getLogger(__name__)


class Sender:
    """Sends the letters of one sink, in a daemon thread.

    Parameters
    ----------
    folder : Path
        Folder of the ledger.
    name : str
        The sink's name in the ledger.
    sink : LiveSink
        Where they go.
    cooldown_s : float
        For so long after a beginning was delivered, further ones of the same camera wait, and are then told
        together (seconds).
    quiet : sequence of str
        Hours of the day, local time, in which nothing is sent, such as `22:00-06:00`.
    poll_s : float
        How often the ledger is asked for new letters (seconds).
    first_pause_s : float
        Pause after the first failure (seconds); each further one doubles it.
    refused_s : sequence of float
        See `REFUSED_S`.
    clock : callable
        The time (seconds since 1970).
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        sink: LiveSink,
        *,
        cooldown_s: float = 0.0,
        quiet: Sequence[str] = (),
        poll_s: float = 0.5,
        first_pause_s: float = 1.0,
        refused_s: Sequence[float] = REFUSED_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._folder, self._sink = folder, sink
        self._cooldown_s, self._quiet = cooldown_s, tuple(quiet)
        self._poll_s, self._first_pause_s, self._refused_s = poll_s, first_pause_s, tuple(refused_s)
        self._clock = clock
        self._failures, self._shown_s, self._error = 0, 0.0, ""
        self._stopped = Event()
        self._thread = Thread(target=self._run, name=f"sender of {name}", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self, wait_s: float = 2.0) -> bool:
        """Send nothing more; whether the thread ended in time, else it is abandoned where it hangs.

        Parameters
        ----------
        wait_s
            Patience (seconds).
        """
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                try:
                    with closing(Ledger(self._folder)) as ledger:
                        while not self._stopped.is_set():
                            self._stopped.wait(self.work(ledger))
                except Exception as error:  # such as a full disk: letters must go out once it is mended
                    said = safe(f"{type(error).__name__}: {error}", self._sink.secrets)
                    log.warning("%s: the outbox cannot be read or written: %s", self.name, said)
                    self._failures += 1
                    self._stopped.wait(self._pause(self._failures))
        finally:
            self._sink.close()

    def work(self, ledger: Ledger) -> float:
        """Send what is due, until something fails; the seconds until there may be more to do."""
        due: list[Letter] = []
        if not in_hours(self._quiet, datetime.fromtimestamp(self._clock())):
            due = ledger.due_letters(self.name, self._clock(), _AT_ONCE)
        try:
            for letter in due:
                if self._stopped.is_set():
                    return 0.0
                if not self._deliver(ledger, letter):
                    return 0.0
            self._show(ledger, at_once=bool(due))
        except SinkError as error:
            self._failures += 1
            asked_s = min(error.after_s or 0.0, LONGEST_PAUSE_S)
            return max(self._pause(self._failures), asked_s)
        return 0.0 if due else self._poll_s

    def _show(self, ledger: Ledger, *, at_once: bool) -> None:
        """Let the sink show how things are; what is wrong with that is kept, too, without any letter."""
        now_s = time.monotonic()
        if not at_once and self._shown_s and now_s - self._shown_s < _SHOWN_EACH_S:
            return
        self._shown_s = now_s
        try:
            self._sink.show(ledger)
        except Exception as error:
            failure = error if isinstance(error, SinkError) else _unexpected(error)
            self._note(ledger, safe(failure, self._sink.secrets))
            raise failure from None
        self._note(ledger, "")
        self._failures = 0

    def _note(self, ledger: Ledger, error: str) -> None:
        if error != self._error:
            letters.note_error(ledger, self.name, error)
            self._error = error
            if error:
                log.warning("%s: %s", self._sink.title, error)

    def _deliver(self, ledger: Ledger, letter: Letter) -> bool:
        """Send a letter, or find that it is to wait or to be dropped; False where others changed with it."""
        now_s = self._clock()
        if letter.kind == "closed":
            if letters.is_opening_merged(ledger, letter):
                letters.end(ledger, letter, "merged")
                return True
            if not self._sink.updates:
                letters.end(ledger, letter, "not wanted")
                return True
        until_s = letters.cooling_until(ledger, letter, self._cooldown_s, now_s)
        if until_s is not None:
            letters.hold(ledger, letter, min(until_s, now_s + LONGEST_WAIT_S))
            return False
        if letter.held and letters.merged(ledger, letter, now_s):
            return False
        try:
            self._sink.send(_fresh(ledger, letter))
        except Exception as error:  # whatever a library raises: the letter is not lost, and the error is kept
            failure = error if isinstance(error, SinkError) else _unexpected(error)
            self._fail(ledger, letter, failure)
            raise failure from None
        ledger.delivered(letter.id, self._clock())
        self._failures = 0
        return True

    def _fail(self, ledger: Ledger, letter: Letter, error: SinkError) -> None:
        now_s, said = self._clock(), safe(error, self._sink.secrets)
        pause_s: float | None = max(self._pause(letter.tries + 1), min(error.after_s or 0.0, LONGEST_PAUSE_S))
        if not error.retry:
            pauses = self._refused_s
            pause_s = pauses[letter.refused] if letter.refused < len(pauses) else None
        due_s = None if pause_s is None else now_s + pause_s
        letters.failed(ledger, letter, now_s, due_s, said, refused=not error.retry)
        what = "is given up" if due_s is None else "is tried again"
        log.warning("%s: %s %s: %s", self._sink.title, letter.key, what, said)

    def _pause(self, failures: int) -> float:
        return float(min(self._first_pause_s * 2.0 ** min(failures - 1, 30), LONGEST_PAUSE_S))


def _unexpected(error: Exception) -> SinkError:
    return SinkError(f"{type(error).__name__}: {error}", retry=True)


def _fresh(ledger: Ledger, letter: Letter) -> Letter:
    """The letter with the frame and the clip that its alarm has got by now."""
    alarm = ledger.alarm(letter.alarm)
    if alarm is None:
        return letter
    return replace(letter, message={**letter.message, "frame": alarm.frame, "clip": alarm.clip})


def senders(settings: LiveSettings, folder: Path) -> list[Sender]:
    """A sender for every sink of cameras.yaml, none of them started; the ledger learns which there are.

    A sink whose address is of no known kind has none: what is wrong is kept and shown.

    Parameters
    ----------
    settings
        All of cameras.yaml.
    folder
        Folder of the ledger.
    """
    titles, made, faults = dict[str, str](), dict[str, Sender](), dict[str, str]()
    for one in settings.sinks:
        name = sink_name(one)
        titles[name] = sink_title(one)
        try:
            sink = sink_of(one, folder)
        except SinkError as error:
            faults[name] = safe(error, ())
            log.warning("%s", faults[name])
        else:
            made[name] = Sender(folder, name, sink, cooldown_s=one.cooldown_s, quiet=one.quiet)
    with closing(Ledger(folder)) as ledger:
        declare_sinks(ledger, titles)
        for name, fault in faults.items():
            letters.note_error(ledger, name, fault)
    return list(made.values())
