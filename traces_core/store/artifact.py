"""One artifact: what it is called, where it lies, and what it was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from safetensors import SafetensorError
from safetensors.numpy import load_file

from traces_core.errors import CorruptArtifactError

Lineage = Mapping[str, str]
"""By `name/key`: the fingerprint of each artifact that another one was made from, direct or not."""
ONLY = "all"
"""The key of an artifact that has no parts."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something made, where it lies, and what it was made from."""

    name: str
    """Which asset it belongs to."""
    key: str
    """Which part of it: a context, a shard, a video; `all` where there are no parts."""
    path: Path
    """The file or folder."""
    recipe: str
    """Fingerprint of everything it was made from."""
    fingerprint: str
    """Fingerprint of its content."""
    computed: bool
    """Whether this call computed it; False where it was found."""
    seconds: float
    """How long the computation took when it was made."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Small numbers about it that its maker wanted kept."""
    lineage: Lineage | None = None
    """What it was made from, up to the sources; None where that was not recorded."""

    @property
    def part(self) -> str:
        """Name and key, as a lineage has them."""
        return f"{self.name}/{self.key}"

    def read(self) -> Any:
        """Load the value: a data frame, arrays by name, or what JSON holds; a folder gives its path."""
        try:
            match self.path.suffix:
                case ".parquet":
                    return pl.read_parquet(self.path, glob=False)
                case ".safetensors":
                    return load_file(self.path)
                case ".json":
                    return json.loads(self.path.read_text(encoding="utf-8"))
                case _:
                    return self.path
        except (OSError, ValueError, SafetensorError, pl.exceptions.PolarsError) as error:
            raise CorruptArtifactError(self.path, f"cannot be read ({error})") from error
