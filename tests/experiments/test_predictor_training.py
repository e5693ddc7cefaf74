"""Training a coder: normal videos only, early stopping, a killed one that goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.ped2.coding.clips import NormalVideos, PixelVideos, start_of
from experiments.ped2.coding.encoder3d import build_coder
from experiments.ped2.coding.training import one_cycle, split_videos, train_coder
from experiments.ped2.settings import CoderSettings
from traces_core.context_aware.predictive.coder import coder_of
from traces_core.errors import NotFiniteError, TrainingCorpusError
from traces_core.fusion.training_loop import WARM_UP_SHARE

SMALL = CoderSettings(
    blocks=4, steps_ahead=1, dimensions=6, hidden=6, steps=20, batch=3, evaluate_every=5, learning_rate=1e-2
)


@dataclass(frozen=True)
class TokenVideos:
    """Videos as grids, one a block: the loop does not mind what a block is, and grids are cheap."""

    videos: list[torch.Tensor]

    def clip(self, video: int, blocks: int, rng: np.random.Generator) -> torch.Tensor:
        start = start_of(len(self.videos[video]), blocks, rng)
        return self.videos[video][start : start + blocks]


def _drifting(videos: int = 4, blocks: int = 8) -> TokenVideos:
    """Noise that moves one place to the right with every block: what comes can be known."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(videos):
        wide = torch.from_numpy(rng.normal(size=(5, 3, 16)).astype(np.float32))
        made.append(torch.stack([wide.roll(step, dims=-1)[:, :, :5] for step in range(blocks)]))
    return TokenVideos(made)


def _trained(settings: CoderSettings = SMALL, videos: NormalVideos | None = None, **options: object):
    torch.manual_seed(settings.seed)
    return train_coder(coder_of(settings, 5), videos or _drifting(), settings, **options)


def _weights(trained) -> dict[str, torch.Tensor]:
    return trained.coder.state_dict()


def test_what_can_be_predicted_is_learned() -> None:
    settings = SMALL.model_copy(update={"steps": 120, "evaluate_every": 20})
    curve = _trained(settings).curve
    assert curve[0].step == 0
    assert "training_loss" not in curve[0].metrics
    assert min(point.validation.loss for point in curve) < 0.8 * curve[0].validation.loss


@pytest.mark.usefixtures("half_precision")
def test_it_learns_in_half_precision_as_on_a_gpu() -> None:
    trained = _trained(SMALL.model_copy(update={"steps": 120, "evaluate_every": 20}))
    assert min(point.validation.loss for point in trained.curve) < 0.8 * trained.curve[0].validation.loss
    assert {value.dtype for value in _weights(trained).values()} == {torch.float32}


def test_the_weights_that_ship_are_those_of_the_lowest_validation_loss() -> None:
    trained = _trained()
    lowest = min(trained.curve, key=lambda point: point.validation.loss)
    assert trained.best_step == lowest.step
    assert not trained.coder.training


def test_the_same_seed_gives_the_same_weights_and_another_one_others() -> None:
    one, same = _trained(), _trained()
    other = _trained(SMALL.model_copy(update={"seed": 1}))
    assert all(torch.equal(value, _weights(same)[name]) for name, value in _weights(one).items())
    assert not torch.equal(_weights(one)["project.weight"], _weights(other)["project.weight"])


class _KilledError(Exception):
    pass


def test_a_training_that_was_killed_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    def kill(step: int, metrics: object) -> None:
        if step == 10:
            raise _KilledError

    checkpoint = tmp_path / "state.safetensors"
    with pytest.raises(_KilledError):
        _trained(checkpoint=checkpoint, progress=kill)
    seen: list[int] = []
    resumed = _trained(checkpoint=checkpoint, progress=lambda step, metrics: seen.append(step))
    straight = _trained()
    assert seen == [15, 20]
    assert resumed.curve == straight.curve
    assert all(torch.equal(value, _weights(straight)[name]) for name, value in _weights(resumed).items())


