from __future__ import annotations

import subprocess
import sys
import time

import pytest
from huggingface_hub import constants

from traces_core.encoders import torch_compat

# A torchvision whose compiled part does not load, as with builds of torch that do not fit.
BROKEN = """
import torch
def refuse(path, *rest): raise OSError("undefined symbol in " + str(path))
torch.ops.load_library = refuse
"""


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )


def test_a_torchvision_that_does_not_fit_torch_breaks_the_plain_import():
    assert "torchvision::nms does not exist" in _python(BROKEN + "import torchvision").stderr


def test_the_encoders_mend_what_they_import():
    mended = _python(
        BROKEN
        + "from traces_core.encoders.clip import ClipEncoder\n"
        + "from traces_core.encoders.timesformer import TimesformerEncoder\n"
        + "import numpy as np\n"
        + "ClipEncoder.load().encode_texts(['a person falls'])\n"
        + "TimesformerEncoder.load().encode_windows(np.zeros((1, 16, 96, 128, 3), np.uint8))\n"
        + "import torchvision\nprint('imported')"
    )
    assert "imported" in mended.stdout, mended.stderr


def test_a_torchvision_that_fits_is_left_alone():
    assert torch_compat.mend_torchvision() is False


def test_a_hub_out_of_reach_is_noticed_within_its_time_limit(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    began = time.monotonic()
    with torch_compat.quick_hub() as is_reachable:
        assert constants.HF_HUB_OFFLINE
    assert not is_reachable
    assert time.monotonic() - began < torch_compat.HUB_TIMEOUT_S + 1


def test_what_was_decided_about_the_hub_does_not_outlive_the_question(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    before = constants.HF_HUB_OFFLINE
    with pytest.raises(KeyError), torch_compat.quick_hub():
        raise KeyError("anything")
    assert before == constants.HF_HUB_OFFLINE


def test_who_an_encoder_is_takes_none_of_the_slow_imports():
    asked = _python(
        "import sys\n"
        "from traces_core.encoders.clip import ClipEncoder\n"
        "from traces_core.encoders.timesformer import TimesformerEncoder\n"
        "ClipEncoder.load().fingerprint, TimesformerEncoder.load().fingerprint\n"
        "print(sorted({'open_clip', 'torchvision'} & sys.modules.keys()))"
    )
    assert asked.stdout.strip() == "[]", asked.stderr
