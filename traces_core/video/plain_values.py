"""Values as JSON and arrays, for a process that must not be trusted: nothing is unpickled.

A decoder that a hostile file took over can send what it likes; what arrives is a number, a text, an array, a
data class of `traces_core` or one of its errors, and nothing else.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = list[NDArray[Any]]


def packed(value: Any) -> tuple[bytes, Arrays]:
    """A value as JSON, and the arrays that it leaves out, in their order.

    Examples
    --------
    >>> packed((1, Path("a.mp4"), np.zeros(2, np.uint8)))
    (b'{"tuple": [1, {"path": "a.mp4"}, {"array": ["|u1", [2]]}]}', [array([0, 0], dtype=uint8)])
    """
    arrays: Arrays = []
    return json.dumps(_plain(value, arrays)).encode(), arrays


def unpacked(message: bytes, arrays: list[bytearray]) -> Any:
    """The value; `arrays` are the bytes of those that `packed` left out.

    Raises
    ------
    ValueError
        It is none that `packed` gives.
    """
    return _value(json.loads(message), iter(arrays))


def _plain(value: Any, arrays: Arrays) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value.item() if isinstance(value, np.generic) else value
        case list():
            return [_plain(one, arrays) for one in value]
        case tuple():
            return {"tuple": [_plain(one, arrays) for one in value]}
        case dict():
            return {"dict": [[_plain(name, arrays), _plain(one, arrays)] for name, one in value.items()]}
        case Path():
            return {"path": str(value)}
        case Fraction():
            return {"fraction": [value.numerator, value.denominator]}
        case np.ndarray():
            arrays.append(np.ascontiguousarray(value))
            return {"array": [value.dtype.str, list(value.shape)]}
        case Exception():
            return {"error": [*_name(value), _plain(list(value.args), arrays), _plain(vars(value), arrays)]}
    if not dataclasses.is_dataclass(value):
        raise TypeError(f"{type(value).__qualname__} is no plain value.")
    fields = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    return {"dataclass": [*_name(value), _plain(fields, arrays)]}


def _name(value: Any) -> list[str]:
    return [type(value).__module__, type(value).__qualname__]


def _value(plain: Any, arrays: Any) -> Any:
    if isinstance(plain, list):
        return [_value(one, arrays) for one in plain]
    if not isinstance(plain, dict):
        return plain
    [(kind, content)] = plain.items()
    match kind:
        case "tuple":
            return tuple(_value(one, arrays) for one in content)
        case "dict":
            return {_value(name, arrays): _value(one, arrays) for name, one in content}
        case "path":
            return Path(content)
        case "fraction":
            return Fraction(*content)
        case "array":
            dtype, shape = content
            return np.frombuffer(next(arrays), np.dtype(dtype)).reshape(shape)
        case "dataclass":
            module, name, fields = content
            return _class(module, name)(**_value(fields, arrays))
        case "error":
            module, name, words, attributes = content
            return _error(_class(module, name), _value(words, arrays), _value(attributes, arrays))
    raise ValueError(f"{kind!r} is no plain value.")


def _class(module: str, name: str) -> Any:
    """A data class of ours, or an error of ours or of Python."""
    if module.partition(".")[0] in ("traces_core", "builtins"):
        found = getattr(importlib.import_module(module), name, None)
        if isinstance(found, type) and (dataclasses.is_dataclass(found) or issubclass(found, Exception)):
            return found
    raise ValueError(f"{module}:{name} is no plain value.")


def _error(kind: type[Exception], words: list[Any], attributes: dict[str, Any]) -> Exception:
    """An error with its words and attributes, whatever its constructor takes."""
    error = kind.__new__(kind, *words)
    error.args = tuple(words)
    vars(error).update(attributes)
    return error
