"""The minutes that thresholds come from outlive what is kept, but for those of alarms that were real."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from traces_core.live.ledger import Alarm, Ledger, Mark


def alarm(name: str, at_s: float) -> Alarm:
    return Alarm(name, "gate", "late", False, at_s, at_s + 70, at_s, 2.0, 1.0)


@pytest.mark.parametrize(("mark", "left"), [("real", [0, 240, 300]), ("false", [0, 60, 120, 180, 240, 300])])
def test_a_minute_of_a_real_alarm_is_forgotten_with_the_alarm(
    tmp_path: Path, mark: Mark, left: list[int]
) -> None:
    with closing(Ledger(tmp_path)) as ledger:
        minutes = dict.fromkeys(range(0, 360, 60), 0.5)
        ledger.put_blocks("gate", "late", minutes)
        ledger.put_blocks("yard", "late", minutes)
        ledger.put_alarm(alarm("then", 110.0))  # in the minutes that begin at 60, 120 and 180
        ledger.put_alarm(alarm("now", 250.0))
        for name in ("then", "now"):
            ledger.mark(name, mark, "", 400.0)
        ledger.forget_before(200.0, 0.0)
        assert [at_s for at_s, _ in ledger.blocks("gate", "late", 0)] == left
        assert len(ledger.blocks("yard", "late", 0)) == 6
        assert [one.id for one in ledger.alarms()] == ["now"]
        ledger.forget_before(200.0)
        assert min(at_s for at_s, _ in ledger.blocks("yard", "late", 0)) == 240
