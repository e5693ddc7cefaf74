from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_windows import EVENTS, Drawn, draw, unit
from pydantic import ValidationError

from traces_core.errors import CorruptArtifactError, NotFiniteError, TrainingCorpusError, WindowShapeError
from traces_core.fusion.objective import Validation, info_nce
from traces_core.fusion.settings import FusionSettings
from traces_core.fusion.training import Trained, gate, train_fusion
from traces_core.fusion.window_fusion import MeanFusion
from traces_core.fusion.windows import fuse_windows


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return dict(trained.candidate.state_dict())


def same_weights(one: Trained, two: Trained) -> bool:
    here, there = weights(one), weights(two)
    return all(torch.equal(here[name], there[name]) for name in here)


@pytest.mark.parametrize("kind", ["cross_attention", "concatenation"])
def test_an_event_seen_only_in_the_tokens_is_learned(drawn: Drawn, kind: str) -> None:
    # All frames are read out: concatenation gives each frame its own token only.
    # The drawn frames say nothing of the event: what is learned lies far from them, so leaving is cheap.
    settings = FusionSettings(
        kind=kind, steps=120, hidden=32, learning_rate=3e-3, readout_frames=64, stay_close=0.1
    )
    trained = train_fusion(**drawn.arguments(), settings=settings)
    assert trained.shipped, trained.reason
    assert trained.identity.retrieval < 0.4  # chance is 1/6: the frames do not show the event
    assert trained.validation.retrieval > 0.8
    other = draw(clips=60, seed=7)  # the same events, other clips
    fused = fuse_windows(trained.fusion, other.frames, other.tokens)
    events = np.stack([unit(other.captions[other.groups == e].mean(axis=(0, 1))) for e in range(EVENTS)])
    assert (np.argmax(fused @ events.T, axis=1) == other.groups).mean() > 0.8


def test_the_mean_cannot_learn_and_says_so(drawn: Drawn) -> None:
    trained = train_fusion(**drawn.arguments(), settings=FusionSettings(kind="mean"))
    assert isinstance(trained.fusion, MeanFusion)
    assert trained.validation == trained.identity
    assert trained.steps == 0
    assert "nothing to train" in trained.reason


@pytest.mark.parametrize("kind", ["cross_attention", "concatenation"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    few: Drawn, quick: FusionSettings, kind: str
) -> None:
    settings = quick.model_copy(update={"kind": kind})
    torch.manual_seed(1)
    one = train_fusion(**few.arguments(), settings=settings)
    torch.manual_seed(2)
    two = train_fusion(**few.arguments(), settings=settings)
    other = train_fusion(**few.arguments(), settings=settings.model_copy(update={"seed": 1}))
    assert same_weights(one, two)
    assert one.validation == two.validation
    assert not same_weights(one, other)


def test_training_leaves_the_random_state_and_the_threads_as_they_were(
    few: Drawn, quick: FusionSettings
) -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train_fusion(**few.arguments(), settings=quick)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), state)


class KilledError(Exception):
    """Stands for the end of the process."""


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(
    few: Drawn, quick: FusionSettings, tmp_path: Path
) -> None:
    settings = quick.model_copy(update={"steps": 12, "dropout": 0.3})
    undisturbed = train_fusion(**few.arguments(), settings=settings)

    def kill_at_8(step: int, metrics: object) -> None:
        if step == 8:
            raise KilledError

    with pytest.raises(KilledError):
        train_fusion(**few.arguments(), settings=settings, checkpoints=tmp_path, progress=kill_at_8)
    assert len(list(tmp_path.iterdir())) == 1
    resumed = train_fusion(**few.arguments(), settings=settings, checkpoints=tmp_path)
    assert resumed.resumed_from == 8
    assert same_weights(resumed, undisturbed)
    assert resumed.curve == undisturbed.curve
    names = [[list(point.metrics) for point in trained.curve] for trained in (resumed, undisturbed)]
    assert names[0] == names[1]  # in the same order: the curve is kept as JSON, and its bytes count
    assert not list(tmp_path.iterdir())  # nothing is left to resume


def test_a_training_with_other_settings_or_windows_does_not_take_up_a_foreign_state(
    few: Drawn, quick: FusionSettings, tmp_path: Path
) -> None:
    def kill_at_4(step: int, metrics: object) -> None:
        if step == 4:
            raise KilledError

    with pytest.raises(KilledError):
        train_fusion(**few.arguments(), settings=quick, checkpoints=tmp_path, progress=kill_at_4)
    others = quick.model_copy(update={"stay_close": 0.5})
    assert train_fusion(**few.arguments(), settings=others, checkpoints=tmp_path).resumed_from == 0
    moved = replace(few, tokens=few.tokens + 1)
    assert train_fusion(**moved.arguments(), settings=quick, checkpoints=tmp_path).resumed_from == 0
    assert train_fusion(**few.arguments(), settings=quick, checkpoints=tmp_path).resumed_from == 4


