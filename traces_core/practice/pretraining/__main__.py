"""Command line of the pre-training: one seed or several, one tower or both."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from traces_core.practice.pretraining.job import TOWERS, pretrain_seeds


def main() -> int:
    """Pre-train what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m traces_core.practice.pretraining", description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", required=True, help="0, 1, 2 are shipped")
    parser.add_argument("--tower", choices=(*TOWERS, "both"), default="both")
    parser.add_argument("--folder", type=Path, help="where the towers of one seed go (default: as shipped)")
    asked = parser.parse_args()
    if asked.folder and len(asked.seed) > 1:
        parser.error("--folder is for one seed: the towers of another would take its place")
    towers = TOWERS if asked.tower == "both" else (asked.tower,)
    pretrain_seeds(asked.seed, folder=asked.folder, towers=towers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
