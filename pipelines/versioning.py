"""DVC beside Dagster: which stage an asset belongs to, what DVC calls an artifact, when DVC records.

    python -m pipelines.versioning stages    writes what the graph declares into dvc.yaml
    python -m pipelines.versioning code      what the code of each stage does: the stage `code` of dvc.yaml
    python -m pipelines.versioning commit    tells DVC what the graph has made; TRACES_DVC=1 after every job

DVC takes a lock on the whole repository: it is called once, after a job, and never from within an asset. The
stages themselves stand in dvc.yaml, what is compared between versions in `traces_core.metrics.curves`, why
all this is so in docs/decisions/0018.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipelines.graph import served
from traces_core.errors import TracesError
from traces_core.metrics.curves import stream_numbers
from traces_core.project import Project
from traces_core.settings import PROFILE_VARIABLE, project_root
from traces_core.steps.benchmark import curve_tables

if TYPE_CHECKING:
    import dagster as dg

CODE = Path("data", "code_versions")
"""One file a stage: the code versions of its assets. Where they are equal, the code does the same."""

ENCODERS = "traces_core/encoders/pocket"
"""Weights that the settings `clip` and `timesformer` mean by default."""

WANTED_VARIABLE = "TRACES_DVC"
STAGE_VARIABLE = "DVC_STAGE"
"""DVC sets it for the commands of its stages."""

READ_FROM = {
    "footage.training": "features",
    "footage.calibration": "features",
    "footage.benchmark": "features",
    "captions.table": "captions",
}
"""Settings that name a file or folder, and the stage that has to depend on it."""

BUSY = "is busy, it is being blocked by"
"""What DVC says of a folder that another process has in hand; unlike for its lock, it does not wait."""
PATIENCE_S = 1800.0


class VersioningError(TracesError, RuntimeError):
    """DVC cannot or must not record: why, and what to do."""


@dataclass(frozen=True)
class Stage:
    """One stage of dvc.yaml."""

    name: str
    selection: str | None
    """Its assets, as Dagster selects them; None where it makes none."""
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]

    def assets(self) -> list[dg.AssetKey]:
        """Keys of its assets, in the order of the graph."""
        import dagster as dg

        if self.selection is None:
            return []
        graph = served().resolve_asset_graph()
        chosen = dg.AssetSelection.from_string(self.selection).resolve(graph)
        return [
            key for key in graph.toposorted_asset_keys if key in chosen and graph.get(key).is_materializable
        ]


def stages(root: Path | None = None) -> dict[str, Stage]:
    """The stages of dvc.yaml by name, in its order."""
    tree = yaml.safe_load(((root or project_root()) / "dvc.yaml").read_text(encoding="utf-8"))
    return {name: _stage(name, about) for name, about in tree["stages"].items()}


def _stage(name: str, about: Mapping[str, Any]) -> Stage:
    words = shlex.split(about["cmd"])
    outs = (next(iter(one)) if isinstance(one, dict) else one for one in about.get("outs", ()))
    return Stage(
        name,
        words[words.index("--select") + 1] if "--select" in words else None,
        tuple(about.get("deps", ())),
        tuple(about.get("params", ())),
        tuple(outs),
    )


def declared(stage: Stage) -> dict[str, list[str]]:
    """`params`, `deps` and `outs` of a stage as its assets declare them."""
    from pipelines.asset import DECLARED

    own = stage.assets()
    made = [DECLARED[key] for key in own]
    sources = {source for one in made for source in one.sources}
    above = {key for one in made for inner in one.inputs.values() for key in inner.keys} - set(own)
    params = sorted(key.path[1] for key in sources if key.path[0] == "settings")
    deps = [(CODE / f"{stage.name}.json").as_posix()]
    deps += [ENCODERS] if {"clip", "timesformer"} & set(params) else []
    deps += sorted({f"data/{'/'.join(key.path)}" for key in above})
    deps += sorted("catalog" for key in sources if key.path == ["catalog"])
    outs = sorted(f"data/{name}" for one in made for name in one.artifacts)
    return {"params": params, "deps": deps, "outs": list(dict.fromkeys(outs))}


def write_stages(root: Path) -> None:
    """Write what the graph declares into dvc.yaml; what else stands there stays, comments with it."""
    from ruamel.yaml import YAML

    yaml_, file = YAML(), root / "dvc.yaml"
    yaml_.width, yaml_.preserve_quotes = 1000, True
    yaml_.indent(mapping=2, sequence=4, offset=2)
    tree = yaml_.load(file.read_text(encoding="utf-8"))
    for name, stage in stages(root).items():
        if stage.selection is None:
            continue
        wanted, about = declared(stage), tree["stages"][name]
        further = [one for one in about["outs"] if not next(iter(one)).startswith("data/")]
        extra = [one for one in about["deps"] if one not in wanted["deps"] and not one.startswith("data/")]
        about["params"], about["deps"] = _flowing(wanted["params"]), wanted["deps"] + extra
        about["outs"] = [{out: _flowing({"persist": True})} for out in wanted["outs"]] + further
    with file.open("w", encoding="utf-8") as target:
        yaml_.dump(tree, target)


def _flowing(value: Any) -> Any:
    """A list or mapping on one line of YAML."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    written = CommentedMap(value) if isinstance(value, dict) else CommentedSeq(value)
    written.fa.set_flow_style()
    return written


