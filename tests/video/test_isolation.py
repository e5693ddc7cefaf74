"""What a file does to the decoder, it does to nobody else."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import hostile_decoding as hostile
import numpy as np
import pytest

from traces_core.errors import DamagedVideoError, VideoError
from traces_core.video import Gap, VideoInfo, isolation
from traces_core.video.plain_values import packed, unpacked

FILE = Path("gate.mp4")


@pytest.fixture
def _no_child_waits() -> None:
    """The next child is a fresh one, with the limits of the test."""
    isolation._POOL.end()


def test_a_crash_is_an_error_of_the_file_after_what_came_before() -> None:
    given = hostile.crashes(FILE, 3)
    assert [next(given) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(VideoError, match=r"gate\.mp4: the decoder crashed on it \(SIGSEGV\)"):
        next(given)
    assert hostile.who(FILE)


@pytest.mark.usefixtures("_no_child_waits")
def test_what_hangs_is_ended_and_what_is_slow_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "DEADLINE_S", 1)
    assert hostile.plods(FILE, 1.5) == "there"
    started = time.monotonic()
    with pytest.raises(VideoError, match=r"gate\.mp4: the decoder came no further for 1 s"):
        hostile.hangs(FILE)
    assert time.monotonic() - started < 30
    isolation._POOL.end()


@pytest.mark.usefixtures("_no_child_waits")
def test_a_caller_who_takes_his_time_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "DEADLINE_S", 1)
    given = hostile.gives(FILE, [(1,)] * 6)
    next(given)
    time.sleep(1.5)
    assert len(list(given)) == 5
    isolation._POOL.end()


def test_a_call_can_take_less_and_only_less() -> None:
    with pytest.raises(VideoError, match=r"gate\.mp4: the decoder came no further for 1 s"):
        hostile.hangs_soon(FILE)
    for asked, given in ((700, 700), (isolation.MEMORY_MIB * 2, isolation.MEMORY_MIB)):
        assert hostile.address_space_mib(FILE, limits=isolation.Limits(60, asked)) == given


def test_memory_has_a_limit() -> None:
    with pytest.raises(VideoError, match=r"gate\.mp4: its pictures need more than the \d+ MiB"):
        hostile.swallows_memory(FILE)
    assert hostile.who(FILE)


@pytest.mark.parametrize("over", ["IndexError", "OSError", "ValueError", "TypeError", "MemoryError"])
def test_an_error_that_nobody_expects_names_the_file(over: str) -> None:
    with pytest.raises(VideoError, match=r"gate\.mp4: "):
        hostile.stumbles(FILE, over)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_is_no_fault_of_the_video(number: int) -> None:
    with pytest.raises(VideoError, match=r"gate\.mp4: its decoder has no room to write .* Free some space"):
        hostile.finds_no_room(FILE, number)


@pytest.mark.parametrize(
    "message",
    [
        '{"dataclass": ["subprocess", "Popen", {"dict": [["args", "true"]]}]}',
        '{"dataclass": ["traces_core.video.writing", "write_video", {"dict": []}]}',
        '{"error": ["builtins", "eval", ["1"], {"dict": []}]}',
        '{"error": ["builtins", "SystemExit", [1], {"dict": []}]}',
        '{"anything": 1}',
    ],
)
def test_a_child_that_was_taken_over_sends_values_and_no_calls(message: str) -> None:
    with pytest.raises(ValueError, match="no plain value"):
        unpacked(message.encode(), [])


@pytest.mark.parametrize(
    "message",
    [
        "",
        "nothing",
        "7",
        '{"tuple": ["item"]}',
        '{"tuple": ["error", 7]}',
        '{"tuple": ["item", {"array": ["|u1", [1000000]]}]}',
        '{"tuple": ["item", {"dataclass": ["traces_core.nowhere", "Gap", {"dict": []}]}]}',
        '{"tuple": ["item", {"dataclass": ["traces_core.video.decode", "Gap", {"dict": []}]}]}',
        "[" * 100_000,
    ],
)
def test_an_answer_that_nobody_can_read_is_an_error_of_the_file(message: str) -> None:
    with pytest.raises(VideoError, match=r"gate\.mp4: the decoder gave an answer"):
        hostile.babbles(FILE, message)
    assert hostile.who(FILE)


@pytest.mark.parametrize(
    "value",
    [
        None,
        (1, -2.5, float("inf"), "\udcff\n", True),
        {"a": [Fraction(30000, 1001), Path("a\udcff.mp4")], 3: ()},
        VideoInfo(Path("a.mp4"), 4, 2, Fraction(25), None, "h264"),
        Gap(1.0, 2.0),
    ],
)
def test_a_plain_value_arrives_as_it_was(value: object) -> None:
    assert unpacked(*cast(Any, packed(value))) == value


def test_a_refusal_arrives_as_it_was_raised() -> None:
    given = hostile.refuses(FILE)
    next(given)
    with pytest.raises(DamagedVideoError) as refused:
        next(given)
    assert (refused.value.path, refused.value.at_s, refused.value.frames) == (FILE, 1.5, 7)
    assert str(refused.value).startswith("gate.mp4: damaged at 1.50 s: two bytes were swapped.")


def test_a_child_is_asked_again_unless_it_was_left_in_the_middle() -> None:
    first = hostile.who(FILE)
    with pytest.raises(VideoError):
        hostile.fails(FILE)
    assert hostile.who(FILE) == first
    given = hostile.gives(FILE, [(1 << 20,)] * 9)
    next(given)
    given.close()
    assert hostile.who(FILE) != first


def test_arrays_of_any_size_arrive_whole_and_in_order() -> None:
    shapes = [(3,), (1 << 20,), (0, 4), (5 << 20,), (1 << 15, 3), (7 << 20,), (2, 2)]
    kept = list(hostile.gives(FILE, shapes))  # also while later ones use the same memory
    for number, array in kept:
        np.testing.assert_array_equal(array, np.full(shapes[number], number, np.uint8))
        assert array.flags.writeable
    assert [number for number, _ in kept] == list(range(len(shapes)))


def test_threads_have_a_child_each() -> None:
    with ThreadPoolExecutor(4) as threads:
        given = list(threads.map(lambda _: len(list(hostile.gives(FILE, [(1 << 18,)] * 20))), range(8)))
    assert given == [20] * 8


def test_a_child_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hush")
    isolation._POOL.end()
    assert "hush" not in str(hostile.environment(FILE))


def test_children_end_with_their_process() -> None:
    code = (
        "from traces_core.video import isolation\nimport hostile_decoding as hostile, os\n"
        "print(hostile.who('a'), flush=True)\nos.kill(os.getpid(), 9)"
    )
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    child = Path("/proc", done.stdout.strip())
    until = time.monotonic() + 10
    while child.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not child.exists() or "Z" in (child / "stat").read_text().rsplit(")", 1)[1].split()[0]


def test_a_fork_leaves_the_children_to_its_parent() -> None:
    child = hostile.who(FILE)
    if (forked := os.fork()) == 0:
        os._exit(0 if hostile.who(FILE) != child else 1)
    assert os.waitpid(forked, 0)[1] == 0
    assert hostile.who(FILE) == child
