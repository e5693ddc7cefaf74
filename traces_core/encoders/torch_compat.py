"""What to settle before a model is loaded: torchvision's compiled part, the hub, what the library prints.

Call `mend_torchvision` before `open_clip` or a model of `transformers` is imported, and import them where a
model is built: it takes four seconds, which a mere check for stale artifacts need not wait for. The import
statement stays in the module that encodes: by it, `code_digest` knows that the library's release counts.
Nothing about a particular model belongs here.

Notes
-----
Where pip is set up to prefer a CPU build of torch, torch and torchvision can come from two builds that do
not fit, and `import torchvision` fails with `operator torchvision::nms does not exist`, although none of
our encoders needs that operator. `mend_torchvision` declares it and imports again. With fitting builds it
does nothing.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock
from urllib.parse import urlsplit

import torch

_BOXES = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
LOADING = RLock()
"""Held while a library of models is imported: two threads must not both be the first to import one."""
_kept: list[torch.library.Library] = []
HUB_TIMEOUT_S = 3.0
"""How long the hub may take to accept a connection before it counts as out of reach, in seconds."""


@cache
def mend_torchvision() -> bool:
    """Make `import torchvision` work although its compiled part does not fit this torch.

    Returns
    -------
    bool
        True where something had to be mended, False where torchvision imports as it is.

    Raises
    ------
    RuntimeError
        The import fails for another reason than a missing `torchvision::` operator.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    else:
        return False
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        library.define(f"{operator}{_BOXES}")  # type: ignore[no-untyped-call]
    _kept.append(library)
    importlib.import_module("torchvision")
    return True


@contextmanager
def quick_hub() -> Iterator[bool]:
    """Within it, a hub out of reach fails immediately instead of after half a minute of retries.

    Yields
    ------
    bool
        Whether the hub accepts connections. Where it does not, only its local cache is looked at.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _is_reachable(constants.ENDPOINT)
    try:
        yield not constants.HF_HUB_OFFLINE
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def no_loading_bars() -> Iterator[None]:
    """Within it, `transformers` draws no bar ("Loading weights") for what it reads from a disk."""
    from transformers.utils import logging

    was_drawing = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_drawing:
            logging.enable_progress_bar()


def _is_reachable(endpoint: str) -> bool:
    """Whether a connection opens; with a proxy in the environment, only a request could tell."""
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=HUB_TIMEOUT_S).close()
    except OSError:
        return False
    return True
