"""What can go wrong, in words that say where, what was found, what was expected and what to do next.

Every error that a caller may want to catch belongs here, under one base. Errors about Dagster, DVC or
MLflow do not: those live in `pipelines`.
"""

from __future__ import annotations

from pathlib import Path


class TracesError(Exception):
    """Base of every error that TRACES raises on purpose."""


class VideoError(TracesError, ValueError):
    """A video cannot be read, or holds nothing that could be scored."""

    def __init__(self, path: Path | str, found: str, *, do: str) -> None:
        self.path = Path(path)
        self.found = found
        super().__init__(f"{path}: {found}. {do}")


class MixedSpacesError(TracesError, ValueError):
    """Vectors made by two different encoders met in one computation."""

    def __init__(self, *, here: str, there: str, where: str) -> None:
        super().__init__(
            f"{where}: these vectors come from {here!r}, but the bank was built with {there!r}. "
            "Cosines between two encoders mean nothing. "
            "Rebuild the bank with the first encoder: dg launch --assets 'trace_embeddings+'"
        )


class CatalogError(TracesError, ValueError):
    """A file of the catalog does not say what a catalog must say."""

    def __init__(self, path: Path | str, line: int | None, found: str, *, do: str) -> None:
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {found}. {do}")


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

    def __init__(self, path: Path | str, found: str) -> None:
        super().__init__(f"{path}: {found}. `traces settings` lists every setting with its unit and bounds.")


class MissingArtifactError(TracesError, FileNotFoundError):
    """Something the graph makes has not been made yet."""

    def __init__(self, name: str, where: Path | str) -> None:
        super().__init__(
            f"{name} is not in {where}. Make it first: `make demo` makes everything, "
            f"`dg launch --assets '+key:{name}'` this and what it needs."
        )


class CorruptArtifactError(TracesError, ValueError):
    """A stored file is not the one that was written: cut short, or changed by something else."""

    def __init__(self, path: Path | str, found: str) -> None:
        super().__init__(f"{path}: {found}. Delete it and materialize again; nothing else is lost.")


class AnnotationError(TracesError, ValueError):
    """A ground truth does not fit the videos it is meant for, or contradicts itself."""


class TooLittleFootageError(TracesError, ValueError):
    """The normal footage is too short to support the false-alarm rate that was asked for."""


class NotFiniteError(TracesError, ValueError):
    """A computation was handed, or gave, NaN or infinity."""
