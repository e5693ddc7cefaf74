"""The bank: every trace of a corpus as a unit vector, searchable on two sides and per context.

    layout    which rows are whose        pages   the vectors, in one array or in several
    holdings  both, and their changes     search  the nearest of some rows
    index     what a large side proposes  folder  all of it on disk
    bank      what a caller asks          answers what it is told
    recall    whether an index finds what is there

What a score makes of neighbours is in `traces_core.scoring`, the sentences themselves in
`traces_core.text`. The two sides are searched apart: one mixed list of the nearest traces may hold none of
one side, and nothing is left to subtract.
"""

from __future__ import annotations

from traces_core.bank.answers import Neighbours, Trace
from traces_core.bank.bank import WEIGHT, Bank
from traces_core.bank.recall import near, recall_against_exact, recall_of_index

__all__ = ["WEIGHT", "Bank", "Neighbours", "Trace", "near", "recall_against_exact", "recall_of_index"]
