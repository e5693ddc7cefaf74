"""Where the real data sets are: the folder named by TRACES_REAL_DATA, laid out as its README says.

Without it the tests of this folder are not collected, and the summary says that they were left out. They
read marks, lengths and numbers; of a caption no more than the verdict that it begins with.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REAL = os.environ.get("TRACES_REAL_DATA")
collect_ignore_glob = [] if REAL else ["test_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it where they were left out."""
    if not REAL:
        terminalreporter.write_line(
            "tests/real was left out: set TRACES_REAL_DATA to the folder of real data"
        )


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder; an error where the variable names one that is not there."""
    folder = Path(str(REAL)).resolve()
    if not (folder / "ucf_crime").is_dir():
        raise FileNotFoundError(
            f"TRACES_REAL_DATA is {REAL}: no folder ucf_crime in it. Correct or unset it."
        )
    return folder
