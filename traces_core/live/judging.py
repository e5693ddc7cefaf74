"""What a camera is judged by: the bank with its own sentences, and the threshold that suits it.

Scores and thresholds themselves belong in `traces_core.streams`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traces_core.detector.detector import Detector
from traces_core.live.ledger import BLOCK_S, Ledger
from traces_core.live.settings import Camera
from traces_core.store.digest import digest
from traces_core.streams.scorer import BankScorer
from traces_core.streams.thresholds import Threshold, threshold_of
from traces_core.text.catalog import read_catalog
from traces_core.text.corpus import write_corpus
from traces_core.types import Array, Place

BY_HAND = "set by hand"
WEEK_S = 7 * 86400.0
"""Blocks of so many seconds back make a camera's own threshold."""


@dataclass(frozen=True)
class RememberingScorer(BankScorer):
    """Fuses the windows that it is asked for twice, by a stream and for what is kept of them, once."""

    _last: list[Array] = field(default_factory=list)

    @classmethod
    def of(cls, judge: BankScorer) -> RememberingScorer:
        """As a scorer, with a memory."""
        return cls(**{one.name: getattr(judge, one.name) for one in fields(BankScorer)})

    def fused_vectors(self, window_frames: Array, tokens: Array) -> Array:
        """float32 (T, D): one fused unit vector a window, from (T, W, D) and (T, W, D_time)."""
        if not self._last or self._last[0] is not tokens:
            self._last[:] = tokens, super().fused_vectors(window_frames, tokens)
        return self._last[1]


def scorer_of(detector: Detector, camera: Camera) -> tuple[BankScorer, Place]:
    """What scores a camera, and the contexts it is compared with: its own catalog's where it has one.

    Raises
    ------
    CatalogError
        If its catalog does not say what a context must say.
    UnknownNameError
        If the bank has no such context.
    """
    judge, contexts = detector.judge, camera.context
    if camera.catalog is not None:
        own = read_catalog(camera.catalog, contexts or None)
        came = {}
        for name, context in own.items():
            corpus = write_corpus([context])
            came[name] = (corpus, detector.project.clip.encode_texts(corpus["text"].to_list()))
        judge = replace(judge, bank=judge.bank.with_contexts(came))
        contexts = tuple(own)
    if contexts:
        judge.bank.trace_ids("normal", contexts)  # refuses an unknown name, with the nearest one
    return judge, contexts or None


def versions_of(detector: Detector, judge: BankScorer) -> dict[str, Any]:
    """What raises the alarms of a camera: fingerprints, equal for two that score alike."""
    return {
        **{part.name: part.fingerprint for part in detector.parts},
        "bank": judge.bank.fingerprint,
        "detector": digest(detector.identity),
    }


def threshold_for(
    detector: Detector, ledger: Ledger, camera: Camera, stream: str, now_s: float
) -> tuple[Threshold, str]:
    """The threshold of one stream of a camera, and where it comes from, in words.

    The one that a person set for it; else, once it has been watched for long enough to support the alarms a
    day that are accepted, the order statistic of its own blocks of the last week; else the detector's.
    """
    known = detector.thresholds[stream]
    if (chosen := ledger.thresholds(camera.name).get(stream)) is not None:
        return replace(known, value=chosen), BY_HAND
    highest = _normal_blocks(ledger, camera.name, stream, now_s - WEEK_S)
    rate = camera.alarms_per_day / 24
    own = threshold_of(highest, stream, false_alarms_per_hour=rate, block_s=BLOCK_S, rules=known.rules)
    if own is not None:
        return own, f"from its own {len(highest)} minutes of the last week"
    per_hour = f"{known.false_alarms_per_hour:g} false alarms an hour"
    return (
        known,
        f"of the graph's normal footage, made for {per_hour}; {len(highest)} minutes of its own so far",
    )


def _normal_blocks(ledger: Ledger, camera: str, stream: str, since_s: float) -> NDArray[np.float64]:
    """The highest score of each block since a time (seconds), but of those with an alarm marked as real."""
    real = [one for one in ledger.alarms(camera=camera, since_s=since_s - BLOCK_S) if one.mark == "real"]
    return np.array(
        [
            value
            for at_s, value in ledger.blocks(camera, stream, since_s)
            if not any(one.start_s < at_s + BLOCK_S and at_s <= one.end_s for one in real)
        ],
        dtype=np.float64,
    )


def label_of(reasons: Mapping[str, Any]) -> str | None:
    """The class of the nearest anomalous trace."""
    nearest = reasons.get("anomalous") or []
    return str(nearest[0][2]) if nearest else None
