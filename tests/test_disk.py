"""What the operating system refuses is said as what it is; what is written is whole, readable and lasting."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import faiss
import numpy as np
import polars as pl
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from pipelines.automation import a_disk_is_away
from traces_core import disk
from traces_core.disk import aside, storage_error, temporary_folder, writable_folder, write_whole
from traces_core.errors import CorruptArtifactError, StorageError
from traces_core.store import Store, digest

ARRAY = np.ones((1 << 14,), np.float32)
WRITERS: dict[str, Callable[[Path], object]] = {
    "Python": lambda path: path.write_bytes(bytes(1 << 20)),
    "polars": lambda path: pl.DataFrame({"a": np.random.default_rng(0).random(1 << 14)}).write_parquet(path),
    "safetensors": lambda path: save_file({"a": ARRAY}, path),
    "numpy": lambda path: ARRAY.tofile(path),
    "faiss": lambda path: faiss.write_index(_index(), str(path)),
}


def _index() -> object:
    index = faiss.IndexFlatL2(4)
    index.add(np.ones((1 << 14, 4), np.float32))
    return index


def _made(store: Store) -> object:
    return store.remember("numbers", made_from={}, make=lambda: {"a": ARRAY}, code="1")


@pytest.mark.parametrize("library", WRITERS)
def test_a_disk_that_takes_no_more_is_one_thing_whichever_library_met_it(
    library: str, tmp_path: Path
) -> None:
    """Files may have 4 KiB meanwhile. Never try this on a device: a library renames over it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(Exception) as raised:  # noqa: PT011  of each library its own
            WRITERS[library](tmp_path / "file")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert a_disk_is_away(raised.value)
    told = storage_error(raised.value, "data/numbers")
    assert told is not None
    assert told.errno in (errno.EFBIG, errno.ENOSPC)
    assert "traces prune" in str(told)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        pl.exceptions.ComputeError("No space left on device (os error 28)"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        OSError("65536 requested and 0 written"),
        RuntimeError("Error in fwrite: write error: 0 != 1 (No space left on device)"),
    ],
)
def test_a_full_disk_is_known_by_what_a_library_quotes(error: Exception) -> None:
    told = storage_error(error, "data/numbers")
    assert told is not None
    assert (told.errno, a_disk_is_away(error)) == (errno.ENOSPC, True)


@pytest.mark.parametrize("error", [ValueError("5 requested"), pl.exceptions.SchemaError("a"), KeyError("x")])
def test_an_error_of_another_kind_is_no_matter_of_the_disk(error: Exception) -> None:
    assert storage_error(error) is None


REFUSED = [  # what the system says, what to do
    (errno.EACCES, "Ask its owner"),
    (errno.EIO, "dmesg"),
    (errno.ESTALE, "unmounted"),
    (errno.EMFILE, "ulimit -n"),
]