def test_a_state_that_was_cut_short_is_named(few: Drawn, quick: FusionSettings, tmp_path: Path) -> None:
    def kill_at_once(step: int, metrics: object) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        train_fusion(**few.arguments(), settings=quick, checkpoints=tmp_path, progress=kill_at_once)
    (state,) = tmp_path.iterdir()
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(CorruptArtifactError, match=state.name):
        train_fusion(**few.arguments(), settings=quick, checkpoints=tmp_path)


@pytest.mark.parametrize("seed", range(5))
def test_no_clip_is_both_trained_on_and_validated_on(few: Drawn, quick: FusionSettings, seed: int) -> None:
    settings = quick.model_copy(update={"seed": seed, "steps": 1, "evaluate_every": 1})
    trained = train_fusion(**few.arguments(), settings=settings)
    seen, kept = few.clips[trained.training_windows], few.clips[trained.validation_windows]
    assert not set(seen) & set(kept)
    assert sorted([*trained.training_windows, *trained.validation_windows]) == list(range(len(few.frames)))
    assert len(set(kept)) == 5  # a fifth of 24 clips
    assert len(set(few.groups[trained.validation_windows])) == 5  # spread over the six events


@pytest.mark.parametrize(
    ("candidate", "best_step", "ships"),
    [
        (Validation(1.0, 0.5, 0.9), 20, True),  # as good is good enough
        (Validation(1.0, 0.6, 0.9), 20, True),
        (Validation(1.0, 0.4, 0.9), 20, False),  # retrieval fell
        (Validation(1.0, float("nan"), 0.9), 20, False),  # not known is not good
        (Validation(2.0, 0.5, 1.0), 0, False),  # nothing was learned
    ],
)
def test_the_gate_opens_only_where_nothing_is_worse(
    candidate: Validation, best_step: int, ships: bool
) -> None:
    shipped, reason = gate(candidate, Validation(2.0, 0.5, 1.0), best_step)
    assert shipped is ships
    assert ("candidate ships" in reason) is ships


def test_where_no_step_is_better_than_none_the_identity_ships(few: Drawn, quick: FusionSettings) -> None:
    captioned = np.repeat(few.captions[:, :1], few.frames.shape[1], axis=1)  # frames that already say it all
    sharp = quick.model_copy(update={"temperature": 0.01, "learning_rate": 0.1, "batch": 8})
    arguments = {**few.arguments(), "frames": captioned, "tokens": few.tokens[::-1].copy()}
    trained = train_fusion(**arguments, settings=sharp)
    assert trained.identity.retrieval == 1.0
    assert (trained.best_step, trained.shipped) == (0, False)
    assert isinstance(trained.fusion, MeanFusion)
    assert "no step lowered" in trained.reason


def test_a_heavier_stay_close_term_stays_closer(drawn: Drawn) -> None:
    reached = []
    for stay_close in (0.0, 1.0, 10.0):
        settings = FusionSettings(
            steps=60, evaluate_every=60, learning_rate=3e-3, hidden=16, stay_close=stay_close
        )
        reached.append(train_fusion(**drawn.arguments(), settings=settings).curve[-1].validation)
    similarities = [v.similarity_to_mean for v in reached]
    assert similarities[0] < similarities[1] < similarities[2]
    assert similarities[2] > 0.9


def test_training_stops_when_patience_runs_out(few: Drawn, quick: FusionSettings) -> None:
    settings = quick.model_copy(
        update={"steps": 500, "evaluate_every": 2, "patience": 2, "learning_rate": 0.1}
    )
    trained = train_fusion(**few.arguments(), settings=settings)
    assert trained.steps < 500
    assert trained.steps - trained.best_step == 4
    assert trained.validation.info_nce == min(p.validation.info_nce for p in trained.curve)


def test_progress_tells_the_curve_as_it_is_drawn(few: Drawn, quick: FusionSettings) -> None:
    points: list[tuple[int, dict[str, float]]] = []
    trained = train_fusion(
        **few.arguments(), settings=quick, progress=lambda step, metrics: points.append((step, dict(metrics)))
    )
    assert points == [(point.step, point.metrics) for point in trained.curve]
    assert [step for step, _ in points] == [0, 4, 8]
    assert trained.curve[0].validation.info_nce == pytest.approx(trained.identity.info_nce, abs=1e-6)


OTHER_VALUES: dict[str, object] = {
    "kind": "concatenation",
    "heads": 4,
    "hidden": 9,
    "temporal_position": False,
    "readout_frames": 1,
    "dropout": 0.5,
    "steps": 12,
    "batch": 17,
    "learning_rate": 1e-2,
    "weight_decay": 5.0,
    "temperature": 0.5,
    "learn_temperature": False,
    "stay_close": 3.0,
    "same_group": "ignored",
    "validation_share": 0.5,
    "evaluate_every": 3,
    "seed": 9,
}


