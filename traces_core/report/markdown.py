"""The results as a page of Markdown: what `make benchmark` writes to docs/results.md.

The same rows as the HTML page; words about what they mean are written by hand, in `_MEANING`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from traces_core.metrics import columns_of
from traces_core.printing import markdown
from traces_core.report.model import Row, label, number

_COLUMNS = columns_of(
    "auc", "auc_anomalous", "average_precision", "false_alarms_per_hour_at_recall", "detection_delay_s"
)

_DRAWN = """\
Practice footage, pocket encoders: the numbers show that the system works, and what its parts are worth in
this small world. They say nothing about UCF-Crime or about your cameras."""
_MEANING = """\
{about} All streams are causal: a score at
time t rests on frames up to t. Frame AUC ranks every frame of every benchmark video at once; the interval is
the middle 95 % of bootstrap draws of whole videos. Chance is 0.5 in AUC and the anomalous share in average
precision. Rows named offline know the whole video, rows named oracle the answer.
"""


def results_markdown(
    rows: Sequence[Row],
    baselines: Sequence[Row],
    ablations: Mapping[str, Sequence[Row]],
    provenance: Mapping[str, str],
    titles: Mapping[str, str],
    about: str | None = None,
) -> str:
    """The whole page.

    Parameters
    ----------
    rows, baselines, ablations
        As in `BenchmarkReport`.
    provenance
        Where the numbers come from, name by name.
    titles
        The question of each ablation, by its name.
    about
        What the footage is, and what numbers of it mean; the practice world by default.
    """
    parts = [
        "# Results",
        "Made by `make benchmark`; do not edit by hand. Real footage: [results-real.md](results-real.md).",
        _MEANING.format(about=about or _DRAWN),
        "## Streams, and what costs nothing or cheats",
        table([*rows, *baselines], [("stream", label), *number_columns(_COLUMNS)]),
        *_fusions_compared(ablations.get("fusion", ())),
        *(part for name, some in ablations.items() for part in _ablation(titles.get(name, name), some)),
        "## Provenance",
        "\n".join(f"- {name}: `{value}`" for name, value in provenance.items()),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def pooled(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows of one variant and stream as one: mean AUC over the seeds, standard deviation, their count.

    Examples
    --------
    >>> rows = [{"variant": "a", "stream": "s", "auc": auc} for auc in (0.5, 0.7)]
    >>> pooled(rows)[0]["auc"]
    0.6
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((str(row["variant"]), str(row["stream"])), []).append(row)
    pooled_rows = []
    for (variant, stream), some in groups.items():
        aucs = [float(row["auc"]) for row in some if row["auc"] is not None]
        pooled_rows.append(
            {
                **(some[0] if len(some) == 1 else {}),  # an interval belongs to one seed
                "variant": variant,
                "stream": stream,
                "auc": statistics.fmean(aucs) if aucs else None,
                "auc_std": statistics.stdev(aucs) if len(aucs) > 1 else None,
                "seeds": len(some),
            }
        )
    return pooled_rows


def _fusions_compared(rows: Sequence[Row]) -> list[str]:
    """One sentence on whether the paper's fusion beats concatenation here."""
    by_variant = {row["variant"]: row for row in pooled(rows)}
    ours, other = by_variant.get("cross_attention"), by_variant.get("concatenation")
    if not ours or not other or ours["auc"] is None or other["auc"] is None:
        return []
    gap = ours["auc"] - other["auc"]
    spread = max(ours["auc_std"] or 0.0, other["auc_std"] or 0.0)
    verdict = "more than the spread of the seeds" if gap > spread else "no more than the spread of the seeds"
    return [
        f"Cross-attention against concatenation: {gap:+.3f} AUC (mean of {ours['seeds']} seeds), {verdict}"
        f" ({spread:.3f}). "
        + ("It beats it." if gap > spread else "The fusion of the paper does not beat concatenation here.")
    ]


def _ablation(title: str, rows: Sequence[Row]) -> list[str]:
    numbers = [("AUC, mean", "auc", 3), ("standard deviation", "auc_std", 3), ("seeds", "seeds", 0)]
    if any("auc_with" in row for row in rows):
        numbers = [("AUC without", "auc", 3), ("AUC with", "auc_with", 3)]
    columns = [("variant", lambda row: str(row["variant"])), ("stream", lambda row: str(row["stream"]))]
    return [f"## {title.strip()}", table(pooled(rows), [*columns, *number_columns(numbers)])]


def number_columns(columns: Sequence[tuple[str, str, int]]) -> list[tuple[str, Callable[[Row], str]]]:
    """Columns of `table`: heading, key and decimals each; with the interval where a row has one."""

    def cell_of(key: str, digits: int) -> Callable[[Row], str]:
        def cell(row: Row) -> str:
            value = number(row, key)
            if value is None:
                return "–"
            low, high = (number(row, f"{key}_{end}") for end in ("low", "high"))
            interval = (
                f" ({low:.{digits}f} to {high:.{digits}f})" if low is not None and high is not None else ""
            )
            return f"{value:.{digits}f}{interval}"

        return cell

    return [(heading, cell_of(key, digits)) for heading, key, digits in columns]


def table(rows: Sequence[Row], columns: Sequence[tuple[str, Any]]) -> str:
    """A table: a heading and a function from a row to its cell for each column."""
    head = "| " + " | ".join(heading for heading, _ in columns) + " |"
    rule = "| " + " | ".join("---" for _ in columns) + " |"
    lines = [
        "| " + " | ".join(markdown(cell(row).replace("_", " ")) for _, cell in columns) + " |" for row in rows
    ]
    return "\n".join([head, rule, *lines])