def dvc_revision(path: Path) -> str:
    """What DVC calls the content of a file or folder: the name under which its cache and remotes keep it.

    Known as soon as the artifact is, without asking DVC, and the same on every machine. `dvc ls -R
    --show-hash . data` lists it; for a folder it is the name that `dvc add` would give.

    Returns
    -------
    str
        The MD5 of a file, 32 hexadecimal digits; that of the listing of a folder, with `.dir` behind it.
    """
    if not path.is_dir():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "md5").hexdigest()
    inside = {item.relative_to(path).as_posix(): item for item in path.rglob("*") if item.is_file()}
    listing = [{"md5": dvc_revision(inside[name]), "relpath": name} for name in sorted(inside)]
    return hashlib.md5(json.dumps(listing).encode()).hexdigest() + ".dir"


def write_code(root: Path) -> None:
    """Write the code versions of every stage: what the stage `code` does."""
    graph = served().resolve_asset_graph()
    (root / CODE).mkdir(parents=True, exist_ok=True)
    for name, stage in stages(root).items():
        versions = {"/".join(key.path): graph.get(key).code_version for key in stage.assets()}
        if versions:
            (root / CODE / f"{name}.json").write_text(json.dumps(versions, indent=1), encoding="utf-8")


def write_comparable(project: Project) -> None:
    """`metrics.json` and `plots/` among the reports: what `dvc metrics diff` and `dvc plots diff` compare."""
    rows = project.store.current("benchmark_metrics").read()["rows"]
    numbers, folder = stream_numbers(rows), project.machine.reports / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in curve_tables(project).items():
        table.write_csv(folder / f"{name}.csv", float_precision=5)
    metrics = [{"stream": stream, **values} for stream, values in numbers.items()]
    (folder / "auc.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    (folder.parent / "metrics.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")


def check_stage(project: Project) -> None:
    """Refuse to run as a stage of DVC where the environment leads past what dvc.yaml says.

    Raises
    ------
    VersioningError
        Another profile or other folders than dvc.yaml names, or footage that no stage depends on: DVC would
        call results up to date that are not.
    """
    stage, root, machine = os.environ.get(STAGE_VARIABLE), project_root(), project.machine
    if stage is None:
        return
    where = f"dvc.yaml, stage {stage}"
    if os.environ.get(PROFILE_VARIABLE):
        raise VersioningError(
            f"{where}: {PROFILE_VARIABLE} is set, and DVC knows params.yaml alone: "
            "unset it, and write the values of the profile there, on a branch or by dvc exp run -S."
        )
    for name in ("data", "catalog", "reports"):
        if getattr(machine, name).resolve() != (root / name).resolve():
            raise VersioningError(
                f"{where}: {getattr(machine, name)} would be used, but DVC versions {root / name}. "
                f"Unset TRACES_{name.upper()}."
            )
    depends = {(root / path).resolve() for one in stages(root).values() for path in one.deps}
    for setting, reader in READ_FROM.items():
        section, name = setting.split(".")
        path = getattr(getattr(project.settings, section), name)
        if path is not None and (root / path).resolve() not in depends:
            raise VersioningError(
                f"{where}: {setting} is {path}, and no stage depends on it: DVC would not see what changes "
                f"there. In dvc.yaml, stage {reader}, add to deps: {path}"
            )


def is_wanted() -> bool:
    """Whether a job is to end with `commit`: TRACES_DVC is set, and DVC itself did not start the job."""
    return bool(os.environ.get(WANTED_VARIABLE)) and STAGE_VARIABLE not in os.environ


def commit(project: Project) -> str:
    """Record in DVC what the graph has made: `dvc commit` of every stage that is up to date.

    A stage counts as up to date where each of its artifacts, and each of those before it, is the one that the
    settings, the catalog, the footage and the code ask for now. Waits for other processes that use DVC.

    Returns
    -------
    str
        Which stages were recorded, and which were not and why.

    Raises
    ------
    VersioningError
        DVC is not set up here, versions another folder, or refuses.
    """

    from pipelines.plan import look  # whose pages name DVC's revisions

    root = project_root()
    if not (root / ".dvc").is_dir():
        raise VersioningError(f"{root}: no .dvc. Run `dvc init` there, or unset {WANTED_VARIABLE}.")
    if project.machine.data.resolve() != (root / "data").resolve():
        raise VersioningError(
            f"{project.machine.data}: DVC versions {root / 'data'} only. Unset {PROFILE_VARIABLE} and "
            f"TRACES_DATA, or {WANTED_VARIABLE}."
        )
    write_code(root)
    known = look(project).known
    stale = {"/".join(part.asset.path): f"{part}: {reason}" for part, reason in known.items()}
    behind = _behind(stages(root), stale, root)
    ready = [name for name in stages(root) if name not in behind]
    if "benchmark" in ready:
        write_comparable(project)
    call_dvc(root, "commit", "--force", *ready)
    lines = [f"DVC recorded {', '.join(ready)}; next: git add dvc.lock, git commit, dvc push"]
    return "\n".join(lines + [f"not recorded: {name}, since {reason}" for name, reason in behind.items()])


def _behind(known: Mapping[str, Stage], stale: Mapping[str, str], root: Path) -> dict[str, str]:
    """Why a stage cannot be recorded, by its name; what comes after such a stage cannot, either."""
    behind: dict[str, str] = {}
    for name, stage in known.items():
        before = (other for other in behind if set(known[other].outs) & set(stage.deps))
        reasons = [
            *(stale[key] for key in ("/".join(one.path) for one in stage.assets()) if key in stale),
            *(f"{out} has not been made" for out in stage.outs if _is_missing(root, out)),
            *(f"{other} is not" for other in before),
        ]
        if reasons:
            behind[name] = reasons[0]
    return behind


def _is_missing(root: Path, out: str) -> bool:
    """Whether a folder of the store is; what is compared is written when it is needed."""
    return out.startswith("data/") and not (root / out).exists()


def call_dvc(root: Path, *arguments: str) -> None:
    """Run DVC; its lock is waited for, and so is a folder that another DVC process has in hand."""
    patient_until = time.monotonic() + PATIENCE_S
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", *arguments]
    while True:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        if BUSY not in done.stderr or time.monotonic() > patient_until:
            raise VersioningError(f"dvc {shlex.join(arguments)}, in {root}: {done.stderr.strip()}")
        time.sleep(2.0)


def main(arguments: Iterable[str] | None = None) -> int:
    """`stages`, `code` or `commit`: see the top of this file."""
    match list(sys.argv[1:] if arguments is None else arguments):
        case ["stages"]:
            write_stages(project_root())
        case ["code"]:
            write_code(project_root())
        case ["commit"]:
            print(commit(Project.here()))
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    import pipelines.definitions  # noqa: F401  the graph, for a module that is a program here

    sys.exit(main())
