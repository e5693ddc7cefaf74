"""Arrays that grow on disk, so that a video of two hours needs no more memory than one of two minutes.

Writing only; the finished file is ordinary safetensors, read with that library.
"""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_TYPES = {"float16": "F16", "float32": "F32", "float64": "F64", "int64": "I64", "uint8": "U8"}


class ArrayWriter:
    """Named arrays, appended to row by row, that become one safetensors file when finished.

    Parameters
    ----------
    path
        The file to write. Rows wait beside it, in one raw file per array, until `finish`.

    Examples
    --------
    >>> import tempfile
    >>> from safetensors.numpy import load_file
    >>> path = Path(tempfile.mkdtemp()) / "rows.safetensors"
    >>> with ArrayWriter(path) as arrays:
    ...     arrays.append("x", np.zeros((2, 3), np.float32))
    ...     arrays.append("x", np.ones((1, 3), np.float32))
    ...     arrays.finish()
    >>> load_file(path)["x"].shape
    (3, 3)
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: dict[str, BinaryIO] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._dtypes: dict[str, np.dtype[Any]] = {}

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, stream in self._files.items():
            stream.close()
            self._raw(name).unlink(missing_ok=True)

    def append(self, name: str, rows: NDArray[Any]) -> None:
        """Add rows of shape (n, ...) to the array of that name; the first call fixes its kind and width.

        Raises
        ------
        ValueError
            If the rows are of another kind or width than those before.
        """
        if name not in self._files:
            if rows.dtype.name not in _TYPES:
                raise ValueError(f"{name}: safetensors has no name here for {rows.dtype}")
            self._files[name] = self._raw(name).open("wb+")
            self._shapes[name], self._dtypes[name] = (0, *rows.shape[1:]), rows.dtype
        count, *width = self._shapes[name]
        if rows.dtype != self._dtypes[name] or rows.shape[1:] != tuple(width):
            raise ValueError(f"{name}: {rows.dtype}{rows.shape[1:]} after {self._dtypes[name]}{tuple(width)}")
        self._files[name].write(np.ascontiguousarray(rows).tobytes())
        self._shapes[name] = (count + len(rows), *width)

    def finish(self) -> None:
        """Join the arrays into the safetensors file: header, then each array's bytes in turn."""
        header: dict[str, Any] = {}
        start = 0
        for name, shape in self._shapes.items():
            kind = self._dtypes[name]
            end = start + int(np.prod(shape)) * kind.itemsize
            header[name] = {"dtype": _TYPES[kind.name], "shape": shape, "data_offsets": [start, end]}
            start = end
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with self._path.open("wb") as out:
            out.write(struct.pack("<Q", len(text)) + text)
            for stream in self._files.values():
                stream.seek(0)
                shutil.copyfileobj(stream, out, 1 << 20)

    def _raw(self, name: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{name}.rows")
