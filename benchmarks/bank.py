"""A bank of a million traces: its index against exact brute force, and what a changed context costs.

    make benchmark-bank            python -m benchmarks.bank --vectors 20000

Two banks of 512-d unit vectors in 200 contexts, half of the traces on each side. **Planted**: directions
drawn evenly, the hardest case for any index, but for five traces a query and side at a cosine of 0.8 with a
scene that was drawn too; a query is a vector at a cosine of 0.75 with that scene, so of about 0.6 with each
of its five. **Expanded**: the shipped corpus in the pocket CLIP's 128 dimensions, turned into 512, every
trace at a cosine of 0.8 with its sentence; asked with vectors beside traces (cosine 0.75) and with drawn
frames through the image encoder, whose cosines lie far from those between sentences.

A query asks both sides, so all vectors. Exact is FAISS' brute force (what a Flat index runs) over the same
vectors with the same threads; it takes turns with the index, and the best turn of each counts, since other
work on the machine only ever slows. `ms_per_query` is of queries that come one at a time, as from a live
camera; `ms_batched` of 256 at once, which share the reading of the vectors, so that brute force is one
product of matrices and hard to beat. Writes reports/bank_speed.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import polars as pl

from traces_core.bank.bank import Bank
from traces_core.bank.index import SideIndex
from traces_core.bank.recall import near, recall_against_exact
from traces_core.bank.search import nearest_of_rows
from traces_core.bank.settings import BankSettings
from traces_core.settings import Machine
from traces_core.text.catalog import SIDES, read_catalog
from traces_core.text.corpus import write_corpus
from traces_core.types import Array

K, CONTEXTS, CLASSES = 5, 200, 10
QUERIES, SINGLES, ROUNDS = 256, 8, 5
SCENE_COSINE = 0.8
"""Of a planted trace with its scene, and of an expanded one with its sentence."""
QUERY_COSINES = {"near": 0.9, "planted": 0.75, "far": 0.6}
"""Of a query with its scene; `planted` is the one that counts."""
SPACE = "drawn"


def unit(rows: int, dimensions: int, rng: np.random.Generator) -> Array:
    vectors = rng.standard_normal((rows, dimensions), dtype=np.float32)
    vectors /= np.sqrt(np.einsum("nd,nd->n", vectors, vectors))[:, None]
    return vectors


def table(rows: int, rng: np.random.Generator) -> pl.DataFrame:
    """So many traces in 200 contexts, even rows normal, odd ones anomalous."""
    number = pl.int_range(rows, eager=True).alias("number")
    anomalous = pl.col("number") % 2 == 1
    place, label = (pl.col("number") // 2 % CONTEXTS, pl.col("number") // 2 // CONTEXTS % CLASSES)
    return number.to_frame().select(
        trace_id=pl.lit(pl.Series(np.unique(rng.integers(1, 1 << 63, 2 * rows))[:rows])),
        context=place.cast(pl.String).str.zfill(3),
        side=pl.when(anomalous).then(pl.lit("anomalous")).otherwise(pl.lit("normal")),
        **{"class": pl.when(anomalous).then(label.cast(pl.String)).otherwise(pl.lit(""))},
        text=pl.col("number").cast(pl.String) + " people walk past a shop on a wet evening",
        writer=pl.lit("drawn"),
    )


def planted(rows: int, dimensions: int, rng: np.random.Generator) -> tuple[Array, dict[str, Array]]:
    """Vectors of random directions with five neighbours of each scene a side, and queries by name."""
    vectors = unit(rows, dimensions, rng)
    scenes = unit(min(QUERIES, rows // 40), dimensions, rng)
    for side in range(2):  # even and odd rows, as in `table`
        chosen = 2 * rng.choice(rows // 2, K * len(scenes), replace=False) + side
        vectors[chosen] = near(np.repeat(scenes, K, axis=0), SCENE_COSINE, rng)
    queries = {name: near(scenes, cosine, rng) for name, cosine in QUERY_COSINES.items()}
    return vectors, {**queries, "random": unit(len(scenes), dimensions, rng)}


def expanded(rows: int, dimensions: int, rng: np.random.Generator) -> tuple[Array, dict[str, Array]]:
    """The shipped corpus in many words, and queries: beside its traces, and drawn frames."""
    from traces_core.practice import frames, plan_video
    from traces_core.project import Project  # torch: not in the process whose memory is measured

    project = Project.here()
    files = sorted(project.machine.catalog.glob("*.yaml"))[: max(2, rows // 5000)]
    catalog = read_catalog(project.machine.catalog, [file.stem for file in files])
    texts = write_corpus(catalog)["text"].unique().sort().to_list()
    sentences = project.clip.encode_texts(texts[: max(200, rows // 50)])
    plan = plan_video("street", pool="held_out", seed=5, anomalies=("fight",), duration_s=16.0, rate=16)
    pictures = np.stack([pixels for pixels, _ in frames(plan)])[:QUERIES]
    turn = np.linalg.qr(rng.standard_normal((dimensions, sentences.shape[1])))[0].astype(np.float32)
    sentences, seen = sentences @ turn.T, project.clip.encode_images(pictures) @ turn.T
    vectors = near(sentences[rng.integers(0, len(sentences), rows)], SCENE_COSINE, rng)
    beside = near(vectors[rng.choice(rows, min(QUERIES, rows // 40), replace=False)], 0.75, rng)
    return vectors, {"beside": beside, "frames": seen / np.linalg.norm(seen, axis=1, keepdims=True)}


def seconds(work: Callable[[], Any]) -> float:
    return timed(work)[1]


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What the work gives, its seconds by the clock, and those the processor worked (of all threads)."""
    clock, worked = time.perf_counter(), time.process_time()
    given = work()
    return given, time.perf_counter() - clock, time.process_time() - worked


