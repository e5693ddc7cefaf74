"""What scores of a user's own footage mean, in words: which encoders saw it, whose threshold it is.

Which footage is the practice world's is known by where it lies; which streams rest on which encoders, by the
table of streams.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from traces_core.encoders.evidence import ENCODERS
from traces_core.encoders.pocket_models import is_pocket
from traces_core.project import Project
from traces_core.report import POCKET_NOTICE
from traces_core.settings import Settings
from traces_core.streams.table import STREAMS, in_order, parts_of

PRACTICE = "practice_footage"
"""The artifact that holds the practice world."""


def is_practice(project: Project, path: Path) -> bool:
    """Whether a video was drawn: it lies in the practice world of this store."""
    return path.resolve().is_relative_to((project.store.root / PRACTICE).resolve())


def notices(settings: Settings, streams: Iterable[str], *, of_practice: bool) -> list[str]:
    """What a reader must know of these scores first; nothing where no pocket encoder has a part in them."""
    pocket = pocket_encoders(settings)
    blind = [name for name in in_order(streams) if encoders_of(name) & pocket.keys()]
    if not blind or of_practice:
        return [POCKET_NOTICE] if blind else []
    seeing = [name for name in in_order(streams) if name not in blind]
    means = [*seeing, "captions by a VLM (traces captions write, then traces captions score)"]
    models = ", ".join(dict.fromkeys(pocket.values()))
    return [
        f"These encoders ({models}) have never seen real video: the scores of "
        f"{', '.join(blind)} mean nothing here; what does: {', '.join(means)}; next: docs/full-size.md"
    ]


def pocket_encoders(settings: Settings) -> dict[str, str]:
    """The encoders that were trained on drawn figures only: the model of each, by its section."""
    models = {"clip": settings.clip.model, "timesformer": settings.timesformer.model}
    return {section: model for section, model in models.items() if is_pocket(model)}


def encoders_of(stream: str) -> frozenset[str]:
    """Sections of the encoders that a stream, or what it is a fusion of, rests on.

    >>> sorted(encoders_of("appearance")), sorted(encoders_of("late"))
    (['clip'], ['clip', 'timesformer'])
    """
    needs = STREAMS[stream].needs if stream in STREAMS else ()
    own = frozenset(encoder for kind in needs for encoder in ENCODERS[kind])
    return own.union(*(encoders_of(part) for part in parts_of(stream)))


def data_set_name(settings: Settings, name: str) -> str:
    """What a set of footage is called: as its folder, where that is not the practice world's."""
    folder: str | None = getattr(settings.footage, name)
    return f"{name} set" if folder is None else Path(folder).absolute().name


def threshold_source(settings: Settings) -> str:
    """Which footage the thresholds come from, in words."""
    folder = settings.footage.calibration
    if folder is not None:
        return f"threshold comes from the normal footage in {folder}"
    return "threshold comes from the practice world's normal footage, not from your cameras"
