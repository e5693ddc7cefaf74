"""DVC beside Dagster: when DVC records, and what it compares.

    python -m pipelines.versioning stages    writes what the graph declares into dvc.yaml
    python -m pipelines.versioning code      what the code of each stage does: the stage `code` of dvc.yaml
    python -m pipelines.versioning commit    tells DVC what the graph has made, as `make demo` does

DVC takes a lock on the whole repository: it is called once, after a job, and never from within an asset. The
stages themselves stand in dvc.yaml (`pipelines.stages`), what is compared between versions in
`traces_core.metrics.curves`, why all this is so in docs/decisions/0018 and 0026.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipelines.dvc_files import PACKED, VersioningError, check_packs, dvc_revision, write_packs
from pipelines.graph import served
from pipelines.stages import (
    DVC_FILE,
    READ_FROM,
    Stage,
    code_file,
    declared,
    folder,
    followed,
    path_of,
    stages,
    write_stages,
)
from traces_core.disk import write_whole
from traces_core.metrics.curves import stream_numbers
from traces_core.project import Project
from traces_core.settings import BASE_FILE, PARAMS_VARIABLE, PROFILE_VARIABLE, Settings, project_root
from traces_core.steps.benchmark import curve_tables
from traces_core.store.digest import digest
from traces_core.store.kept import stamps

__all__ = ["PACKED", "READ_FROM", "Stage", "VersioningError", "declared", "dvc_revision", "stages"]

BENCHMARK = "benchmark"
"""The stage with the result; stages it does not rest on need not have been made."""
LOCK_FILE = "dvc.lock"
RECORDED = Path(".dvc", "tmp", "traces-recorded")
"""What DVC was told last, as a digest; DVC keeps its own notes there, and Git sees none of it."""

WANTED_VARIABLE = "TRACES_DVC"
STAGE_VARIABLE = "DVC_STAGE"
"""DVC sets it for the commands of its stages."""

BUSY = "is busy, it is being blocked by"
"""What DVC says of a folder that another process has in hand; unlike for its lock, it does not wait."""
PATIENCE_S = 1800.0


def write_code(root: Path) -> None:
    """Write the code versions of every stage: what the stage `code` does.

    Of a profile, the settings of the stage, too: DVC reads params.yaml and does not know what stands over it.
    """
    graph, profile = served().resolve_asset_graph(), followed(root)
    settings = Settings.load(root, profile).model_dump(mode="json") if profile else {}
    for name, stage in stages(root).items():
        versions = {"/".join(key.path): graph.get(key).code_version for key in stage.assets()}
        chosen = {section: settings[section] for section in stage.params if section in settings}
        if versions:
            file = root / code_file(name, profile)
            file.parent.mkdir(parents=True, exist_ok=True)
            told = {**versions, **({"settings": chosen} if profile else {})}
            write_whole(file, json.dumps(told, indent=1))


def write_comparable(project: Project) -> None:
    """`metrics.json` and `plots/` among the reports: what `dvc metrics diff` and `dvc plots diff` compare."""
    rows = project.store.current("benchmark_metrics").read()["rows"]
    numbers, plots = stream_numbers(rows), project.machine.reports / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    for name, table in curve_tables(project).items():
        table.write_csv(plots / f"{name}.csv", float_precision=5)
    metrics = [{"stream": stream, **values} for stream, values in numbers.items()]
    write_whole(plots / "auc.json", json.dumps(metrics, indent=1))
    write_whole(plots.parent / "metrics.json", json.dumps(numbers, indent=1))


def end_stage(project: Project) -> None:
    """What a stage of DVC does last: write the packs of its outs. Nothing outside DVC."""
    stage = os.environ.get(STAGE_VARIABLE)
    if stage is not None:  # from another folder: ../dvc.yaml:scores
        write_packs(project, stages()[stage.rpartition(":")[2]].outs)


def check_stage(project: Project) -> None:
    """Refuse to run as a stage of DVC where the environment leads past what dvc.yaml says.

    Raises
    ------
    VersioningError
        Another profile or other folders than dvc.yaml names, or footage that no stage depends on: DVC would
        call results up to date that are not.
    """
    stage, root = os.environ.get(STAGE_VARIABLE), project_root()
    if stage is None:
        return
    where, known, asked = f"dvc.yaml, stage {stage}", followed(root), os.environ.get(PROFILE_VARIABLE, "")
    if asked != known:
        settings = f"params.{known}.yaml" if known else "params.yaml"
        raise VersioningError(
            f"{where}: {PROFILE_VARIABLE} is set, and DVC knows {settings} alone: unset it, or have DVC "
            "follow that profile: python -m pipelines.versioning stages"
        )
    for name, used, versioned in _elsewhere(project, known):
        raise VersioningError(
            f"{where}: {used} would be used, but DVC versions {versioned}. Unset TRACES_{name.upper()}."
        )
    depends = {(root / path).resolve() for one in stages(root).values() for path in one.deps}
    for setting, reader in READ_FROM.items():
        path = path_of(project.settings, setting)
        if path is not None and (root / path).resolve() not in depends:
            raise VersioningError(
                f"{where}: {setting} is {path}, and no stage depends on it: DVC would not see what changes "
                f"there. In dvc.yaml, stage {reader}, add to deps: {path}"
            )


def _elsewhere(project: Project, profile: str) -> Iterator[tuple[str, Path, Path]]:
    """Folders that lie elsewhere than DVC has them: name, where they lie, where DVC has them."""
    root = project_root()
    versioned = {
        "data": root / folder("data", profile),
        "catalog": root / "catalog",
        "reports": root / folder("reports", profile),
    }
    for name, path in versioned.items():
        used: Path = getattr(project.machine, name)
        if used.resolve() != path.resolve():
            yield name, used, path


def is_wanted(project: Project) -> bool:
    """Whether a job is to end with `commit`.

    TRACES_DVC says so, 0 for no. Without it: wherever DVC is set up, and versions these folders or nothing
    yet. Never within a stage of DVC, which records what it made by itself.
    """
    asked, root = os.environ.get(WANTED_VARIABLE), project_root()
    if STAGE_VARIABLE in os.environ:
        return False
    if asked is not None:
        return asked not in ("", "0")
    if not all((root / name).exists() for name in (".git", ".dvc", DVC_FILE)):
        return False
    is_recorded = (root / LOCK_FILE).exists()
    profile = followed(root) if is_recorded else os.environ.get(PROFILE_VARIABLE, "")
    return PARAMS_VARIABLE not in os.environ and not any(_elsewhere(project, profile))


def is_recorded(project: Project) -> bool:
    """Whether nothing that DVC looks at has changed since `commit`: it costs seconds, and this a moment."""
    file = project_root() / RECORDED
    return file.is_file() and file.read_text(encoding="utf-8") == _state(project)


def record(project: Project) -> str | None:
    """What a job and a command end with: `commit`, where that is wanted and something has changed."""
    return commit(project) if is_wanted(project) and not is_recorded(project) else None


def _state(project: Project) -> str:
    """Digest of what is current, and of the size and the time of what stages depend on."""
    root, store = project_root(), project.store.root
    pointers = [[str(one.relative_to(store)), one.read_text()] for one in sorted(store.glob("*/*/current"))]
    files = [DVC_FILE, LOCK_FILE, BASE_FILE, *(f"params.{name}.yaml" for name in [followed(root)] if name)]
    texts = [(root / name).read_text(encoding="utf-8") for name in files if (root / name).is_file()]
    folders = (project.machine.catalog, *(root / name for name in ("traces_core", "assets")))
    return digest([pointers, texts, [list(stamps(folder)) for folder in folders]])


def commit(project: Project) -> str:
    """Record in DVC what the graph has made: `dvc commit` of every stage that is up to date.

    A stage counts as up to date where each of its artifacts, and each of those before it, is the one that the
    settings, the catalog, the footage and the code ask for now. What the result does not rest on and nobody
    has made is recorded as empty. Waits for other processes that use DVC.

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

    root, profile = project_root(), os.environ.get(PROFILE_VARIABLE, "")
    if not (root / ".dvc").is_dir():
        raise VersioningError(f"{root}: no .dvc. Run `dvc init` there, or set {WANTED_VARIABLE}=0.")
    for name, used, versioned in _elsewhere(project, profile):
        raise VersioningError(
            f"{used}: DVC versions {versioned} only. Unset TRACES_{name.upper()}, or set {WANTED_VARIABLE}=0."
        )
    if any(_elsewhere(project, followed(root))):
        write_stages(root, profile)
    write_code(root)
    known = stages(root)
    stale = {"/".join(part.asset.path): f"{part}: {reason}" for part, reason in look(project).known.items()}
    behind = _behind(known, stale, project)
    ready = [name for name in known if name not in behind]
    unmade = [name for name in behind if BENCHMARK in ready and not _is_made(known[name], project)]
    write_packs(project, (out for name in ready for out in known[name].outs))
    if BENCHMARK in ready:
        write_comparable(project)
    for out in (out for name in unmade for out in known[name].outs):
        (root / out).mkdir(parents=True, exist_ok=True)
    call_dvc(root, "commit", "--force", *ready, *unmade)
    check_packs(project, (out for name in ready for out in known[name].outs))
    write_whole(root / RECORDED, _state(project))
    files = f"{DVC_FILE} {LOCK_FILE} {folder('reports', profile)}"
    return "\n".join(
        [
            f"DVC recorded {', '.join(ready)}; next: git add {files}, git commit, dvc push",
            *(f"recorded as empty: {name}, which has not been made" for name in unmade),
            *(f"not recorded: {name}, since {why}" for name, why in behind.items() if name not in unmade),
        ]
    )


def _behind(known: Mapping[str, Stage], stale: Mapping[str, str], project: Project) -> dict[str, str]:
    """Why a stage cannot be recorded, by its name; what comes after such a stage cannot, either."""
    behind: dict[str, str] = {}
    for name, stage in known.items():
        before = (other for other in behind if set(known[other].outs) & set(stage.deps))
        reasons = [
            *(stale[key] for key in ("/".join(one.path) for one in stage.assets()) if key in stale),
            *(f"{other} is not" for other in before),
        ]
        if reasons:
            behind[name] = reasons[0]
    return behind


def _is_made(stage: Stage, project: Project) -> bool:
    """Whether anything that the stage makes has been made."""
    return any(project.store.keys(Path(out).name) for out in stage.outs)


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