@pytest.mark.parametrize("name", sorted(OTHER_VALUES))
def test_every_setting_changes_what_is_learned(few: Drawn, quick: FusionSettings, name: str) -> None:
    other = quick.model_copy(update={name: OTHER_VALUES[name]})
    one = train_fusion(**few.arguments(), settings=quick)
    two = train_fusion(**few.arguments(), settings=other)
    assert [p.validation for p in one.curve] != [p.validation for p in two.curve]


def test_no_setting_is_left_out_of_the_list_above() -> None:
    # patience has its own test
    assert set(OTHER_VALUES) | {"patience"} == set(FusionSettings.model_fields)


@pytest.mark.parametrize(
    "wrong", [{"head": 4}, {"dropout": 1.0}, {"kind": "sum"}, {"batch": 1}, {"validation_share": 0.0}]
)
def test_a_setting_that_is_none_or_out_of_bounds_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FusionSettings(**wrong)


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in FusionSettings.model_fields.values())


def slow_info_nce(
    windows: np.ndarray, captions: np.ndarray, groups: np.ndarray, temperature: float, same_group: str
) -> float:
    """Sum as the definition says, both directions, one pair at a time."""
    total = 0.0
    for here, there in ((windows, captions), (captions, windows)):
        for i in range(len(here)):
            mates = [j for j in range(len(here)) if groups[j] == groups[i]]
            others = [j for j in range(len(here)) if groups[j] != groups[i]]
            targets, against = ([i], [i, *others]) if same_group == "ignored" else (mates, mates + others)
            log_sum = np.log(sum(np.exp(here[i] @ there[j] / temperature) for j in against))
            total += np.mean([log_sum - here[i] @ there[j] / temperature for j in targets]) / len(here)
    return total / 2


@pytest.mark.parametrize("same_group", ["positive", "ignored"])
def test_the_loss_is_that_of_the_slow_reference(same_group: str) -> None:
    rng = np.random.default_rng(4)
    windows, captions = unit(rng.normal(size=(9, 5))), unit(rng.normal(size=(9, 5)))
    groups = np.array([0, 0, 1, 2, 2, 2, 3, 4, 5])
    fast = info_nce(
        torch.from_numpy(windows),
        torch.from_numpy(captions),
        torch.from_numpy(groups),
        torch.tensor(0.2).log(),
        same_group=same_group,
    )
    assert float(fast) == pytest.approx(slow_info_nce(windows, captions, groups, 0.2, same_group), abs=1e-5)


def test_captions_may_differ_in_number_and_paraphrases_are_all_used(
    few: Drawn, quick: FusionSettings
) -> None:
    ragged = [row[: 1 + place % 3] for place, row in enumerate(few.captions)]
    arguments = {**few.arguments(), "captions": ragged}
    trained = train_fusion(**arguments, settings=quick)
    first_only = train_fusion(**{**arguments, "captions": few.captions[:, :1]}, settings=quick)
    assert not same_weights(trained, first_only)


def test_labels_may_be_words_and_their_names_do_not_matter(few: Drawn, quick: FusionSettings) -> None:
    words = {
        **few.arguments(),
        "groups": [f"event {g}" for g in few.groups],
        "clips": [f"clip {c:03}" for c in few.clips],
    }
    assert same_weights(
        train_fusion(**words, settings=quick), train_fusion(**few.arguments(), settings=quick)
    )


def test_a_window_without_a_caption_is_named(few: Drawn, quick: FusionSettings) -> None:
    captions = [*few.captions[:3], few.captions[3][:0], *few.captions[4:]]
    with pytest.raises(TrainingCorpusError, match="window 3 has no caption"):
        train_fusion(**{**few.arguments(), "captions": captions}, settings=quick)


def test_captions_of_another_width_are_refused(few: Drawn, quick: FusionSettings) -> None:
    with pytest.raises(WindowShapeError, match="captions of window 0"):
        train_fusion(**{**few.arguments(), "captions": few.captions[..., :-1]}, settings=quick)


def test_captions_that_are_not_finite_are_refused(few: Drawn, quick: FusionSettings) -> None:
    captions = few.captions.copy()
    captions[2, 1, 0] = np.inf
    with pytest.raises(NotFiniteError, match="caption"):
        train_fusion(**{**few.arguments(), "captions": captions}, settings=quick)


@pytest.mark.parametrize("name", ["captions", "groups", "clips"])
def test_a_list_of_another_length_is_named(few: Drawn, quick: FusionSettings, name: str) -> None:
    arguments = few.arguments()
    with pytest.raises(TrainingCorpusError, match=name):
        train_fusion(**{**arguments, name: arguments[name][:-1]}, settings=quick)


@pytest.mark.parametrize(("name", "message"), [("clips", "1 clip"), ("groups", "one event only")])
def test_a_corpus_that_cannot_be_split_is_refused(
    few: Drawn, quick: FusionSettings, name: str, message: str
) -> None:
    arguments = {**few.arguments(), name: np.zeros(len(few.frames), int)}
    with pytest.raises(TrainingCorpusError, match=message):
        train_fusion(**arguments, settings=quick)