def exact(bank: Bank, queries: Array) -> None:
    for side in SIDES:
        nearest_of_rows(bank.contents.chunks, [bank.contents.layout.side(side)], queries, K)


def indexed(bank: Bank, queries: Array, contexts: Sequence[str] | None = None) -> None:
    for side in SIDES:
        bank.search(queries, K, side, contexts)


def speed(bank: Bank, queries: Array) -> dict[str, float]:
    """Milliseconds of a query, one at a time and in a batch: the best of a few turns of each."""
    context = bank.contexts[len(bank.contexts) // 2]
    kinds = {
        "exact": lambda some: exact(bank, some),
        "index": lambda some: indexed(bank, some),
        "context": lambda some: indexed(bank, some, [context]),
    }
    found: dict[str, list[float]] = {}
    for turn in range(ROUNDS + 1):
        numbers = range(turn * SINGLES, (turn + 1) * SINGLES)
        alone = [queries[number % len(queries)][None] for number in numbers]
        for kind, ask in kinds.items():
            single = seconds(lambda ask=ask, alone=alone: [ask(one) for one in alone]) / len(alone)
            batch = seconds(lambda ask=ask: ask(queries)) / len(queries)
            found.setdefault(f"{kind}_ms_per_query", []).append(1000 * single)
            found.setdefault(f"{kind}_ms_batched", []).append(1000 * batch)
    best = {name: min(times[1:]) for name, times in found.items()}  # the first turn warms up
    for what, name in (("speed_up", "ms_per_query"), ("speed_up_batched", "ms_batched")):
        best[what] = best[f"exact_{name}"] / best[f"index_{name}"]
    return best


def recalls(bank: Bank, queries: dict[str, Array]) -> dict[str, float]:
    """Recall@5 of each kind of query, mean of both sides."""
    return {
        name: statistics.mean(recall_against_exact(bank, asked, K, side) for side in SIDES)
        for name, asked in queries.items()
    }


def update(bank: Bank, rng: np.random.Generator) -> tuple[float, float, Bank]:
    """Median seconds of new traces for a context, by the clock and worked, and the bank after a few."""
    times = []
    for name in bank.contexts[:ROUNDS]:
        old = bank.corpus.filter(pl.col("context") == name)
        new = old.with_columns(trace_id=rng.integers(1, 1 << 63, len(old)), text=pl.col("text") + " again")
        part = {name: (new, unit(len(new), bank.dimensions, rng))}
        bank, *took = timed(lambda bank=bank, part=part: bank.with_contexts(part))
        times.append(took)
    clock, worked = zip(*times, strict=True)
    return statistics.median(clock), statistics.median(worked), bank


def training_s(bank: Bank) -> float:
    """Seconds of the training alone: of indexes of no more traces than they are trained on."""
    held, total = bank.contents, 0.0
    for side in bank.indexes:
        start, stop = held.layout.side(side)
        stop = min(stop, start + 20_000)
        total += seconds(
            lambda at=(start, stop): SideIndex.train(held.chunks, at, held.ids[slice(*at)], bank.settings)
        )
    return total


def loaded(folder: Path) -> dict[str, float]:
    """What a process of its own takes that loads the bank and answers: its memory, and files it mapped."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bank", "--ask", str(folder)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said: dict[str, float] = json.loads(done.stdout)
    return said


def ask(folder: Path) -> None:
    """The process whose memory is measured."""
    bank, load_s, _ = timed(lambda: Bank.load(folder))
    indexed(bank, unit(64, bank.dimensions, np.random.default_rng(0)))
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    size = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith("Rss")}
    print(json.dumps({"load_s": load_s, "memory_mib": size["RssAnon"], "mapped_mib": size["RssFile"]}))


def measure(rows: int, dimensions: int, folder: Path) -> dict[str, Any]:
    """Everything about the planted bank, and speed and recall of the expanded one."""
    rng = np.random.default_rng(0)
    settings = BankSettings(exact_up_to=min(BankSettings().exact_up_to, max(1000, rows // 4)))
    corpus = table(rows, rng)
    vectors, queries = planted(rows, dimensions, rng)
    bank, build_s, build_cpu_s = timed(partial(Bank.build, corpus, vectors, SPACE, settings))
    del vectors
    said: dict[str, Any] = {"vectors": rows, **speed(bank, queries["planted"])}
    found = recalls(bank, queries)
    said |= {
        "recall_at_5": found["planted"],
        "build_s": build_s,
        "build_cpu_s": build_cpu_s,
        "training_s": training_s(bank),
    }
    said["build_without_training_s"] = build_s - said["training_s"]
    said["save_s"] = seconds(lambda: bank.save(folder / "bank"))
    said["disk_mib"] = {one.name: one.stat().st_size / 2**20 for one in sorted((folder / "bank").iterdir())}
    said |= loaded(folder / "bank")
    update_s, update_cpu_s, changed = update(bank, rng)
    said |= {"update_200_s": update_s, "update_share_of_build": update_s / build_s}
    said |= {"update_200_cpu_s": update_cpu_s, "update_share_of_build_cpu": update_cpu_s / build_cpu_s}
    said |= {
        "recall_at_5_of": found,
        "recall_at_5_after_updates": recalls(changed, {"random": queries["random"]})["random"],
    }
    said["threads"], said["settings"] = faiss.omp_get_max_threads(), settings.model_dump()
    del bank, changed
    vectors, queries = expanded(rows, dimensions, rng)
    bank = Bank.build(corpus, vectors, SPACE, settings)
    del vectors
    return {**said, "expanded": {**speed(bank, queries["beside"]), "recall_at_5_of": recalls(bank, queries)}}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Search, change and size of a large bank.")
    parser.add_argument("--vectors", type=int, default=1_000_000, help="traces of the bank (count)")
    parser.add_argument("--dimensions", type=int, default=512, help="length of a vector")
    parser.add_argument("--reports", type=Path, default=Machine.here().reports, help="folder to write to")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.ask is not None:
        ask(asked.ask)
        return
    asked.reports.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.reports) as folder:
        said = measure(asked.vectors, asked.dimensions, Path(folder))
    text = json.dumps(said, indent=1)
    (asked.reports / "bank_speed.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
