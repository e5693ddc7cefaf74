"""An experiment. UCSD Ped2: real footage, learned from its normal training clips, judged on its test clips.

ped2_foreground/<seed> ─> ped2_foreground_scores/<seed> ─────────────────────┐
ped2_motion/train ─────┐                                                     ├─> ped2_results
ped2_predictor/<seed> ─> ped2_expectation/<seed> ─┬─> ped2_scores/<seed> ────┘
ped2_motion/test ─────────────────────────────────┘

`ped2_scores` takes the predictor, too, and `ped2_results` everything. Needs the folder that TRACES_REAL_DATA
names; `make benchmark-ped2` makes the chapter, nothing else does. Its settings are those of params.yaml
beside this file when the graph is loaded.
"""

import json
from collections.abc import Mapping
from functools import partial

import dagster as dg

from experiments.ped2 import foreground, results
from experiments.ped2.coding import steps as coding
from experiments.ped2.dataset import PARTS
from experiments.ped2.results import CODED, FOREGROUND
from experiments.ped2.settings import Ped2Settings
from pipelines.asset import asset
from pipelines.automation import GPU
from pipelines.mlflow_links import mlflow_run
from pipelines.reporting import report
from pipelines.tracked_run import RunLog
from pipelines.tracking import LoggedRun, Tracker
from traces_core.metrics import numbers_of
from traces_core.project import Project
from traces_core.store import Artifact

EXPERIMENT = "traces ped2"
SETTINGS = Ped2Settings.load()
OF_SEEDS = ("ped2_foreground", "ped2_foreground_scores", "ped2_predictor", "ped2_expectation", "ped2_scores")
"""Assets that there is one of for each seed."""


def _of(name: str, *parts: object) -> list[dg.AssetKey]:
    """The assets of some parts or seeds."""
    return [dg.AssetKey([name, str(part)]) for part in parts]


def _motion(part: str) -> dg.AssetsDefinition:
    @asset(
        key=["ped2_motion", part],
        kinds={"pytorch"},
        moves=False,
        description=f"Carried motion of the clips of {part}/: how fast what is at a place has been moving.",
        pool=GPU,
    )
    def move(project: Project) -> dg.MaterializeResult:
        motion = coding.ped2_motion(project, SETTINGS, part)
        return report(motion, **motion.facts)

    return move


