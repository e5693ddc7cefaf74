"""Calls side by side, in order, and no thread setting left behind."""

from __future__ import annotations

import threading

import pytest
import torch

from traces_core.encoders.parallel_calls import ParallelCalls


def test_results_are_kept_in_the_order_of_the_calls_whichever_ends_first() -> None:
    second_is_done, kept = threading.Event(), []

    def first() -> str:
        assert second_is_done.wait(10)
        return "first"

    def second() -> str:
        second_is_done.set()
        return "second"

    with ParallelCalls(2) as calls:
        calls.put(first, kept.append)
        calls.put(second, kept.append)
    assert kept == ["first", "second"]


def test_two_calls_are_under_way_at_once() -> None:
    meeting = threading.Barrier(2, timeout=10)
    with ParallelCalls(2) as calls:
        for _ in range(2):
            calls.put(meeting.wait, lambda place: None)
    assert not meeting.broken


def test_each_lane_has_its_share_of_the_threads_and_the_caller_keeps_its_own() -> None:
    before, inside = torch.get_num_threads(), []
    try:
        torch.set_num_threads(4)
        with ParallelCalls(2) as calls:
            calls.put(torch.get_num_threads, inside.append)
            assert torch.get_num_threads() == 4
        assert inside == [2]
        assert torch.get_num_threads() == 4
        later: list[int] = []
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert later == [4]
    finally:
        torch.set_num_threads(before)


def test_no_more_calls_wait_than_the_lanes_will_soon_take() -> None:
    gate, started, kept = threading.Event(), [], []

    def call(number: int) -> int:
        started.append(number)
        gate.wait(10)
        return number

    with ParallelCalls(1) as calls:
        calls.put(lambda: call(0), kept.append)
        calls.put(lambda: call(1), kept.append)
        blocked = threading.Thread(target=lambda: calls.put(lambda: call(2), kept.append))
        blocked.start()
        blocked.join(0.2)
        assert blocked.is_alive()
        gate.set()
        blocked.join(10)
    assert kept == [0, 1, 2]


def test_what_a_call_raises_is_raised_and_the_calls_behind_it_are_dropped() -> None:
    kept: list[int] = []

    def fails() -> int:
        raise ValueError("broken lane")

    def three() -> None:
        with ParallelCalls(1) as calls:
            for compute in (lambda: 1, fails, lambda: 3):
                calls.put(compute, kept.append)

    with pytest.raises(ValueError, match="broken lane"):
        three()
    assert kept == [1]
