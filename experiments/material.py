"""Where the public data sets lie: the folder that the environment variable TRACES_REAL_DATA names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from traces_core.errors import TracesError

VARIABLE = "TRACES_REAL_DATA"
"""Environment variable that names the folder of public data sets."""


class RealDataError(TracesError, FileNotFoundError):
    """An experiment was asked for, and the files of its data set are not there."""

    def __init__(self, problem: str, do: str) -> None:
        super().__init__(f"real data: {problem}. {do}")


def data_set_folder(name: str, files: Sequence[str]) -> Path:
    """The folder of a data set, once everything in it that an experiment needs is there.

    Parameters
    ----------
    name
        Of the folder below the one that TRACES_REAL_DATA names.
    files
        What must be in it: names, or patterns of which at least one file must fit.

    Raises
    ------
    RealDataError
        If the variable is not set, or a file is missing.
    """
    value = os.environ.get(VARIABLE, "")
    if not value:
        raise RealDataError(f"{VARIABLE} is not set", f"Set it to the folder that holds {name}/.")
    folder = Path(value).expanduser().resolve() / name
    missing = [file for file in files if not any(path.is_file() for path in folder.glob(file))]
    if missing:
        problem = f"{VARIABLE} is {value}, and {folder} lacks {', '.join(missing)}"
        raise RealDataError(problem, "Put the files there, or name the folder that has them.")
    return folder
