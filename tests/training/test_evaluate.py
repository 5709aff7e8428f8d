"""The error apart on validation images that have a near-duplicate in training."""
import json

import numpy as np
import pytest
from core_tools import CLASSIC, faces, quick_training, training_data
from dataclasses import replace
from run_tools import make_run

from facekp.data import kfold
from facekp.runs.folder import Run
from facekp.runs.read import read_run
from facekp.settings import Settings
from facekp.training import one_run
from facekp.training.evaluate import near_duplicates
from facekp.training.split import split

N = 20
Y = np.random.RandomState(0).uniform(20, 70, (N, 30)).astype(np.float32)
X = np.zeros((N, 1, 96, 96), np.float32)
SETTINGS = Settings("lenet5", fold=2, seed=7)
TRAIN, VALID = kfold(N, 5, seed=7)[2]


def groups(near):
    """Each image alone, but the first `near` validation images with a training image each."""
    found = np.arange(N)
    found[VALID[:near]] = TRAIN[:near]
    return found


def apart(off, near, settings=SETTINGS):
    """Of predictions that are off by so many px, image by image."""
    return near_duplicates(split(X, Y, settings), groups(near),
                           Y[VALID] + np.reshape(off, (-1, 1)))


def test_the_error_is_taken_apart():
    """Two of four: 1 and 3 px off are sqrt(5) px, 2 and 4 px off sqrt(10)."""
    found = apart([1, 3, 2, 4], 2)
    mean_face = Y[TRAIN].mean(axis=0)
    for side, images, rmse in (("near_duplicates", VALID[:2], 5), ("others", VALID[2:], 10)):
        assert found[side]["n"] == 2
        assert found[side]["rmse_px"] == pytest.approx(rmse ** .5, rel=1e-6)
        assert found[side]["mean_face_rmse_px"] == pytest.approx(
            np.sqrt(np.mean((Y[images] - mean_face) ** 2)), rel=1e-6)


def test_where_there_is_none():
    found = apart([1, 3, 2, 4], 0)
    assert found["near_duplicates"] == {"n": 0, "rmse_px": None, "mean_face_rmse_px": None}
    assert found["others"]["n"] == 4


def test_a_prediction_that_is_no_number():
    found = apart([np.nan, 3, 2, 2], 2)
    assert found["near_duplicates"]["rmse_px"] is None and found["others"]["rmse_px"] == 2


def test_mirror_images_in_training_change_no_sides():
    found = [apart([1, 3, 2, 4], 2, settings)
             for settings in (SETTINGS, replace(SETTINGS, augment=("mirror",)))]
    for side in ("near_duplicates", "others"):  # but for the mean face, which is symmetric then
        assert [part[side]["n"] for part in found] == [2, 2]
        assert found[0][side]["rmse_px"] == found[1][side]["rmse_px"]


# ---- in a run ----------------------------------------------------------------------------------


@pytest.fixture
def with_pairs():
    """Forty faces, of which every second one is a brighter version of the one before it."""
    X, _ = faces(40)
    X[1::2] = np.rint(X[::2] * 200 + 20) / 255
    with quick_training():
        yield training_data()._replace(X=X)


@pytest.mark.parametrize("options, near", [
    ({}, True), ({"split": "grouped"}, False),
    ({"split": "grouped", "augment": ("mirror",)}, False),
    ({"split": "after-mirroring", "augment": ("mirror",)}, None)])
def test_every_split_from_training_to_reading(with_pairs, tmp_path, options, near):
    run = Run(tmp_path / "study/lenet5" / "grouped/fold0")
    if options.get("split") != "grouped":
        run = Run(tmp_path / "study/lenet5/fold0")
    settings = replace(CLASSIC, epochs=1, **options)
    summary = one_run.train(run, settings, with_pairs, say=str)
    found = read_run(run.folder, tmp_path)
    assert found.summary == json.loads(run.summary.read_text())
    assert found.settings == settings.as_dict()
    if near is None:
        assert "near_duplicates" not in found.summary
        return
    sides = [found.summary["near_duplicates"][side] for side in ("near_duplicates", "others")]
    assert (sides[0]["n"] > 0) == near and sides[0]["n"] + sides[1]["n"] == summary["n_valid"] == 8
    squares = sum(side["n"] * side["rmse_px"] ** 2 for side in sides if side["n"])
    assert np.sqrt(squares / 8) == pytest.approx(summary["valid_rmse_px"])
    assert not run.near_duplicates.exists()
    assert (found.variant, found.base) == ("grouped" if near is False else "", "")


def test_what_earlier_versions_wrote_beside_the_summary_is_read(tmp_path):
    run = make_run(tmp_path / "study/cnn14/fold0", [.1])
    side = {"n": 3, "rmse_px": 1.5, "mean_face_rmse_px": 3.0}
    run.near_duplicates.write_text(json.dumps({"near_duplicates": side, "others": side}))
    assert read_run(run.folder).summary["near_duplicates"]["others"] == side
