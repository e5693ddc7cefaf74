"""The errors of TRACES: each says where it happened, what was found, what was expected, what to do next.

Every error that a caller may want to catch belongs here, under one base. Errors about Dagster, DVC or
MLflow do not: those live in `pipelines`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from traces_core.redaction import redacted


class TracesError(Exception):
    """Base of every error that TRACES raises on purpose; none shows a password."""

    def __init__(self, *said: object) -> None:
        super().__init__(*redacted(said))


class StorageError(TracesError, OSError):
    """The operating system refused to read or write something; the file itself may be sound."""

    def __init__(self, path: Path | str, problem: str, *, do: str, code: int | None = None) -> None:
        super().__init__(f"{Path(path)}: {problem}. {do}")
        self.errno, self.problem, self.do = code, problem, do


class VideoError(TracesError, ValueError):
    """A video cannot be read, or holds nothing that could be scored."""

    def __init__(self, path: Path | str, problem: str, *, do: str) -> None:
        # A camera's address may hold a password; the name of a file stays what it is.
        self.path = Path(redacted(str(path)) if "://" in str(path) else path)
        self.problem = redacted(problem)
        super().__init__(f"{path}: {problem}. {do}")


class DamagedVideoError(VideoError):
    """Damage cost a video pictures: what can be decoded was given."""

    def __init__(self, path: Path | str, problem: str, *, at_s: float, frames: int) -> None:
        self.at_s = at_s
        self.frames = frames
        do = (
            f"The {frames} frames that can be decoded were given; for the rest copy it again from its source."
        )
        super().__init__(
            path, f"damaged at {at_s:.2f} s: {problem}", do=f"{do} `traces probe` says what is seen of it."
        )


class MixedVersionsError(TracesError, ValueError):
    """Artifacts met in one step that were made from different versions of one thing."""

    def __init__(self, where: str, part: str, *made: tuple[str, str]) -> None:
        parts = [
            f"{part} is {version} now" if holder == part else f"{holder} was made from {part} of {version}"
            for holder, version in made
        ]
        behind = {holder.partition("/")[0]: None for holder, _ in made if holder != part}
        selection = " or ".join(f"+key:{one}" for one in behind)
        super().__init__(
            f"{where}: {', but '.join(parts)}. They do not belong together, so nothing was made. "
            f"Make what is behind first: .venv/bin/traces make '{selection}'"
        )


class MixedSpacesError(TracesError, ValueError):
    """Vectors made by two different encoders met in one computation."""

    def __init__(
        self,
        *,
        here: str,
        there: str,
        where: str,
        what: str = "the bank was built with",
        do: str = "Rebuild the bank with the first encoder: .venv/bin/traces make 'trace_embeddings+'",
    ) -> None:
        super().__init__(
            f"{where}: these vectors come from {here!r}, but {what} {there!r}. "
            f"Cosines between two encoders mean nothing. {do}"
        )


class CatalogError(TracesError, ValueError):
    """A file of the catalog does not say what a catalog must say."""

    def __init__(self, path: Path | str, line: int | None, problem: str, *, do: str) -> None:
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {problem}. {do}")


class WriterUnavailableError(TracesError, RuntimeError):
    """The model that should write traces or captions is not there, or does not answer."""

    def __init__(self, writer: str, problem: str, *, do: str, setting: str = "corpus.writer") -> None:
        super().__init__(f"{setting} {writer!r}: {problem}. {do}")


class BudgetSpentError(TracesError, RuntimeError):
    """A writer may ask no more: the requests, tokens or seconds it was given are spent."""

    def __init__(self, spent: str, *, variable: str) -> None:
        super().__init__(
            f"the writer stopped: {spent}. Every reply it had is kept, and the next run asks only for what "
            f"is missing. Run it again, or set {variable} higher."
        )


class ReplyError(TracesError, ValueError):
    """A language model answered, but with nothing that could become a trace."""

    def __init__(self, problem: str, *, do: str) -> None:
        super().__init__(f"{problem}. {do}")


class EmptySideError(TracesError, ValueError):
    """A bank lacks its normal or its anomalous side, so there is nothing to compare with."""

    def __init__(self, side: str, where: str) -> None:
        super().__init__(
            f"{where}: the {side} side of the bank is empty. A score is the difference of two sides. "
            f"Write at least one {side} sentence for it in catalog/."
        )


class MissingWeightsError(TracesError, FileNotFoundError):
    """The weights of an encoder are not where the settings say, and cannot be fetched."""

    def __init__(self, model: str, expected: str, *, why: str) -> None:
        super().__init__(
            f"{model}: weights not found ({why}). Expected: {expected}. "
            "Connect to the model hub once, or put the files there and name the folder in params.yaml."
        )


class SettingsError(TracesError, ValueError):
    """The settings file holds something that no setting is, or a value out of its bounds."""

    def __init__(
        self,
        path: Path | str,
        problem: str,
        do: str = "`traces settings` lists every setting with its unit and bounds",
    ) -> None:
        super().__init__(f"{path}: {problem}. {do}.")


class MissingArtifactError(TracesError, FileNotFoundError):
    """Something the graph makes has not been made yet."""

    def __init__(self, name: str, where: Path | str, key: str | None = None) -> None:
        one = f", `.venv/bin/traces make '+key:{name}'` this and what it needs" if name.isidentifier() else ""
        what = f"{name} [{key}]" if key else name
        super().__init__(f"{what} is not in {where}. Make it first: `make demo` makes the detector{one}.")


class CorruptArtifactError(TracesError, ValueError):
    """A stored file is not the one that was written: cut short, or changed by something else."""

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__(f"{path}: {problem}. Delete it and materialize again; nothing else is lost.")


class DamagedPackError(TracesError, ValueError):
    """A pack that a version of the data rests on is missing or damaged."""

    def __init__(self, pack: Path, problem: str) -> None:
        super().__init__(
            f"{pack}: this pack cannot be laid out ({problem}). Fetch it: dvc checkout, or dvc pull. To do "
            "without it, delete it and packs.json beside it: what it held is rebuilt."
        )


class AnnotationError(TracesError, ValueError):
    """A ground truth does not fit the videos it is meant for, or contradicts itself."""


class TooLittleFootageError(TracesError, ValueError):
    """The normal footage is too short to support the false-alarm rate that was asked for."""


class NotFiniteError(TracesError, ValueError):
    """A computation was handed, or gave, NaN or infinity."""


class WindowShapeError(TracesError, ValueError):
    """Frames, tokens and a fusion do not fit each other."""

    def __init__(self, where: str, *, actual: str, expected: str) -> None:
        super().__init__(
            f"{where}: found {actual}, expected {expected}. "
            "Extract the features and train the fusion with the same params.yaml."
        )


class TrainingCorpusError(TracesError, ValueError):
    """A captioned corpus cannot train a fusion: too few clips, a window without a caption, one event only."""


class ContextAwareError(TracesError, ValueError):
    """The settings of joint training and what it is given do not belong together."""


class StreamScaleError(TracesError, ValueError):
    """A stream of scores has no scale: never calibrated, or constant on all normal footage."""


class EvaluationError(TracesError, ValueError):
    """Scores do not fit the ground truth they are to be judged by: videos missing, unknown, or mixed."""


class CaptionError(TracesError, ValueError):
    """A table of captions cannot be read, contradicts itself, or lacks what it must say."""


class NoClassesError(TracesError, ValueError):
    """A scorer that only tells normal from anomalous was asked which anomaly it is."""

    def __init__(self, scorer: str) -> None:
        super().__init__(
            f"class_scores: the scorer {scorer!r} knows no classes, only the two sides of the bank. "
            "Ask one that compares with each class, such as difference (scoring.scorer)."
        )


class UnknownNameError(TracesError, ValueError):
    """No context, class or trace has the name that was asked for."""

    def __init__(self, what: str, name: str, known: Iterable[str], *, where: str) -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        known_text = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
        super().__init__(f"{where}: there is no {what} named {name!r}. {hint}Known: {known_text or 'none'}.")


class NotUnitNormError(TracesError, ValueError):
    """Vectors that should lie on the unit sphere do not, so their products are not cosines."""

    def __init__(self, row: int, norm: float, *, where: str) -> None:
        super().__init__(
            f"{where}: row {row} has length {norm:.4f}, expected 1. "
            "Divide each vector by its length before it is compared; a zero vector has no direction to keep."
        )
