"""Alignment and surprise of one video: against slow references, and causal."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import torch
from drawn_views import EDGE, JOINT, PREDICTOR, D, S, make_model, make_views, unit
from torch.nn.functional import cosine_similarity as cosine

from traces_core.bank.bank import Bank
from traces_core.context_aware import scoring
from traces_core.context_aware.gate import SigmoidGate
from traces_core.context_aware.model import ContextAware
from traces_core.context_aware.scene import SceneReferences
from traces_core.context_aware.scoring import ContextScorer, top_mean
from traces_core.context_aware.settings import ContextGateSettings
from traces_core.context_aware.views import Views
from traces_core.errors import EmptySideError, UnknownNameError

PLACES = SceneReferences.from_scenes(
    {name: unit(np.random.default_rng(n).normal(size=(2, S))) for n, name in enumerate(("shop", "street"))}
)
LONG = make_views(np.random.default_rng(4), blocks=12)


def make_bank(normal: int = 7, anomalous: int = 6) -> Bank:
    sides = ["normal"] * normal + ["anomalous"] * anomalous
    rows = pl.DataFrame(
        {
            "trace_id": list(range(len(sides))),
            "context": ["street", "shop"] * (len(sides) // 2) + ["street"] * (len(sides) % 2),
            "side": sides,
            "class": ["" if side == "normal" else "fight" for side in sides],
            "text": [f"sentence {n}" for n in range(len(sides))],
            "writer": ["shipped"] * len(sides),
        },
        schema_overrides={"trace_id": pl.Int64},
    )
    return Bank.build(rows, unit(np.random.default_rng(2).normal(size=(len(sides), D))), "drawn")


def trained_model() -> ContextAware:
    """A model with other weights than it begins with, the gate open."""
    model = make_model()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return model.eval()


def make_scorer(k: int = 3, model: ContextAware | None = None, **gate: str) -> ContextScorer:
    settings = ContextGateSettings(**gate)  # type: ignore[arg-type]
    return ContextScorer(
        model or trained_model(), make_bank(), PLACES, settings, k, PREDICTOR.top_share, PREDICTOR.temperature
    )


def scores(scorer: ContextScorer, views: Views = LONG, contexts: tuple[str, ...] | None = None) -> dict:
    return scorer.score(Views.stack([views]), views.times_s, contexts).tracks


@pytest.mark.parametrize("sides", ["normal", "both"])
@pytest.mark.parametrize("contexts", [None, ("street",)])
def test_alignment_is_the_difference_of_top_means_of_gated_traces(
    sides: str, contexts: tuple[str, ...] | None
) -> None:
    scorer = make_scorer(sides=sides)
    seen = Views.stack([LONG])
    with torch.no_grad():
        video, _ = scorer.model(seen)
    for t in range(len(LONG)):
        means = {}
        for side in ("normal", "anomalous"):
            cosines = []
            for vector in scorer.bank.vectors(side, contexts):  # type: ignore[arg-type]
                text = torch.from_numpy(vector[None])
                if side == "normal" or sides == "both":
                    with torch.no_grad():
                        text = scorer.model.gate(text, seen.scenes[0, t : t + 1])[0]
                cosines.append(float(text[0] @ video[0, t]))
            means[side] = np.mean(sorted(cosines, reverse=True)[:3])
        measured = scores(scorer, contexts=contexts)["alignment"].values[t]
        assert measured == pytest.approx(means["anomalous"] - means["normal"], abs=1e-5)


def test_surprise_is_how_much_the_worst_predicted_place_would_rather_be_another_one() -> None:
    scorer = make_scorer()
    coder = scorer.model.coder
    assert coder is not None
    assert LONG.grids is not None
    state, expected = None, []
    for block in torch.from_numpy(LONG.grids):  # one block at a time, as a stream comes
        with torch.no_grad():
            predictions, state = coder.observe(block[None], state)
        if predictions is not None:
            ours, theirs = predictions.predicted[0, 0], predictions.target[0, 0]  # (D, G, G)
            places = [(row, column) for row in range(EDGE) for column in range(EDGE)]
            surprises = []
            for own in places:
                cosines = [float(cosine(ours[:, *own], theirs[:, *other], dim=0)) for other in places]
                chances = [math.exp(one / PREDICTOR.temperature) for one in cosines]
                surprises.append(-math.log(chances[places.index(own)] / sum(chances)))
            expected.append(max(surprises))  # 5 % of four places is one place
    track = scores(scorer)["surprise"]
    np.testing.assert_allclose(track.values, expected, atol=1e-5)
    np.testing.assert_array_equal(track.times_s, LONG.times_s[1:])


@pytest.mark.parametrize("scene", ["matched", "generic", "mismatched"])
def test_what_comes_later_changes_no_score(scene: str) -> None:
    scorer = make_scorer(scene=scene, sides="both")
    whole, part = scores(scorer), scores(scorer, LONG.part(0, 7))
    for stream, track in part.items():
        assert track.causal
        np.testing.assert_allclose(whole[stream].values[: len(track)], track.values, atol=1e-6)


def test_an_untrained_model_scores_as_clip_does() -> None:
    alignment = scores(make_scorer(model=make_model().eval(), sides="both"))["alignment"].values
    bank = make_bank()
    nearest = {
        side: bank.search(LONG.appearance, 3, side).similarities.mean(axis=1)
        for side in ("normal", "anomalous")
    }  # type: ignore[arg-type]
    np.testing.assert_allclose(alignment, nearest["anomalous"] - nearest["normal"], atol=1e-5)


def test_the_controls_of_the_scene_give_other_scores_and_touch_no_surprise() -> None:
    by_scene = {scene: scores(make_scorer(scene=scene)) for scene in ("matched", "generic", "mismatched")}
    alignments = [by_scene[scene]["alignment"].values for scene in by_scene]
    assert all(np.abs(one - other).max() > 1e-4 for one, other in pairwise(alignments))
    matched, generic = (by_scene[name]["surprise"].values for name in ("matched", "generic"))
    np.testing.assert_array_equal(matched, generic)


def test_without_a_predictor_surprise_is_missing_and_alignment_is_there() -> None:
    alone = make_model(JOINT.model_copy(update={"evidence": ("time",)}))
    judged = make_scorer(model=alone).score(Views.stack([LONG]), LONG.times_s, None)
    assert set(judged.tracks) == {"alignment"}
    assert judged.maps is None


def test_a_video_of_one_block_has_no_surprise_yet() -> None:
    assert set(scores(make_scorer(), LONG.part(0, 1))) == {"alignment"}


def test_the_map_has_a_place_for_every_patch() -> None:
    judged = make_scorer().score(Views.stack([LONG]), LONG.times_s, None)
    assert judged.maps is not None
    assert judged.maps.shape == (11, 2, 2)
    assert (judged.maps >= 0).all()


def test_surprise_alone_is_that_of_the_score() -> None:
    scorer, seen = make_scorer(), Views.stack([LONG])
    alone, both = scorer.surprise(seen, LONG.times_s), scorer.score(seen, LONG.times_s, None)
    assert set(alone.tracks) == {"surprise"}
    np.testing.assert_array_equal(alone.tracks["surprise"].values, both.tracks["surprise"].values)
    assert alone.maps is not None
    np.testing.assert_array_equal(alone.maps, both.maps)


def test_memory_is_bounded_and_bounds_change_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scores(make_scorer())["alignment"].values
    monkeypatch.setattr(scoring, "CELLS", 2 * D)  # two texts of one window at once
    np.testing.assert_allclose(scores(make_scorer())["alignment"].values, whole, atol=1e-6)


def test_fewer_traces_than_k_answer_with_all_of_them() -> None:
    texts, video = torch.eye(2), torch.eye(2)[:1]
    assert top_mean(video, texts, torch.zeros(1, 3), SigmoidGate(2, 3), 5).tolist() == pytest.approx([0.5])


def test_a_context_that_the_bank_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(UnknownNameError, match="harbour"):
        scores(make_scorer(), contexts=("harbour",))


def test_a_context_without_one_side_is_refused() -> None:
    model = trained_model()
    lonely = make_bank(normal=7, anomalous=1)  # the one anomalous trace is the shop's
    scorer = ContextScorer(model, lonely, PLACES, ContextGateSettings(), 3, 0.5, 0.1)
    with pytest.raises(EmptySideError, match="street"):
        scores(scorer, contexts=("street",))
