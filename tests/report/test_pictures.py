from __future__ import annotations

import io

import matplotlib
import numpy as np
import pytest
from drawn_reports import make_benchmark_report, make_moment, make_track
from PIL import Image

from traces_core.errors import NotFiniteError
from traces_core.report import attention_layer, data_uri, dots, score_curve, sparkline, training_curves
from traces_core.types import Interval, ScoreTrack


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(picture - np.array(colour)).max(-1) < 30).sum())


def curve(**changes: object) -> bytes:
    values = {"thresholds": {"fused": 0.2}, "truth": [Interval(10.0, 14.0, "fight")], "duration_s": 20.0}
    return score_curve({"fused": make_track()}, **values | changes)  # type: ignore[arg-type]


def test_the_same_values_give_the_same_picture() -> None:
    frames = [(2.0, make_moment().frame), (12.0, make_moment().frame)]
    assert curve(frames=frames) == curve(frames=frames)
    assert curve() != curve(thresholds={"fused": 0.3})


def test_no_picture_carries_a_date_or_a_version() -> None:
    assert not {"Software", "Creation Time", "date"} & Image.open(io.BytesIO(curve())).info.keys()
    assert b"atplotlib" not in curve()


def test_drawing_leaves_the_global_style_as_it_was() -> None:
    before = dict(matplotlib.rcParams)
    curve()
    sparkline([1.0, 2.0])
    assert dict(matplotlib.rcParams) == before


def test_scores_above_the_threshold_are_drawn_in_the_colour_of_alarm() -> None:
    alarm = (0xB9, 0x3C, 0x0B)
    line_alone = near(pixels(curve(thresholds={"fused": 0.9})), alarm)
    assert near(pixels(curve()), alarm) > line_alone + 300 > 300


def test_thumbnails_make_the_picture_taller_and_appear_in_their_colours() -> None:
    red = np.full((24, 32, 3), (250, 0, 0), np.uint8)
    bare, with_frames = pixels(curve()), pixels(curve(frames=[(15.0, red), (2.0, red), (8.0, red)]))
    assert with_frames.shape[0] > bare.shape[0]
    assert near(with_frames, (250, 0, 0)) > 1000 > near(bare, (250, 0, 0))


@pytest.mark.parametrize(
    "track",
    [
        ScoreTrack(np.zeros(0), np.zeros(0)),  # no score
        ScoreTrack(np.zeros(1), np.ones(1)),  # one score at the very start
        ScoreTrack(np.arange(3.0), np.zeros(3)),  # always the same score
    ],
)
def test_an_odd_track_can_be_drawn(track: ScoreTrack) -> None:
    assert pixels(score_curve({"fused": track})).std() > 0


def test_nan_is_not_drawn_but_refused() -> None:
    with pytest.raises(NotFiniteError, match="fused"):
        score_curve({"fused": ScoreTrack(np.zeros(1), np.array([np.nan]))})
    with pytest.raises(NotFiniteError, match="loss"):
        training_curves({"loss": [1.0, float("nan")]})
    with pytest.raises(NotFiniteError):
        sparkline([float("inf")])


def test_a_row_without_an_auc_keeps_its_place_among_the_dots() -> None:
    report = make_benchmark_report()
    rows = [*report.rows, {"stream": "undefined", "auc": None}]
    assert (
        pixels(dots(rows, report.baselines)).shape[0] > pixels(dots(report.rows, report.baselines)).shape[0]
    )
    assert dots(rows) == dots(rows)
    assert pixels(dots([])).size


def test_training_curves_of_one_step_are_visible() -> None:
    calm = (0x0E, 0x68, 0x77)
    assert near(pixels(training_curves({"loss": [0.5]})), calm) > 20


def test_a_sparkline_has_the_size_asked_for_and_a_clear_ground() -> None:
    picture = Image.open(io.BytesIO(sparkline([0.0, 1.0, 0.2], width=200, height=40)))
    assert picture.size == (200, 40)
    assert np.asarray(picture)[0, 0, 3] == 0
    assert Image.open(io.BytesIO(sparkline([]))).size == (240, 48)


def test_attention_glows_where_it_is_high_and_veils_where_it_is_low() -> None:
    layer = attention_layer(np.array([[0.7, 0.1], [0.1, 0.1]]), (40, 40)).astype(int)
    assert tuple(layer[2, 2, :3]) == (255, 122, 24)
    assert layer[2, 2, 3] > 100
    assert tuple(layer[37, 37, :3]) == (0, 0, 0)
    assert layer[37, 37, 3] > 100


def test_attention_does_not_depend_on_its_scale() -> None:
    attention = np.random.default_rng(0).random((5, 5))
    assert np.array_equal(attention_layer(attention, (20, 20)), attention_layer(4 * attention, (20, 20)))


def test_a_data_address_carries_the_picture() -> None:
    assert data_uri(b"\x89PNG") == "data:image/png;base64,iVBORw=="
