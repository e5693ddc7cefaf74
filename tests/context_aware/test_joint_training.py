"""Joint training on drawn footage: what learns, what stays, and that it can be stopped and taken up."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_views import (
    BLOCKS,
    EVENTS,
    JOINT,
    PREDICTOR,
    D,
    make_blueprint,
    make_corpus,
    make_model,
    make_views,
    unit,
)
from torch import Tensor, nn

from traces_core.context_aware.corpus import JointCorpus, NormalVideo
from traces_core.context_aware.grids import PatchGrids
from traces_core.context_aware.model import ContextAware
from traces_core.context_aware.objective import joint_loss, validate
from traces_core.context_aware.predictive.coder import PredictiveCoder
from traces_core.context_aware.settings import predictor_alone
from traces_core.context_aware.training import JointlyTrained, train_jointly
from traces_core.context_aware.views import Views
from traces_core.errors import ContextAwareError, NotFiniteError, TrainingCorpusError
from traces_core.fusion.training_loop import train_mode

LONGER = JOINT.model_copy(update={"steps": 60, "evaluate_every": 10, "patience": 50})
TIME_ALONE = JOINT.model_copy(update={"evidence": ("time",), "alpha": 1.0})
train = partial(train_jointly, cpc_temperature=PREDICTOR.temperature)


def weights(model: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(model.state_dict())


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def log_temperature() -> Tensor:
    return torch.tensor(JOINT.temperature).log()


@pytest.fixture(scope="module")
def trained() -> JointlyTrained:
    return train(make_model(LONGER), make_corpus(), LONGER)


def test_untrained_the_video_is_clips_own_vector() -> None:
    batch = make_corpus().draw(make_corpus().videos, 4, np.random.default_rng(0))
    video, _ = make_model().eval()(batch.seen)
    torch.testing.assert_close(video, batch.seen.appearance)


def test_training_lowers_the_validation_loss_and_both_of_its_parts(trained: JointlyTrained) -> None:
    assert trained.shipped, trained.reason
    assert trained.best_step > 0
    assert trained.validation.loss < trained.begin.loss
    assert trained.validation.info_nce < trained.begin.info_nce
    assert trained.validation.prediction < trained.begin.prediction
    assert trained.curve[0].step == 0


@pytest.mark.usefixtures("half_precision")
def test_half_precision_learns_as_much(trained: JointlyTrained) -> None:
    half = train(make_model(LONGER), make_corpus(), LONGER)
    assert half.validation.loss == pytest.approx(trained.validation.loss, abs=0.02)
    assert half.validation.loss != trained.validation.loss


def test_the_loss_is_alpha_of_one_and_the_rest_of_the_other() -> None:
    torch.manual_seed(0)
    corpus, model = make_corpus(), make_model().eval()
    nn.init.normal_(model.head.output.weight, std=0.1)  # type: ignore[union-attr]
    batch = corpus.draw(corpus.videos, 6, np.random.default_rng(0))
    for alpha in (0.0, 0.3, 1.0):
        settings = JOINT.model_copy(update={"alpha": alpha, "stay_close": 2.0})
        loss = joint_loss(model, batch, settings, log_temperature(), PREDICTOR.temperature)
        video, _ = model(batch.seen)
        moved = float((1 - (video * batch.seen.appearance).sum(-1)).mean().detach())
        expected = alpha * loss.alignment.item() + (1 - alpha) * loss.prediction.item() + 2.0 * moved
        assert loss.total.item() == pytest.approx(expected, rel=1e-5)
        assert moved > 1e-3


@pytest.mark.parametrize(
    ("alpha", "reached", "left"),
    [
        # CPC alone reaches the coder, not the head and not the gate
        (0.0, ("coder.project", "coder.aggregate", "coder.head"), ("head.", "gate.", "norms.")),
        # InfoNCE alone reaches head, gate and what the coder has seen, not what it predicts
        (1.0, ("coder.project", "coder.aggregate", "head.", "gate."), ("coder.head",)),
    ],
)
def test_gradients_flow_only_where_they_should(
    alpha: float, reached: tuple[str, ...], left: tuple[str, ...]
) -> None:
    settings = JOINT.model_copy(update={"alpha": alpha, "stay_close": 0.0})
    corpus, model = make_corpus(), make_model(settings)
    torch.manual_seed(0)
    nn.init.normal_(model.head.output.weight, std=0.1)  # type: ignore[union-attr]  # else nothing passes it
    nn.init.constant_(model.gate.strength, 0.1)  # type: ignore[arg-type]
    batch = corpus.draw(corpus.videos, 6, np.random.default_rng(0))
    joint_loss(model, batch, settings, log_temperature(), PREDICTOR.temperature).total.backward()  # type: ignore[no-untyped-call]
    moving = {
        name for name, p in model.named_parameters() if p.grad is not None and float(p.grad.abs().max()) > 0
    }
    assert all(any(name.startswith(part) for name in moving) for part in reached)
    assert not [name for name in moving if name.startswith(left)]


class PixelEncoder(nn.Module):
    """A frozen part with a BatchNorm in front of the grids, as a 3D-convolutional network has."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Dropout(0.5))

    def forward(self, blocks: Tensor) -> Tensor:
        out: Tensor = self.layers(blocks.mean(dim=2))
        return out


