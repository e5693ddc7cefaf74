"""Files: written whole or not at all, one writer at a time, and what the system says when it refuses.

    storage_error  what the operating system said, through whichever library    aside   write, then rename
    unreadable     that, or else a damaged file                                  locked  one at a time
    temporary_folder, writable_folder

What is in a file is not known here.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path

from traces_core.errors import CorruptArtifactError, StorageError, TracesError

_MARK = re.compile(r"-(?P<process>\d+)-[0-9a-f]{8}(?:\.\w+)*$")
"""How the name of what is being written ends; see `litter_name`."""
_OF_RUST = re.compile(r"\(os error (\d+)\)")
_OF_NUMPY = re.compile(r"\d+ requested and \d+ written")
_QUOTING = ("polars", "safetensors", "sqlite3")
"""Libraries whose errors quote the system's words; FAISS raises a plain `RuntimeError`."""
_LONGEST = 40
"""Characters of a file's name within that of its litter: a name has 255 bytes, and a letter up to four."""

_GONE = "If its disk was unmounted or its folder moved, bring it back; nothing was deleted here."
_REFUSED = "Ask its owner for the right to it, or name another folder; nothing is damaged."
_TOO_MANY = "Let a process open more files (`ulimit -n`), or run fewer at once."
_FULL = "Free some space (`traces prune` lists what can go), then run it again: what was finished is kept."
_IN_THE_WAY = "Something else stands where it should be: move that away, or name another folder."
_NEXT = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: _REFUSED,
    errno.EPERM: _REFUSED,
    errno.EROFS: "Mount the disk for writing, or name another folder; nothing is damaged.",
    errno.EIO: "Look at the disk (`dmesg`) before anything is deleted: the file may be sound.",
    errno.ENOENT: _GONE,
    errno.ESTALE: _GONE,
    errno.ENODEV: _GONE,
    errno.ENXIO: _GONE,
    errno.ENOTCONN: _GONE,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.EISDIR: _IN_THE_WAY,
    errno.EMFILE: _TOO_MANY,
    errno.ENFILE: _TOO_MANY,
    errno.ENAMETOOLONG: "Give it a shorter name.",
}
"""What to do, by the system's number of an error."""
OF_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""What is never said of a file that is only read."""
_OTHERWISE = "Mend that, then run it again; nothing is known to be damaged."


def storage_error(error: BaseException, path: Path | str | None = None) -> StorageError | None:
    """What the operating system refused, in words; None where the error is no matter of the system.

    A full disk arrives as an `OSError`, but also as polars' `ComputeError`, a `SafetensorError`, FAISS's
    `RuntimeError` or SQLite's: all of them are told by what they quote.

    Parameters
    ----------
    error
        As it was raised.
    path
        What was read or written, where the error does not name it.
    """
    if isinstance(error, StorageError):
        return error
    code = _code_of(error)
    if code is None or isinstance(error, TracesError):
        return None
    named = getattr(error, "filename", None)
    named = os.fsdecode(named) if isinstance(named, str | bytes) else ""
    place = Path(path or "the disk") if not named or _MARK.search(named) else Path(named)
    return StorageError(
        place, f"{os.strerror(code)}{_about(place, code)}", do=_NEXT.get(code, _OTHERWISE), code=code
    )


def _code_of(error: BaseException) -> int | None:
    """The system's number of an error, from the error or from what it quotes."""
    if isinstance(error, OSError) and error.errno:
        return error.errno if error.errno in errno.errorcode else None  # libav has numbers of its own
    text = str(error)
    if quoted := _OF_RUST.search(text):
        return int(quoted[1])
    if _OF_NUMPY.search(text) or getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
        return errno.ENOSPC
    if isinstance(error, OSError) and type(error) is not OSError:  # safetensors gives a kind without a number
        return next((code for code in _NEXT if type(OSError(code, "")) is type(error)), None)
    if (
        type(error) not in (OSError, RuntimeError)
        and type(error).__module__.partition(".")[0] not in _QUOTING
    ):
        return None  # a server may permit nothing, too
    return next((code for code in _NEXT if f"{os.strerror(code)}" in text), None)


