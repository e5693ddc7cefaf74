"""The index of a side that is too large to be searched exactly: which traces are worth a closer look.

It keeps a few bits of each vector, and a search reads all of them, in the registers of the processor and
without touching a vector. So it misses nothing for lying in another cell or island than the query, which
is where frames lie that ask for sentences: `docs/decisions/0011` has what else was measured. It only
proposes: `Bank.search` computes the cosines of what it proposes, so no similarity is ever a guess.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from traces_core.bank.chunked_vectors import ChunkedVectors
from traces_core.bank.settings import BankSettings
from traces_core.types import Array

CODE_BITS = 4
"""Bits of one code: what the processor looks up in a register."""
_TRAINED_ON = 20_000
"""Traces of a side that the codes are trained on: more than a thousand for each centroid."""
_BATCH = 65_536
"""Vectors added at once: bounds the memory, changes nothing else."""
_ASKED = 1024
"""Queries asked at once: likewise."""
_ONE_QUERY = 10
"""The code path of FAISS for a query that comes alone: a fifth faster than its choice, same answers."""


@dataclass(frozen=True, slots=True)
class SideIndex:
    """A FAISS index with content ids, and how far the side has moved since it was trained."""

    lists: Any
    """The FAISS index."""
    replaced: int = 0
    """Vectors that came since the training."""

    @classmethod
    def train(
        cls, chunks: ChunkedVectors, rows: tuple[int, int], ids: NDArray[np.int64], how: BankSettings
    ) -> SideIndex:
        """The index of some rows, trained on a sample of them.

        Parameters
        ----------
        pages, rows
            The vectors, and which of them: first row, and the first after the last.
        ids : int64 array of shape (rows,)
            What the index answers with.
        how
            Coordinates that share a code.
        """
        lists = _untrained(chunks.dimensions, how.coordinates)
        sample = np.random.default_rng(0).permutation(len(ids))[:_TRAINED_ON]
        with _one_thread():
            lists.train(chunks.take(rows[0] + np.sort(sample)))
        done = 0
        for chunk in chunks.rows(*rows, at_most=_BATCH):
            lists.add_with_ids(chunk, ids[done : done + len(chunk)])
            done += len(chunk)
        return cls(lists)

    def changed(self, left: NDArray[np.int64], came: NDArray[np.int64], vectors: Array) -> SideIndex:
        """A copy without some ids and with others, in time that follows the change, not the training.

        Parameters
        ----------
        left : int64 array
            Ids that go.
        came : int64 array of shape (N,)
            Ids that come; one that also goes gets its new vector.
        vectors : float32 array of shape (N, D)
            Of those that come.
        """
        lists = faiss.clone_index(self.lists)
        if len(left):
            lists.remove_ids(faiss.IDSelectorBatch(left))
            _blank_the_last_block(lists)
        if len(came):
            lists.add_with_ids(vectors, came)
        return SideIndex(lists, self.replaced + len(came))

    def candidates(self, queries: Array, count: int) -> Iterator[tuple[Array, NDArray[np.int64]]]:
        """Some queries at a time, and for each of them the ids of so many traces that seem nearest.

        Where there are fewer, the rest are -1.
        """
        for start in range(0, len(queries), _ASKED):
            some = queries[start : start + _ASKED]
            self.lists.implem = _ONE_QUERY if len(some) == 1 else 0  # 0: FAISS chooses, for many
            yield some, self.lists.search(some, count)[1]

    def __len__(self) -> int:
        return int(self.lists.ntotal)

    def ids(self) -> NDArray[np.int64]:
        """int64 array of shape (N,): every id it holds, rising."""
        held = self.lists.invlists
        return np.sort(faiss.rev_swig_ptr(held.get_ids(0), held.list_size(0)))


def _untrained(dimensions: int, coordinates: int) -> Any:
    """One list of 4-bit codes, each of so many coordinates, or of fewer that divide the vector."""
    coordinates = math.gcd(dimensions, coordinates)
    return faiss.IndexIVFPQFastScan(
        faiss.IndexFlatIP(dimensions),
        dimensions,
        1,
        dimensions // coordinates,
        CODE_BITS,
        faiss.METRIC_INNER_PRODUCT,
    )


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """FAISS on one thread: many small clusterings wait for each other's threads longer than they work.

    On two busy cores the training took 291 s with two threads and 3 s with one. It is also the same on
    machines with other numbers of cores.
    """
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _blank_the_last_block(lists: Any) -> None:
    """Clear what a removal left behind the last code.

    FAISS (1.15.1) packs 32 codes into a block and adds the next ones with OR: whatever comes into a block
    that once was fuller gets a mixture of two codes. `tests/bank/test_bank_index.py` shows it.
    """
    held: Any = faiss.downcast_InvertedLists(lists.invlists)
    whole, used = divmod(held.list_size(0), held.n_per_block)
    if used:
        codes = faiss.rev_swig_ptr(held.get_codes(0), (whole + 1) * held.block_size)
        last, nothing = codes[None, -held.block_size :], np.zeros(lists.code_size, np.uint8)
        for place in range(used, held.n_per_block):
            held.packer.pack_1(nothing, place, last)
