"""Small drawn footage for joint training: two events that look different, move differently and have words."""

from __future__ import annotations

import numpy as np

from traces_core.context_aware.corpus import JointCorpus, NormalVideo
from traces_core.context_aware.model import ContextAware
from traces_core.context_aware.predictive.settings import PredictorSettings
from traces_core.context_aware.saved import Blueprint
from traces_core.context_aware.settings import ContextGateSettings, JointSettings
from traces_core.context_aware.views import Views

D, D_TIME, S, CHANNELS, EDGE, BLOCKS = 8, 6, 5, 3, 2, 4
EVENTS = ("walk|street", "sit|street", "walk|shop")
PREDICTOR = PredictorSettings(
    dimensions=4, hidden=6, steps_ahead=2, blocks=BLOCKS, steps=4, batch=4, evaluate_every=2
)
JOINT = JointSettings(hidden=8, steps=8, batch=6, evaluate_every=2, learning_rate=0.01)


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def make_views(rng: np.random.Generator, event: int = 0, blocks: int = BLOCKS) -> Views:
    """A video of one event: its appearance says a little of it, its tokens say it plainly."""
    means = np.random.default_rng(7)
    look, motion, place = (means.normal(size=(3, width)) for width in (D, D_TIME, S))
    phase = rng.uniform(0, 2 * np.pi)
    wave = np.sin(phase + np.arange(blocks)[:, None, None, None] + np.arange(CHANNELS)[:, None, None])
    return Views(
        times_s=0.5 * np.arange(blocks),
        appearance=unit(look.mean(axis=0) + 0.3 * look[event] + 0.3 * rng.normal(size=(blocks, D))),
        time=(motion[event] + 0.1 * rng.normal(size=(blocks, D_TIME))).astype(np.float32),
        scenes=unit(place[event // 2] + 0.1 * rng.normal(size=(blocks, S))),
        grids=(wave + 0.1 * rng.normal(size=(blocks, CHANNELS, EDGE, EDGE))).astype(np.float32),
    )


def make_corpus(videos: int = 18, seed: int = 0) -> JointCorpus:
    rng = np.random.default_rng(seed)
    normal = [
        NormalVideo(f"v{i:02d}", make_views(rng, i % 3), [EVENTS[i % 3]] * BLOCKS) for i in range(videos)
    ]
    words = np.random.default_rng(8)
    return JointCorpus(normal, {name: unit(words.normal(size=(3, D))) for name in EVENTS}, BLOCKS)


def make_blueprint(joint: JointSettings = JOINT, gate: str = "sigmoid") -> Blueprint:
    kind = ContextGateSettings(kind=gate).kind
    return Blueprint(joint, kind, PREDICTOR, CHANNELS, D, D_TIME, S)


def make_model(joint: JointSettings = JOINT, gate: str = "sigmoid") -> ContextAware:
    return make_blueprint(joint, gate).build()
