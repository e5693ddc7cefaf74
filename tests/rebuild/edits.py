"""The changes that rows of the table make. Each returns how to run where that is out of the ordinary."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import polars as pl

from rebuild.sites import RATE, ROOT, Site
from traces_core.practice import plan_video, world

How = dict[str, Any]
CORRIDOR = "benchmark/corridor/corridor_1000000102"
NEW = "benchmark/corridor/new"
OURS = ("traces_core", "pipelines", "assets", "experiments")

EDITS = {
    "prompt": ("text/writers/prompts.py", "Answer with JSON alone.", "Answer with nothing but JSON."),
    "scoring": (
        "scoring/neighbours.py",
        "difference: Array = _mean(anomalous) - _mean(normal)",
        "difference: Array = _mean(anomalous) - np.float32(0.9) * _mean(normal)",
    ),
    "same": (
        "scoring/neighbours.py",
        "difference: Array = _mean(anomalous) - _mean(normal)",
        "difference: Array = -_mean(normal) + _mean(anomalous)",
    ),
    "comment": (
        "scoring/neighbours.py",
        "difference: Array = _mean(anomalous)",
        "# the gap\n    difference: Array = _mean(anomalous)",
    ),
    "layout": (
        "scoring/neighbours.py",
        "difference: Array = _mean(anomalous) - _mean(normal)",
        "difference: Array = (\n        _mean(anomalous)\n        - _mean(normal)\n    )",
    ),
}
"""Edits of the library: file, what stands there, what stands there then."""


def edited_code(site: Site, edit: tuple[str, str, str]) -> How:
    """A copy of the library with one edit, to be imported in place of the checkout's."""
    file, old, new = edit
    package = site.folder / "code" / "traces_core"
    # With the bytecode, which else each process there makes again.
    shutil.copytree(ROOT / "traces_core", package, ignore=shutil.ignore_patterns("pocket"))
    (package / "encoders" / "pocket").symlink_to(ROOT / "traces_core" / "encoders" / "pocket")
    source = (package / file).read_text()
    assert source.count(old) == 1, f"{file} says {old!r} {source.count(old)} times"
    (package / file).write_text(source.replace(old, new))
    return {"first_on_path": (str(package.parent),), "reimported": OURS}


def upgraded(site: Site, library: str, release: str) -> How:
    """Another release of a library, by its installed metadata."""
    folder = site.folder / "code" / f"{library.replace('-', '_')}-{release}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {library}\nVersion: {release}\n")
    return {"first_on_path": (str(folder.parent),), "reimported": OURS}


def redrawn(path: Path, seed: int) -> Path:
    """Another quiet corridor of the same length, as a file of that name."""
    plan = plan_video("corridor", seed=world.FIRST_SEED + seed, rate=RATE, pool="held_out", duration_s=11.0)
    beside = path.parent.parent.parent / "beside"
    world.write_corpus(beside, [plan])
    [drawn] = beside.rglob("*.mp4")
    shutil.move(drawn, path)
    shutil.rmtree(beside)
    return path


def remuxed(path: Path) -> Path:
    """The same packets under another title."""
    copy = path.with_suffix(".copy.mp4")
    with av.open(str(path)) as reading, av.open(str(copy), "w") as writing:
        stream = reading.streams.video[0]
        target = writing.add_stream_from_template(stream)
        writing.metadata["title"] = "another title"
        for packet in reading.demux(stream):
            if packet.size:
                packet.stream = target
                writing.mux(packet)
    assert copy.read_bytes() != path.read_bytes()
    copy.replace(path)
    return path


def setting(**dotted: Any) -> Callable[[Site], None]:
    """Settings have other values."""
    return lambda site: site.set(**dotted)


def code(edit: str) -> Callable[[Site], How]:
    """The library's code is another one."""
    return lambda site: edited_code(site, EDITS[edit])


def one_sentence(site: Site) -> None:
    """A normal sentence of one context is another one."""
    site.edit("corridor", site.sentence("corridor"), "a person runs and falls on the floor")


def a_comment_in_the_catalog(site: Site) -> None:
    """The file of a context changes, and what it says does not."""
    site.edit("corridor", "normal:", "# what may happen\nnormal:")


def another_context(site: Site) -> How:
    """A context more is in use."""
    site.set(corpus__contexts=["corridor", "shop", "street"])
    return {"reimported": OURS}  # partitions are read at import


def one_context_less(site: Site) -> How:
    """A context is not in use any more."""
    site.set(corpus__contexts=["street"])
    return {"reimported": OURS}  # partitions are read at import


def one_video_redrawn(site: Site) -> None:
    """A file holds another video of the same length."""
    redrawn(site.videos(context="corridor")[0], seed=7)


def one_video_remuxed(site: Site) -> None:
    """A file is another one, with the same packets."""
    remuxed(site.videos(context="corridor")[0])


def a_new_video(site: Site) -> None:
    """A video more."""
    redrawn(site.folder / "footage/benchmark/corridor/new.mp4", seed=8)


def a_video_less(site: Site) -> None:
    """A video less."""
    site.videos(context="corridor")[0].unlink()


def an_annotation(site: Site) -> None:
    """Each event ends a quarter of a second sooner."""
    table = next((site.folder / "footage/benchmark").glob("annotations.*"))
    events = pl.read_parquet(table) if table.suffix == ".parquet" else pl.read_csv(table)
    events = events.with_columns(end_s=pl.col("end_s").cast(pl.Float64) - 0.25)
    events.write_parquet(table) if table.suffix == ".parquet" else events.write_csv(table)


def another_machine(site: Site) -> How:
    """The device has another name, there are two threads, and store and catalog lie elsewhere.

    The site as a whole lies elsewhere in every row.
    """
    shutil.move(site.store.root, site.folder / "elsewhere")
    shutil.move(site.folder / "catalog", site.folder / "words")
    machine = {"TRACES_CATALOG": str(site.folder / "words"), "TRACES_DEVICE": "cpu:0"}
    return {"data": "elsewhere", "environment": machine, "threads": 2}


def another_release_of_faiss(site: Site) -> How:
    """FAISS is of another release, by its installed metadata."""
    return upgraded(site, "faiss-cpu", "99.0.1")


def an_artifact_deleted(site: Site) -> None:
    """A file of features is gone."""
    site.store.current("features", _id_of(site, CORRIDOR)).path.unlink()


def an_artifact_corrupted(site: Site) -> None:
    """A bit of a file of vectors is another one."""
    path = site.store.current("trace_embeddings", "street").path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _id_of(site: Site, name: str) -> str:
    return next(one for one, known in site.names().items() if known == name)
