"""From an artifact to what Dagster shows of it: data version, recipe, whether it was computed."""

from __future__ import annotations

import base64
from typing import Any

import dagster as dg

from traces_core.report.coverage import coverage_markdown, coverage_picture
from traces_core.store import Artifact
from traces_core.text.coverage import Coverage


def report(artifact: Artifact, **metadata: Any) -> dg.MaterializeResult:
    """The materialization of an artifact; its fingerprint is the data version: equal content tells nobody."""
    return dg.MaterializeResult(
        data_version=dg.DataVersion(artifact.fingerprint),
        metadata={
            "computed": artifact.computed,
            "seconds": artifact.seconds,
            "recipe": artifact.recipe,
            "file": dg.MetadataValue.path(str(artifact.path)),
            **metadata,
        },
    )


def picture(png: bytes, alt: str) -> dg.MarkdownMetadataValue:
    """A picture that Dagster's UI shows in place."""
    return dg.MetadataValue.md(f"![{alt}](data:image/png;base64,{base64.b64encode(png).decode()})")


def shown_coverage(coverage: Coverage, of: str) -> dict[str, Any]:
    """What a corpus covers, as metadata: its smallest gap as a number to follow, its table, its picture."""
    return {
        "smallest_gap": coverage.smallest_gap,
        "coverage": dg.MetadataValue.md(coverage_markdown(coverage)),
        "picture": picture(coverage_picture(coverage), f"What the classes of {of} cover"),
    }