@pytest.mark.parametrize(("code", "remedy"), REFUSED)
def test_a_file_that_the_system_does_not_give_is_not_called_damaged(
    code: int, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    _made(store)

    def refuse(path: Path) -> str:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(digest, "_bytes_digest", refuse)
    for ask in (lambda: store.current("numbers"), lambda: _made(store)):
        with pytest.raises(StorageError, match=remedy) as raised:
            ask()
        assert str(tmp_path / "numbers") in str(raised.value)
        assert "Delete" not in str(raised.value)


def test_a_file_that_is_cut_short_is_still_called_damaged(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = _made(store)
    made.path.write_bytes(made.path.read_bytes()[:99])
    with pytest.raises(CorruptArtifactError, match="Delete it"):
        made.read()


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_what_is_written_has_the_rights_that_the_process_gives(tmp_path: Path) -> None:
    def write_folder(path: Path) -> Path:
        path.mkdir(mode=0o700)
        save_file({"a": ARRAY}, path / "a.safetensors")
        return path

    store = Store(tmp_path / "data")
    made = store.remember_path("folder", made_from={}, write=write_folder, code="1").path
    alone = tmp_path / "alone.safetensors"
    with aside(alone) as half:
        save_file({"a": ARRAY}, half)
    files = [_made(store).path, made / "a.safetensors", alone]
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o640"}
    assert oct(made.stat().st_mode & 0o777) == "0o750"


def test_a_file_that_is_replaced_keeps_its_rights_and_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    file, link = tmp_path / "real" / "a.yaml", tmp_path / "a.yaml"
    file.write_text("old")
    file.chmod(0o604)
    link.symlink_to(file)
    write_whole(link, "new")
    assert link.is_symlink()
    assert (file.read_text(), oct(file.stat().st_mode & 0o777)) == ("new", "0o604")


def test_a_rename_comes_after_its_content_and_is_itself_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    real_sync, real_replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        happened.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        real_sync(descriptor)

    def replaced(path: Path, target: Path) -> Path:
        happened.append(f"-> {target.name}")
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    recipe = _made(Store(tmp_path)).recipe
    named = [happened.index(f"-> {recipe}{suffix}") for suffix in (".safetensors", ".recipe.json")]
    assert happened.index(f"{recipe}.safetensors") < named[0] < named[1]
    assert "all" in happened[named[1] :]  # the folder, with both names


def test_what_killed_writers_left_is_pruned_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept = _made(store)
    folder, dead = kept.path.parent, _dead_process()
    orphan = folder / f"{'0' * 16}.parquet"  # the process died between the artifact and its recipe
    orphan.write_bytes(b"x")
    half = folder / f".current-{dead}-0123abcd"
    half.write_text("x")
    elsewhere = tmp_path / "others" / "all"
    elsewhere.mkdir(parents=True)
    (elsewhere / orphan.name).write_bytes(b"x")
    (tmp_path / "others" / "mine.txt").write_text("not ours to delete")
    assert sum(one.files for one in store.unused()) == 3
    store.prune()
    assert [one.name for one in tmp_path.rglob("*") if one in (orphan, half, elsewhere / orphan.name)] == []
    assert (tmp_path / "others" / "mine.txt").exists()
    assert store.current("numbers").read()["a"].shape == ARRAY.shape
    orphan.write_bytes(b"x")
    (folder / f".making-{os.getpid()}-0123abcd").mkdir()
    store.prune()
    assert orphan.exists()


def _dead_process() -> int:
    done = subprocess.Popen(["true"])
    done.wait()
    return done.pid


def test_a_temporary_folder_goes_with_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import time; from traces_core.disk import temporary_folder\n"
        "with temporary_folder() as folder: print(folder, flush=True); time.sleep(99)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as child:
        left = Path(child.stdout.readline().decode().strip())
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with temporary_folder():
            assert left.is_dir()  # its process lives
        child.send_signal(signal.SIGKILL)
    with temporary_folder() as mine:
        assert not left.exists()
        assert oct(mine.stat().st_mode & 0o777) == "0o700"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError, match="move that away, or name another"):
            writable_folder(folder)
    assert writable_folder(tmp_path / "new" / "folder").is_dir()
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    file = tmp_path / f"{'ü' * 120}.txt"  # 244 bytes: no room for a suffix
    write_whole(file, "old")

    def fail() -> None:
        with aside(file) as half:
            half.write_text("new")
            raise OSError(errno.ENOSPC, "No space left on device", str(half))

    with pytest.raises(StorageError, match="No space left") as raised:
        fail()
    assert str(file) in str(raised.value)
    assert (file.read_text(), len(list(tmp_path.iterdir()))) == ("old", 1)


def test_nothing_else_in_the_code_writes_temporary_files_its_own_way() -> None:
    """Names of temporary files that `disk` does not know are never swept."""
    root = Path(disk.__file__).parent
    allowed = {
        "disk.py",
        "job.py",
        "writing.py",
    }  # pretraining's recipe is its code; a container's own suffix
    packages = (root, root.parent / "pipelines")
    files = [path for package in packages for path in package.rglob("*.py") if path.name not in allowed]
    own = [
        path
        for path in files
        if re.search(
            r"^    (?!>>>|\.\.\.).*(mkdtemp|mkstemp|dTemporaryFile|TemporaryDirectory)\(",
            path.read_text(),
            re.M,
        )
    ]
    assert own == []
