"""Chapter 16. UCSD Ped2: real footage, learned from its normal training clips, judged on its test clips.

ped2_motion ─┬─> ped2_predictor/<seed> ──> ped2_scores/<seed> ─┬─> ped2_results
             └─────────────────────────────────────────────────┘

Needs the folder that TRACES_REAL_DATA names; `make benchmark-ped2` makes the chapter, nothing else does. Its
seeds are those of the settings when the graph is loaded.
"""

import json
from collections.abc import Mapping
from functools import partial

import dagster as dg

from pipelines.automation import GPU
from pipelines.mlflow_links import mlflow_run
from pipelines.reporting import report
from pipelines.resources import TrackerResource, WorkshopResource
from pipelines.tracking import TrackedRun, Tracker
from traces_core.settings import Settings
from traces_core.steps import ped2
from traces_core.store import Artifact

EXPERIMENT = "traces ped2"
SEEDS = Settings.load().ped2.seeds


@dg.asset(kinds={"pytorch"}, code_version=ped2.MOVING)
def ped2_motion(workshop: WorkshopResource) -> dg.MaterializeResult:
    """Carried motion of every clip: how fast what is at a place has been moving."""
    found = ped2.ped2_motion(workshop.open())
    return report(found, **found.facts)


def _predictor(seed: int) -> dg.AssetsDefinition:
    @dg.asset(
        key=["ped2_predictor", str(seed)],
        kinds={"pytorch"},
        deps=["ped2_motion"],
        code_version=ped2.LEARNING,
        description=f"The coder trained on the normal clips with seed {seed}, and what it expects of them.",
        pool=GPU,
    )
    def train(context: dg.AssetExecutionContext, workshop: WorkshopResource) -> dg.MaterializeResult:
        shop = workshop.open()

        def told(point: ped2.TrainingPoint) -> None:
            context.log.info(f"step {point.step}: normal validation loss {point.validation_loss:.3f}")

        learned = ped2.ped2_predictor(shop, ped2.ped2_motion(shop), seed, progress=told)
        return report(learned, cpu_s=learned.facts["cpu_s"], best_step=learned.facts["best_step"])

    return train


def _scores(seed: int) -> dg.AssetsDefinition:
    @dg.asset(
        key=["ped2_scores", str(seed)],
        kinds={"mlflow"},
        deps=[["ped2_predictor", str(seed)]],
        code_version=ped2.LEARNING,
        description=f"Surprise maps and scores of the test clips, of seed {seed}; and its numbers in MLflow.",
        pool=GPU,
    )
    def score(
        context: dg.AssetExecutionContext, workshop: WorkshopResource, tracker: TrackerResource
    ) -> dg.MaterializeResult:
        shop, runs = workshop.open(), tracker.open()
        learned, scores = ped2.ped2_seed(shop, seed)
        row = ped2.ped2_row(shop, scores, seed)
        log = partial(_seed_run, runs, learned, scores, row)
        return report(scores, auc=row["auc"], **mlflow_run(context, runs, scores.recipe, log))

    return score


def _seed_run(
    tracker: Tracker,
    learned: Artifact,
    scores: Artifact,
    row: Mapping[str, object],
    tags: Mapping[str, str],
) -> TrackedRun:
    """The MLflow run of one seed: settings, curve, numbers and weights."""

    def fill(run: TrackedRun) -> None:
        settings = Settings.load().ped2
        run.params({"seed": row["seed"], **settings.model_dump(mode="json", exclude={"seeds"})})
        for point in learned.facts["curve"]:
            curve = {name: value for name, value in point.items() if name != "step" and value is not None}
            run.metrics(curve, step=point["step"])
        names = ("auc", "auc_low", "auc_high", "auc_macro", "average_precision", "detection_delay_s")
        run.metrics({name: row[name] for name in names if row[name] is not None})
        run.content("row.json", json.loads(json.dumps(row)))
        run.file(learned.path)

    told = {**tags, "recipe": scores.recipe, "kind": "seed"}
    return tracker.once(f"ped2 seed {row['seed']}", told, fill, experiment=EXPERIMENT)


PREDICTORS = [_predictor(seed) for seed in SEEDS]
SCORES = [_scores(seed) for seed in SEEDS]


@dg.asset(
    kinds={"markdown"},
    deps=["ped2_motion", *(["ped2_scores", str(seed)] for seed in SEEDS)],
    code_version=ped2.LEARNING,
)
def ped2_results(workshop: WorkshopResource) -> dg.MaterializeResult:
    """All seeds against the labels, with baselines: `reports/ped2.json`."""
    found = ped2.ped2_results(workshop.open())
    said = found.read()
    return report(found, auc=said["auc"], auc_macro=said["auc_macro"])
