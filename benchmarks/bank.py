"""A bank of a million traces: its index against exact brute force, and what a changed context costs.

    make benchmark-bank            python -m benchmarks.bank --vectors 20000

Two banks of 512-d unit vectors in 200 contexts, half of the traces on each side. **Planted**: directions
drawn evenly, the hardest case for any index, but for five traces a query and side at a cosine of 0.8 with a
scene that was drawn too; a query is a vector at a cosine of 0.75 with that scene, so of about 0.6 with each
of its five. **Expanded**: the shipped corpus in the pocket CLIP's 128 dimensions, turned into 512, every
trace at a cosine of 0.8 with its sentence; asked with vectors beside traces (cosine 0.75) and with drawn
frames through the image encoder, whose cosines lie far from those between sentences.

A query asks both sides, so all vectors. Exact is FAISS' brute force (what a Flat index runs) over the same
vectors with the same threads; it takes turns with the index. Batched queries share the reading of the
vectors and are the harder bar; one at a time is what a live camera sees. Writes reports/bank_speed.json.
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
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import polars as pl

from traces_core.bank import Bank, near, recall_against_exact
from traces_core.bank.index import SideIndex
from traces_core.bank.search import nearest_of_rows
from traces_core.bank_settings import BankSettings
from traces_core.settings import Machine
from traces_core.steps.workshop import Workshop
from traces_core.text.catalog import SIDES, read_catalog
from traces_core.text.corpus import write_corpus
from traces_core.types import Array
from traces_core.video.practice import frames, plan_video

K, CONTEXTS, CLASSES = 5, 200, 10
QUERIES, SINGLES, ROUNDS = 256, 8, 3
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
    shop = Workshop.here()
    texts = write_corpus(read_catalog(shop.machine.catalog))["text"].unique().sort().to_list()
    sentences = shop.clip.encode_texts(texts[: max(200, rows // 50)])
    plan = plan_video("street", pool="held_out", seed=5, anomalies=("fight",), duration_s=16.0, rate=16)
    pictures = np.stack([pixels for pixels, _ in frames(plan)])[:QUERIES]
    turn = np.linalg.qr(rng.standard_normal((dimensions, sentences.shape[1])))[0].astype(np.float32)
    sentences, seen = sentences @ turn.T, shop.clip.encode_images(pictures) @ turn.T
    vectors = near(sentences[rng.integers(0, len(sentences), rows)], SCENE_COSINE, rng)
    beside = near(vectors[rng.choice(rows, min(QUERIES, rows // 40), replace=False)], 0.75, rng)
    return vectors, {"beside": beside, "frames": seen / np.linalg.norm(seen, axis=1, keepdims=True)}


def seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def exact(bank: Bank, queries: Array) -> None:
    for side in SIDES:
        nearest_of_rows(bank.holdings.pages, [bank.holdings.layout.side(side)], queries, K)


def indexed(bank: Bank, queries: Array, contexts: Sequence[str] | None = None) -> None:
    for side in SIDES:
        bank.search(queries, K, side, contexts)


def speed(bank: Bank, queries: Array) -> dict[str, float]:
    """Milliseconds of a query, exact and by index taking turns: in a batch, and one at a time."""
    indexed(bank, queries[:1])
    exact(bank, queries[:1])
    found: dict[str, list[float]] = {}
    context = bank.contexts[len(bank.contexts) // 2]
    for start in range(ROUNDS):
        some = queries[start * SINGLES : (start + 1) * SINGLES]
        for name, ask in (("exact", exact), ("index", indexed)):
            batch = seconds(lambda ask=ask: ask(bank, queries)) / len(queries)
            alone = seconds(lambda ask=ask, some=some: [ask(bank, one[None]) for one in some]) / len(some)
            found.setdefault(f"{name}_ms_per_query", []).append(1000 * batch)
            found.setdefault(f"{name}_ms_single_query", []).append(1000 * alone)
        inside = seconds(lambda: indexed(bank, queries, [context])) / len(queries)
        alone = seconds(lambda some=some: [indexed(bank, one[None], [context]) for one in some]) / len(some)
        found.setdefault("context_ms_per_query", []).append(1000 * inside)
        found.setdefault("context_ms_single_query", []).append(1000 * alone)
    said = {name: statistics.median(times) for name, times in found.items()}
    for kind in ("ms_per_query", "ms_single_query"):
        pairs = zip(found[f"exact_{kind}"], found[f"index_{kind}"], strict=True)
        said[f"speed_up_{kind.removeprefix('ms_')}"] = statistics.median(slow / fast for slow, fast in pairs)
    return said


def recalls(bank: Bank, queries: dict[str, Array]) -> dict[str, float]:
    """Recall@5 of each kind of query, mean of both sides."""
    return {
        name: statistics.mean(recall_against_exact(bank, asked, K, side) for side in SIDES)
        for name, asked in queries.items()
    }


def update(bank: Bank, rng: np.random.Generator) -> tuple[list[float], Bank]:
    """Seconds in which one context after another gets new traces, and the bank after that."""
    times = []
    for name in bank.contexts[:ROUNDS]:
        old = bank.corpus.filter(pl.col("context") == name)
        new = old.with_columns(trace_id=rng.integers(1, 1 << 63, len(old)), text=pl.col("text") + " again")
        vectors = unit(len(new), bank.dimensions, rng)
        started = time.perf_counter()
        bank = bank.with_contexts({name: (new, vectors)})
        times.append(time.perf_counter() - started)
    return times, bank


def training_s(bank: Bank) -> float:
    """Seconds of the training alone: of indexes of no more traces than they are trained on."""
    held, total = bank.holdings, 0.0
    for side in bank.indexes:
        start, stop = held.layout.side(side)
        stop = min(stop, start + 20_000)
        total += seconds(
            lambda at=(start, stop): SideIndex.train(held.pages, at, held.ids[slice(*at)], bank.settings)
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
    started = time.perf_counter()
    bank = Bank.load(folder)
    load_s = time.perf_counter() - started
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
    started = time.perf_counter()
    bank = Bank.build(corpus, vectors, SPACE, settings)
    build_s = time.perf_counter() - started
    del vectors
    said: dict[str, Any] = {"vectors": rows, **speed(bank, queries["planted"])}
    found = recalls(bank, queries)
    said |= {"recall_at_5": found["planted"], "build_s": build_s, "training_s": training_s(bank)}
    said["build_without_training_s"] = build_s - said["training_s"]
    said["save_s"] = seconds(lambda: bank.save(folder / "bank"))
    said["disk_mib"] = {one.name: one.stat().st_size / 2**20 for one in sorted((folder / "bank").iterdir())}
    said |= loaded(folder / "bank")
    times, changed = update(bank, rng)
    said |= {
        "update_200_s": statistics.median(times),
        "update_share_of_build": statistics.median(times) / build_s,
    }
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