def test_a_frozen_part_stays_in_eval_mode_and_keeps_weights_and_batch_norm_statistics() -> None:
    model = make_model(LONGER)
    coder = model.coder
    assert coder is not None
    coder.encoder = PixelEncoder().requires_grad_(False)
    videos = [
        replace(video, views=replace(video.views, grids=video.views.grids[:, :, None]))  # type: ignore[index]
        for video in make_corpus().videos
    ]
    before, learned = weights(coder.encoder), weights(coder.aggregate)
    modes: list[bool] = []
    coder.encoder.layers[1].register_forward_hook(lambda module, *_: modes.append(module.training))
    done = train(model, JointCorpus(videos, make_corpus().captions, BLOCKS), LONGER)
    assert done.candidate.coder is not None
    assert equal(weights(done.candidate.coder.encoder), before)  # type: ignore[arg-type]
    assert int(before["layers.1.num_batches_tracked"]) == 0
    assert not any(modes)
    assert not equal(weights(done.candidate.coder.aggregate), learned)


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_the_predictor_moves_as_fast_as_its_share_of_the_learning_rate(rate: float) -> None:
    settings = JOINT.model_copy(update={"predictor_rate": rate, "steps": 1, "evaluate_every": 1})
    model = make_model(settings)
    before = weights(model.coder)  # type: ignore[arg-type]
    after = weights(train(model, make_corpus(), settings).candidate.coder)  # type: ignore[arg-type]
    moved = max(float((after[name] - before[name]).abs().max()) for name in before)
    # the first step of AdamW is the learning rate, whatever the gradient
    assert moved == pytest.approx(rate * JOINT.learning_rate, rel=0.2)


def test_what_learns_is_in_training_mode_and_what_is_frozen_is_not() -> None:
    model = make_model()
    model.gate.requires_grad_(False)
    train_mode(model)
    assert model.head is not None
    assert all(part.training for part in model.head.modules())
    assert not any(part.training for part in model.gate.modules())


def test_the_learning_rate_rises_and_falls_with_the_steps(trained: JointlyTrained) -> None:
    rates = [point.metrics["learning_rate"] for point in trained.curve]
    assert rates[0] < max(rates)
    assert rates[-1] == pytest.approx(0.0, abs=1e-6)
    assert len(set(rates)) == len(rates)


def test_training_ends_where_normal_validation_gets_no_better() -> None:
    impatient = LONGER.model_copy(update={"learning_rate": 1.0, "patience": 1, "evaluate_every": 5})
    done = train(make_model(impatient), make_corpus(), impatient)
    assert done.steps < impatient.steps
    assert done.curve[-1].step == done.steps


def test_a_training_that_was_killed_goes_on_to_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    whole = train(make_model(), make_corpus(), JOINT)
    file = tmp_path / "state.safetensors"

    def dies(step: int, metrics: object) -> None:
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(make_model(), make_corpus(), JOINT, checkpoint=file, progress=dies)
    assert file.is_file()
    resumed = train(make_model(), make_corpus(), JOINT, checkpoint=file)
    assert resumed.resumed_from == 4
    assert not file.exists()
    assert equal(weights(resumed.candidate), weights(whole.candidate))
    assert resumed.curve == whole.curve


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    other = JOINT.model_copy(update={"seed": 1})
    one, again = (train(make_model(), make_corpus(), JOINT).candidate for _ in range(2))
    assert equal(weights(one), weights(again))
    assert not equal(weights(one), weights(train(make_model(other), make_corpus(), other).candidate))


def test_no_video_is_both_trained_and_validated_on(trained: JointlyTrained) -> None:
    assert set(trained.videos["training"]).isdisjoint(trained.videos["validation"])
    assert len(trained.videos["training"]) + len(trained.videos["validation"]) == 18
    validated = {int(name[1:]) % 3 for name in trained.videos["validation"]}
    assert validated == {0, 1, 2}  # every event


def test_a_candidate_that_is_no_better_stays_back_and_what_ships_is_what_it_began_as() -> None:
    useless = JOINT.model_copy(update={"learning_rate": 1e-12, "steps": 2})
    model = make_model(useless)
    begin = weights(model)
    nothing = replace(make_corpus())
    done = train(model, nothing, useless)
    assert done.shipped == (done.best_step > 0 and done.validation.retrieval >= done.begin.retrieval)
    if not done.shipped:
        assert equal(weights(done.model), begin)


def test_progress_tells_every_curve_that_a_tracker_wants() -> None:
    reported: list[tuple[int, dict[str, float]]] = []

    def note(step: int, metrics: Mapping[str, float]) -> None:
        reported.append((step, dict(metrics)))

    train(make_model(), make_corpus(), JOINT, progress=note)
    assert [step for step, _ in reported] == [0, 2, 4, 6, 8]
    names = {"training_loss", "training_info_nce", "training_prediction", "validation_loss", "gate_strength"}
    assert names <= set(reported[-1][1])


