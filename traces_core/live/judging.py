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
from traces_core.streams.promise import DAY_S, promise
from traces_core.streams.scorer import BankScorer
from traces_core.streams.thresholds import Threshold
from traces_core.text.catalog import read_catalog
from traces_core.text.corpus import write_corpus
from traces_core.types import Array, Place

BY_HAND = "set by hand"
REMEMBERED_S = 28 * DAY_S
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

    The one that a person set for it; else the one that keeps the promise of `alarms_per_day` by its own
    blocks of the last four weeks, once there are enough of them; else the detector's.
    """
    known = detector.thresholds[stream]
    if (chosen := ledger.thresholds(camera.name).get(stream)) is not None:
        return replace(known, value=chosen), BY_HAND
    begins_s, highest = _normal_blocks(ledger, camera.name, stream, now_s - REMEMBERED_S)
    own = promise(
        begins_s,
        highest,
        alarms_per_day=camera.alarms_per_day,
        confidence=camera.confidence,
        block_s=BLOCK_S,
    )
    if own.value is None:
        rate = f"{known.false_alarms_per_hour:g} false alarms an hour"
        return known, f"of the graph's normal footage, made for {rate}; of its own, {own}"
    made = replace(
        known,
        value=own.value,
        false_alarms_per_hour=camera.alarms_per_day / 24,
        expected_false_alarms_per_hour=own.rank / (own.blocks + 1) * 3600 / BLOCK_S,
        blocks=own.blocks,
        block_s=BLOCK_S,
        resolution=1 / (own.blocks + 1),
    )
    return made, f"its own: {own}"


def _normal_blocks(
    ledger: Ledger, camera: str, stream: str, since_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each block since a time (seconds) began, and its highest score; those of real alarms left out."""
    rows = np.array(ledger.blocks(camera, stream, since_s), dtype=np.float64).reshape(-1, 2)
    begins_s, highest = rows.T
    is_real = np.zeros(len(rows), dtype=bool)
    for one in ledger.alarms(camera=camera, since_s=since_s - BLOCK_S, mark="real", most=100_000):
        is_real |= (begins_s > one.start_s - BLOCK_S) & (begins_s <= one.end_s)
    return begins_s[~is_real], highest[~is_real]


def label_of(reasons: Mapping[str, Any]) -> str | None:
    """The class of the nearest anomalous trace."""
    nearest = reasons.get("anomalous") or []
    return str(nearest[0][2]) if nearest else None
