"""Where a run comes from, so that the UI takes a run of a terminal for one of its own.

It is on the Timeline then, and can be re-executed.

Dagster has no public way to say so. What is used of it here is private; a test asks a real server.
"""

from __future__ import annotations

import sys

from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import DEFAULT_DAGSTER_ENTRY_POINT, JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from traces_core.settings import project_root

LOCATION = "traces"
"""As workspace.yaml and pyproject.toml call the code location."""
_MODULE = "pipelines.definitions"
_REPOSITORY = "__repository__"


def remote_origin(job: str) -> RemoteJobOrigin:
    """The job as servers know it."""
    target = LoadableTargetOrigin(
        executable_path=sys.executable, module_name=_MODULE, working_directory=str(project_root())
    )
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, LOCATION)
    return RemoteRepositoryOrigin(location, _REPOSITORY).get_job_origin(job)


def code_origin(job: str) -> JobPythonOrigin:
    """The job as a process that executes it finds it."""
    pointer = ModuleCodePointer(_MODULE, "defs", str(project_root()))
    return JobPythonOrigin(
        job, RepositoryPythonOrigin(sys.executable, pointer, entry_point=DEFAULT_DAGSTER_ENTRY_POINT)
    )
