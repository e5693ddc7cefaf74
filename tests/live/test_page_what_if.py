"""What another threshold would have raised, against a count by hand."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from traces_core.live.ledger import Alarm, Mark
from traces_core.live.page.what_if import stretches_above, what_if

scores = st.lists(st.none() | st.sampled_from([0.1, 0.4, 0.5, 0.6, 0.9]), max_size=40)
marks = st.sampled_from(["real", "false", "unsure", None])
spans = st.lists(st.tuples(st.integers(0, 2400), st.integers(0, 300), marks), max_size=6)


def alarm(start_s: float, length_s: float, mark: Mark | None) -> Alarm:
    return Alarm("x", "gate", "late", False, start_s, start_s + length_s, start_s, 0.9, 0.5, mark=mark)


def slow(
    minutes: list[float | None], alarms: list[Alarm], threshold: float
) -> tuple[int, dict[str, int], int]:
    """Second by second: which are above, where a run begins, which alarms lie in it."""
    above = [minutes[s // 60] is not None and minutes[s // 60] > threshold for s in range(60 * len(minutes))]
    run_of, runs = {}, 0
    for second, is_above in enumerate(above):
        if is_above:
            runs += second == 0 or not above[second - 1]
            run_of[second] = runs
    rank = ["real", "false", "unsure", "none"]
    best = dict.fromkeys(range(1, runs + 1), "none")
    lost = 0
    for one in alarms:
        begin, end = int(one.start_s), max(int(one.end_s), int(one.start_s) + 1)
        touched = {run_of[second] for second in range(begin, end) if second in run_of}
        for run in touched:
            best[run] = min(best[run], one.mark or "none", key=rank.index)
        lost += one.mark == "real" and not touched
    return runs, {mark: n for mark in rank if (n := list(best.values()).count(mark))}, lost


@example([None, 0.1], [(0, 60, "real")], 0.0)  # it ends as the minute begins
@given(scores, spans, st.sampled_from([0.0, 0.4, 0.45, 0.6, 1.0]))
def test_the_count_is_that_of_a_walk_second_by_second(
    minutes: list[float | None], given_spans: list[tuple[int, int, Mark | None]], threshold: float
) -> None:
    alarms = [alarm(*one) for one in given_spans]
    blocks = [(60 * index, value) for index, value in enumerate(minutes) if value is not None]
    found = what_if(blocks, alarms, threshold)
    assert (found.raised, found.marked, found.lost) == slow(minutes, alarms, threshold)


def test_a_higher_threshold_never_covers_more_time() -> None:
    blocks = [(60 * index, (index * 37 % 100) / 100) for index in range(200)]
    covered = [sum(end - begin for begin, end in stretches_above(blocks, level / 10)) for level in range(11)]
    assert covered == sorted(covered, reverse=True)
