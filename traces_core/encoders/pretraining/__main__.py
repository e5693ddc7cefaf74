"""Command line of the pre-training: one seed, one tower or both."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from traces_core.encoders.pretraining.job import TOWERS, pretrain_pocket


def main() -> int:
    """Pre-train what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m traces_core.encoders.pretraining", description=__doc__)
    parser.add_argument("--seed", type=int, required=True, help="0, 1, 2 are shipped")
    parser.add_argument("--tower", choices=(*TOWERS, "both"), default="both")
    parser.add_argument("--folder", type=Path, help="where the towers go (default: the shipped place)")
    asked = parser.parse_args()
    towers = TOWERS if asked.tower == "both" else (asked.tower,)
    pretrain_pocket(asked.seed, folder=asked.folder, towers=towers, echo=partial(print, flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