def _about(place: Path, code: int) -> str:
    """What of the place explains the error: whose it is, how much is free."""
    with contextlib.suppress(OSError):
        there = next(one for one in (place, *place.absolute().parents) if one.exists())
        if code in (errno.EACCES, errno.EPERM):
            about = there.stat()
            mode = f"{about.st_mode & 0o777:o}"
            return f" ({there} is of user {about.st_uid}, mode {mode}; this is {os.geteuid()})"
        if code in (errno.ENOSPC, errno.EDQUOT):
            return f" ({shutil.disk_usage(there).free / 2**20:.0f} MiB free)"
    return ""


def unreadable(path: Path | str, error: BaseException, problem: str | None = None) -> TracesError:
    """Why a file could not be read: what the system said, else that it is damaged.

    Parameters
    ----------
    problem
        What is wrong with a damaged one; what the error says by default.
    """
    return storage_error(error, path) or CorruptArtifactError(path, problem or f"cannot be read ({error})")


@contextlib.contextmanager
def in_words(path: Path | str | None = None, *, codes: Collection[int] = ()) -> Iterator[None]:
    """Within, what the operating system refuses is raised as a `StorageError`; other errors as they are.

    Parameters
    ----------
    codes
        Only these of the system's numbers; any where none is given.
    """
    try:
        yield
    except Exception as error:
        translated = storage_error(error, path)
        if translated is None or translated is error or (codes and translated.errno not in codes):
            raise
        raise translated from error


def litter_name(name: str) -> str:
    """A name beside a file for what is not finished, with the process that writes it."""
    return f".{name[:_LONGEST]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def is_litter(path: Path) -> bool:
    """Whether something was left by a process that died while it wrote."""
    mark = _MARK.search(path.name)
    return mark is not None and not lives(int(mark["process"]))


def lives(process: int) -> bool:
    """Whether a process of that number runs on this machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's process
        return True
    return True


def sweep(folder: Path, beginning: str = ".") -> None:
    """Delete what processes that died left half written in a folder."""
    with contextlib.suppress(OSError):
        for left in folder.iterdir():
            if left.name.startswith(beginning) and is_litter(left):
                remove(left)


def remove(path: Path) -> None:
    """Delete a file or a folder as far as the system lets us."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A free path in the same folder: what is written there takes the name at the end, whole and for good.

    Its rights are those of the file it replaces, else what the process gives to a new file. A link stays one.

    Raises
    ------
    StorageError
        If it cannot be written; what was there stays as it was.
    """
    path = path.resolve()
    half = path.with_name(litter_name(path.name) + path.suffix[:_LONGEST])
    try:
        with in_words(path):
            yield half
            if path.is_file():
                half.chmod(path.stat().st_mode & 0o777)
            elif not half.stat().st_mode & 0o077:  # a library may keep what it writes to its owner
                half.chmod(_new_mode(path.parent))
            sync(half)
            half.replace(path)
            sync(path.parent)
    finally:
        remove(half)


def _new_mode(folder: Path) -> int:
    """The rights that this process gives to a new file there."""
    probe = folder / litter_name("mode")
    probe.touch()
    mode = probe.stat().st_mode & 0o777
    probe.unlink()
    return mode


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file aside and rename it; see `aside`."""
    with aside(path) as half:
        half.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def sync(path: Path) -> None:
    """Have what is in a file, or which names are in a folder, outlive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # a file system that knows none
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Within, nobody else has this folder locked; on a disk that knows no locks, everybody may."""
    with in_words(folder):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def writable_folder(folder: Path) -> Path:
    """A folder that is there and can be written, found out before anything is computed for it.

    Raises
    ------
    StorageError
        If it cannot be made or written.
    """
    with in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        _new_mode(folder)
    return folder


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A private folder on the machine's disk for temporary files, gone at the end.

    What a killed process left is deleted by the next one that asks.
    """
    place = Path(tempfile.gettempdir())
    sweep(place, "traces-")
    folder = place / f"traces{litter_name('')[1:]}"
    with in_words(folder):
        folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