def _predictor(seed: int) -> dg.AssetsDefinition:
    @asset(
        key=["ped2_predictor", str(seed)],
        kinds={"pytorch"},
        moves=False,
        description=f"The coder trained on the normal clips, with seed {seed}.",
        pool=GPU,
    )
    def train(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult:
        def log(step: int, metrics: Mapping[str, float]) -> None:
            context.log.info(f"step {step}: normal validation loss {metrics['validation_loss']:.3f}")

        learned = coding.ped2_predictor(project, SETTINGS, seed, progress=log)
        return report(learned, cpu_s=learned.facts["cpu_s"], best_step=learned.facts["best_step"])

    return train


def _expectation(seed: int) -> dg.AssetsDefinition:
    @asset(
        key=["ped2_expectation", str(seed)],
        kinds={"pytorch"},
        moves=False,
        inputs={"ped2_predictor": _of("ped2_predictor", seed), "ped2_motion": _of("ped2_motion", "train")},
        description=f"How much motion the coder of seed {seed} expects at each place of the normal clips.",
        pool=GPU,
    )
    def expect(project: Project, ped2_predictor: Artifact, ped2_motion: Artifact) -> dg.MaterializeResult:
        expectation = coding.ped2_expectation(project, SETTINGS, seed, ped2_predictor, ped2_motion)
        return report(expectation, **expectation.facts)

    return expect


def _scores(seed: int) -> dg.AssetsDefinition:
    @asset(
        key=["ped2_scores", str(seed)],
        kinds={"mlflow"},
        moves=False,
        inputs={
            "ped2_predictor": _of("ped2_predictor", seed),
            "ped2_expectation": _of("ped2_expectation", seed),
            "ped2_motion": _of("ped2_motion", "test"),
        },
        description=f"Surprise maps and scores of the test clips, of seed {seed}; and its numbers in MLflow.",
        pool=GPU,
    )
    def score(
        context: dg.AssetExecutionContext,
        project: Project,
        tracker: Tracker,
        ped2_predictor: Artifact,
        ped2_expectation: Artifact,
        ped2_motion: Artifact,
    ) -> dg.MaterializeResult:
        above = (ped2_predictor, ped2_expectation, ped2_motion)
        scores = coding.ped2_scores(project, SETTINGS, seed, *above)
        return _judged(context, tracker, CODED, seed, ped2_predictor, scores)

    return score


def _foreground(seed: int) -> dg.AssetsDefinition:
    @asset(
        key=["ped2_foreground", str(seed)],
        kinds={"pytorch"},
        moves=False,
        description=f"What the foreground of the normal clips does and looks like, learned with seed {seed}.",
        pool=GPU,
    )
    def learn(project: Project) -> dg.MaterializeResult:
        learned = foreground.ped2_foreground(project, SETTINGS, seed)
        return report(learned, **learned.facts)

    return learn


def _foreground_scores(seed: int) -> dg.AssetsDefinition:
    @asset(
        key=["ped2_foreground_scores", str(seed)],
        kinds={"mlflow"},
        moves=False,
        inputs={"ped2_foreground": _of("ped2_foreground", seed)},
        description=f"Surprise of the test clips' foreground, of seed {seed}; and its numbers in MLflow.",
        pool=GPU,
    )
    def score(
        context: dg.AssetExecutionContext, project: Project, tracker: Tracker, ped2_foreground: Artifact
    ) -> dg.MaterializeResult:
        scores = foreground.ped2_foreground_scores(project, SETTINGS, seed, ped2_foreground)
        return _judged(context, tracker, FOREGROUND, seed, ped2_foreground, scores)

    return score


def _judged(
    context: dg.AssetExecutionContext,
    tracker: Tracker,
    stream: str,
    seed: int,
    learned: Artifact,
    scores: Artifact,
) -> dg.MaterializeResult:
    """Scores of a stream against the labels, with their run in MLflow."""
    row = results.ped2_row(seed, scores, stream)
    log = partial(_seed_run, tracker, stream, learned, scores, row)
    return report(scores, auc=row["auc"], **mlflow_run(context, tracker, scores.recipe, log))


def _seed_run(
    tracker: Tracker,
    stream: str,
    learned: Artifact,
    scores: Artifact,
    row: Mapping[str, object],
    tags: Mapping[str, str],
) -> LoggedRun:
    """The MLflow run of one stream and seed: settings, curve where there is one, numbers and weights."""

    def fill(run: RunLog) -> None:
        settings = SETTINGS.model_dump(mode="json", exclude={"seeds"})
        run.params({"seed": row["seed"], **settings})
        for point in learned.facts.get("curve", ()):
            curve = {name: value for name, value in point.items() if name != "step" and value is not None}
            run.metrics(curve, step=point["step"])
        run.metrics(numbers_of(row))
        run.content("row.json", json.loads(json.dumps(row)))
        run.file(learned.path)

    own = {**tags, "recipe": scores.recipe, "kind": "seed"}
    return tracker.once(f"ped2 {stream}, seed {row['seed']}", own, fill, experiment=EXPERIMENT)


MOTION = [_motion(part) for part in PARTS]
PREDICTORS = [_predictor(seed) for seed in SETTINGS.seeds]
EXPECTATIONS = [_expectation(seed) for seed in SETTINGS.seeds]
SCORES = [_scores(seed) for seed in SETTINGS.seeds]
FOREGROUNDS = [_foreground(seed) for seed in SETTINGS.seeds]
FOREGROUND_SCORES = [_foreground_scores(seed) for seed in SETTINGS.seeds]


@asset(
    kinds={"markdown"},
    moves=False,
    inputs={
        "ped2_motion": _of("ped2_motion", *PARTS),
        **{name: _of(name, *SETTINGS.seeds) for name in OF_SEEDS},
    },
)
def ped2_results(
    project: Project,
    ped2_foreground: list[Artifact],
    ped2_foreground_scores: list[Artifact],
    ped2_motion: list[Artifact],
    ped2_predictor: list[Artifact],
    ped2_expectation: list[Artifact],
    ped2_scores: list[Artifact],
) -> dg.MaterializeResult:
    """All seeds against the labels, with baselines: `reports/ped2.json`."""
    of_foreground = (ped2_foreground, ped2_foreground_scores)
    of_coding = (ped2_motion, ped2_predictor, ped2_expectation, ped2_scores)
    gathered = results.ped2_results(project, SETTINGS, *of_foreground, *of_coding)
    numbers = gathered.read()
    return report(gathered, auc=numbers["auc"], auc_macro=numbers["auc_macro"])