def test_training_ends_early_where_the_normal_validation_loss_falls_no_more() -> None:
    settings = SMALL.model_copy(update={"steps": 400, "patience": 2, "learning_rate": 1.0})
    curve = _trained(settings).curve
    best = min(curve, key=lambda point: point.validation.loss).step
    assert curve[-1].step < 400
    assert sum(point.step > best for point in curve) == 2


def test_the_learning_rate_rises_and_falls() -> None:
    settings = SMALL.model_copy(update={"steps": 60, "evaluate_every": 1, "patience": 99})
    rates = [point.metrics["learning_rate"] for point in _trained(settings).curve]
    top = int(np.argmax(rates))
    assert 0 < top < len(rates) - 1
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[top] == pytest.approx(SMALL.learning_rate, rel=0.05)


@pytest.mark.parametrize("steps", [2, 7, 60, 1201])
def test_the_learning_rates_are_those_of_torch_to_the_last_bit(steps: int) -> None:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=3e-3, total_steps=steps, pct_start=WARM_UP_SHARE, cycle_momentum=False
    )
    for step in range(steps - 1):
        assert one_cycle(step, steps, 3e-3) == schedule.get_last_lr()[0]
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize(("count", "share", "kept"), [(2, 0.01, 1), (10, 0.2, 2), (4, 0.99, 3)])
def test_whole_videos_are_kept_for_validation_and_both_sides_have_one(
    count: int, share: float, kept: int
) -> None:
    training, validation = split_videos(count, SMALL.model_copy(update={"validation_share": share}))
    assert len(validation) == kept
    assert sorted([*training, *validation]) == list(range(count))


def test_too_few_or_too_short_videos_are_refused() -> None:
    with pytest.raises(TrainingCorpusError, match=r"1 normal video\(s\)"):
        _trained(videos=_drifting(1))
    with pytest.raises(TrainingCorpusError, match=r"shorter than a training clip of 4.*predictor\.blocks"):
        _trained(videos=_drifting(blocks=3))


def test_a_loss_that_is_no_number_stops_training() -> None:
    videos = TokenVideos([video * float("nan") for video in _drifting().videos])
    with pytest.raises(NotFiniteError, match=r"predictor\.learning_rate"):
        _trained(videos=videos)


def test_pixels_are_cut_into_blocks_of_consecutive_frames_at_one_place() -> None:
    frames = torch.arange(20.0)[:, None, None] * 100 + torch.arange(6.0)[:, None] * 10 + torch.arange(7.0)
    videos = PixelVideos([frames[None]], block_frames=3, crop=(2, 4), is_mirrored=False)
    clip = videos.clip(0, 2, np.random.default_rng(1))
    assert clip.shape == (2, 1, 3, 2, 4)
    steps = clip[:, 0].flatten(0, 1).diff(dim=0)
    assert torch.equal(steps, torch.full_like(steps, 100.0))
    assert torch.equal(clip[0, 0, 0].diff(dim=1), torch.ones(2, 3))
    assert torch.equal(clip[0, 0, 0].diff(dim=0), torch.full((1, 4), 10.0))


def test_every_second_clip_is_mirrored() -> None:
    ramp = torch.arange(8.0).expand(1, 4, 8, 8)
    videos = PixelVideos([ramp], block_frames=2)
    rng = np.random.default_rng(0)
    rising = [bool(videos.clip(0, 2, rng)[0, 0, 0, 0].diff().mean() > 0) for _ in range(40)]
    assert 8 < sum(rising) < 32


def test_a_coder_of_pixels_learns_as_one_of_tokens_does() -> None:
    settings = SMALL.model_copy(update={"block_frames": 2, "steps": 2, "evaluate_every": 1})
    videos = PixelVideos([torch.rand(1, 10, 16, 24) for _ in range(2)], block_frames=2, crop=(16, 16))
    trained = train_coder(build_coder(settings), videos, settings)
    assert len(trained.curve) == 3
    assert trained.coder.embed(torch.rand(1, 2, 1, 2, 16, 24)).shape == (1, 2, 6, 2, 3)