def test_blocks_that_nobody_described_are_predicted_and_not_aligned() -> None:
    corpus = make_corpus()
    silent = [replace(video, events=[None] * BLOCKS) for video in corpus.videos[:9]]
    mixed = JointCorpus([*silent, *corpus.videos[9:]], corpus.captions, BLOCKS)
    batch = mixed.draw(silent, 4, np.random.default_rng(0))
    loss = joint_loss(make_model(), batch, JOINT, log_temperature(), PREDICTOR.temperature)
    assert loss.alignment.item() == 0
    assert loss.prediction.item() > 0


def test_a_clip_is_a_run_of_blocks_of_one_video() -> None:
    rng = np.random.default_rng(0)
    long = [NormalVideo(f"v{i}", make_views(rng, i % 3, blocks=9), [EVENTS[i % 3]] * 9) for i in range(4)]
    corpus = JointCorpus(long, make_corpus().captions, BLOCKS)
    batch = corpus.draw(long, 4, np.random.default_rng(3))
    for clip in batch.seen.time.numpy():
        starts = [
            (video.name, start)
            for video in long
            for start in range(9 - BLOCKS + 1)
            if np.array_equal(video.views.time[start : start + BLOCKS], clip)
        ]
        assert len(starts) == 1


def test_a_model_without_a_predictor_learns_alignment_alone() -> None:
    done = train(make_model(TIME_ALONE), make_corpus(), TIME_ALONE)
    assert done.candidate.coder is None
    assert done.validation.prediction == 0
    assert done.validation.info_nce < done.begin.info_nce


def test_the_predictor_learns_alone_from_footage_that_nobody_described() -> None:
    alone = predictor_alone(PREDICTOR)
    grids = [PatchGrids(video.views.times_s, video.views.grids) for video in make_corpus().videos]  # type: ignore[arg-type]
    videos = [NormalVideo(str(n), Views.of_grids(one), [None] * BLOCKS) for n, one in enumerate(grids)]
    blueprint = replace(make_blueprint(alone, "none"), dimensions=0, token_dimensions=0, scene_dimensions=0)
    done = train(blueprint.build(), JointCorpus(videos, {}, BLOCKS), alone)
    assert done.validation.loss == done.validation.prediction < done.begin.prediction


def test_evidence_and_predictor_belong_together() -> None:
    coder = PredictiveCoder(inputs=3, dimensions=4, hidden=6, steps_ahead=1)
    shape = {"dimensions": D, "token_dimensions": 6, "scene_dimensions": 5}
    with pytest.raises(ContextAwareError, match=r"joint\.evidence"):
        ContextAware(coder, TIME_ALONE, "none", **shape)
    with pytest.raises(ContextAwareError, match=r"joint\.evidence"):
        ContextAware(None, JOINT, "none", **shape)


def test_footage_that_is_too_short_or_has_no_caption_is_refused() -> None:
    corpus = make_corpus()
    with pytest.raises(TrainingCorpusError, match="blocks or more"):
        JointCorpus(corpus.videos, corpus.captions, BLOCKS + 1)
    silent = [replace(video, events=[None] * BLOCKS) for video in corpus.videos]
    with pytest.raises(TrainingCorpusError, match=r"captions\.csv"):
        train(make_model(), JointCorpus(silent, corpus.captions, BLOCKS), JOINT)


def test_views_that_are_not_finite_are_refused_by_the_name_of_their_video() -> None:
    corpus = make_corpus()
    broken = replace(corpus.videos[3].views, time=np.full_like(corpus.videos[3].views.time, np.nan))
    videos = [*corpus.videos[:3], replace(corpus.videos[3], views=broken), *corpus.videos[4:]]
    with pytest.raises(NotFiniteError, match="v03"):
        JointCorpus(videos, corpus.captions, BLOCKS)


def test_a_loss_that_is_not_finite_ends_the_training() -> None:
    corpus = make_corpus()
    words = {name: np.full((2, D), np.inf, np.float32) for name in EVENTS}
    with pytest.raises(NotFiniteError, match="learning_rate"):
        train(make_model(), JointCorpus(corpus.videos, words, BLOCKS), JOINT)


def test_validation_counts_an_event_as_found_where_its_captions_are_nearest() -> None:
    corpus = make_corpus()
    exact = [
        replace(
            video,
            views=replace(
                video.views,
                appearance=unit(np.repeat(corpus.captions[video.events[0]].mean(0)[None], BLOCKS, 0)),
            ),
        )  # type: ignore[index]
        for video in corpus.videos
    ]
    clips = JointCorpus(exact, corpus.captions, BLOCKS).clips(exact, 5)
    validation = validate(make_model(), clips, corpus.prototypes, JOINT, PREDICTOR.temperature)
    assert validation.retrieval == 1.0
    assert validation.similarity_to_mean == pytest.approx(1.0, abs=1e-5)
