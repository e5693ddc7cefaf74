"""How steps hang together: each by the artifacts that its parameters are named after.

    Artifacts(project)["benchmark_metrics"]        and everything above it, from the store or made

The parameters of a step are its inputs: here, in the graph of Dagster (`assets`, which a test compares), and
so in DVC. A parameter of type `Artifact` is the part of the same key, or the whole where there are no parts;
a list is every part.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_type_hints

from traces_core.project import Project
from traces_core.steps import (
    adapters,
    bank,
    benchmark,
    calibration,
    captions,
    context_aware,
    context_scores,
    corpus,
    features,
    footage,
    grids,
    model,
    scores,
)
from traces_core.store import Artifact

Step = Callable[..., Artifact]

BY_CONTEXT: tuple[Step, ...] = (corpus.trace_corpus, bank.trace_embeddings)
BY_SHARD: tuple[Step, ...] = (
    features.video_features,
    scores.anomaly_scores,
    calibration.alarms,
    grids.patch_grids,
    context_scores.context_aware_scores,
    context_scores.context_aware_alarms,
)
WHOLE: tuple[Step, ...] = (
    bank.trace_index,
    footage.practice_footage,
    footage.videos,
    footage.annotations,
    adapters.adapters,
    calibration.thresholds,
    benchmark.benchmark_metrics,
    benchmark.benchmark_report,
    model.detector_model,
    context_aware.predictor,
    context_aware.context_gate,
    context_scores.context_aware_thresholds,
    captions.caption_embeddings,
    captions.caption_scores,
)
STEPS: dict[str, Step] = {step.__name__: step for step in (*BY_CONTEXT, *BY_SHARD, *WHOLE)}
"""Every step that can be asked for by the name of its artifact."""

KEYS = ("context", "shard", "camera")
"""Parameters that say which part is made."""
NO_INPUTS = ("project", "tracker", *KEYS)
"""Parameters that are handed no artifact, of a step and of an asset; an asset's `context` is Dagster's."""


@cache
def inputs_of(step: Callable[..., Any]) -> dict[str, bool]:
    """The inputs of a step, or an asset, by name, in its order; True where it takes every part as a list."""
    hints = get_type_hints(step)
    positional = [
        name
        for name, one in inspect.signature(step).parameters.items()
        if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and name not in NO_INPUTS
    ]
    return {name: hints[name] == list[Artifact] for name in positional}


def keys_of_step(step: Callable[..., Any]) -> list[str]:
    """Parameters of a step that say which part it makes."""
    return [name for name in KEYS if name in inspect.signature(step).parameters]


@dataclass
class Artifacts:
    """Artifacts by name, from the project's store, or made when first asked for."""

    project: Project
    """Store, settings and encoders."""
    known: dict[str, Artifact | list[Artifact]] = field(default_factory=dict)
    """What is given, and what was made."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By step: further arguments, such as which fusion scores."""

    def __getitem__(self, name: str) -> Any:
        """One artifact, or a list of its parts.

        Raises
        ------
        KeyError
            If no step has that name.
        """
        if name not in self.known:
            step = STEPS[name]
            made = [self._made(step, key) for key in self._keys(step)]
            self.known[name] = made if step in (*BY_CONTEXT, *BY_SHARD) else made[0]
        return self.known[name]

    def _keys(self, step: Step) -> list[str | None]:
        if step in BY_CONTEXT:
            return [*corpus.contexts_in_use(self.project)]
        if step in BY_SHARD:
            return [*footage.shard_names(self.project.settings.footage.shards)]
        return [None]

    def _made(self, step: Step, key: str | None) -> Artifact:
        handed: dict[str, Any] = dict.fromkeys(keys_of_step(step), key)
        for name, takes_all in inputs_of(step).items():
            above = self[name]
            is_part = isinstance(above, list) and not takes_all
            handed[name] = next(one for one in above if one.key == key) if is_part else above
        return step(self.project, **handed, **self.options.get(step.__name__, {}))
