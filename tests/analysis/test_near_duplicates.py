"""The error apart on validation images that have a near-duplicate in training."""
import errno
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from run_tools import make_run

from facekp.analysis import near_duplicates
from facekp.data import kfold
from facekp.errors import RunError
from facekp.report.publish import copy_run
from facekp.runs.read import find_runs, read_run
from facekp.runs.folder import Run
from facekp.settings import MIRROR, Settings

N = 20
Y = np.random.RandomState(0).uniform(20, 70, (N, 30)).astype(np.float32)
SETTINGS = Settings("lenet5", fold=2, seed=7)
TRAIN, VALID = kfold(N, 5, seed=7)[2]


def groups(near):
    """Each image alone, but the first `near` validation images with a training image each."""
    found = np.arange(N)
    found[VALID[:near]] = TRAIN[:near]
    return found


def predicted(folder, off):
    """A complete run whose predictions are off by so many px, image by image."""
    rmse = float(np.sqrt(np.mean(np.square(off, dtype=float))))
    run = make_run(folder / "lenet/lenet5/seed7/fold2", [(rmse / 48) ** 2], **SETTINGS.as_dict(),
                   summary={"valid_rmse_px": rmse, "n_valid": 4})
    np.savez(run.predictions, y_valid=Y[VALID], y_pred_valid=Y[VALID] + np.reshape(off, (-1, 1)))
    return run


def test_the_error_is_taken_apart(engine, tmp_path):
    """Two of four: 1 and 3 px off are sqrt(5) px, 2 and 4 px off sqrt(10)."""
    run = predicted(tmp_path, [1, 3, 2, 4])
    found = near_duplicates.errors(run, SETTINGS, Y, groups(2))
    mean_face = Y[TRAIN].mean(axis=0)
    for side, images, rmse in (("near_duplicates", VALID[:2], 5), ("others", VALID[2:], 10)):
        assert found[side]["n"] == 2
        assert found[side]["rmse_px"] == pytest.approx(rmse ** .5, rel=1e-6)
        assert found[side]["mean_face_rmse_px"] == pytest.approx(
            np.sqrt(np.mean((Y[images] - mean_face) ** 2)), rel=1e-6)


def test_where_there_is_none(engine, tmp_path):
    found = near_duplicates.errors(predicted(tmp_path, [1, 3, 2, 4]), SETTINGS, Y, groups(0))
    assert found["near_duplicates"] == {"n": 0, "rmse_px": None, "mean_face_rmse_px": None}
    assert found["others"]["n"] == 4


def test_a_prediction_that_is_no_number(engine, tmp_path):
    found = near_duplicates.errors(predicted(tmp_path, [np.nan, 3, 2, 2]), SETTINGS, Y, groups(2))
    assert found["near_duplicates"]["rmse_px"] is None and found["others"]["rmse_px"] == 2


def test_split_and_then_mirrored_the_images_are_the_same(engine, tmp_path):
    run = predicted(tmp_path, [1, 3, 2, 4])
    found = [near_duplicates.errors(run, replace(SETTINGS, mirror=mirror), Y, groups(2))
             for mirror in MIRROR[:2]]
    for side in ("near_duplicates", "others"):  # but for the mean face, which is symmetric then
        assert [part[side]["n"] for part in found] == [2, 2]
        assert found[0][side]["rmse_px"] == found[1][side]["rmse_px"]


def test_mirrored_and_then_split_all_have_a_twin(engine, tmp_path):
    settings, said = replace(SETTINGS, mirror=MIRROR[2]), []
    run = make_run(tmp_path / "lenet/lenet5/seed7/fold2", [.01], **settings.as_dict())
    run.predictions.write_bytes(b"")
    near_duplicates.record([(run, settings)], images(), said.append)
    assert not run.near_duplicates.exists() and not said


@pytest.mark.parametrize("arrays", [
    {"y_valid": Y[VALID][:3], "y_pred_valid": Y[VALID][:3]},
    {"y_valid": Y[VALID] + 1, "y_pred_valid": Y[VALID]}, {"y_valid": Y[VALID]},
    {"y_pred_valid": Y[VALID]}, {"y_valid": Y[VALID], "y_pred_valid": Y[VALID][:3]}])
def test_predictions_for_other_images_are_refused(arrays, engine, tmp_path):
    run = predicted(tmp_path, [1, 1, 1, 1])
    np.savez(run.predictions, **arrays)
    with pytest.raises(RunError, match="predictions.npz: holds predictions for other images"):
        near_duplicates.errors(run, SETTINGS, Y, groups(0))


def images():
    """Validation image 0 is a brighter version of training image 0; all others differ."""
    X = np.random.RandomState(1).randint(0, 200, (N, 1, 96, 96)).astype(np.float32)
    X[VALID[0]] = X[TRAIN[0]] + 50
    return SimpleNamespace(X=X / 255, y=Y)


def test_recorded_beside_the_run_and_published(engine, tmp_path):
    run, said = predicted(tmp_path, [1, 2, 2, 2]), []
    unfinished = Run(tmp_path / "lenet/lenet5/fold0")
    near_duplicates.record([(run, SETTINGS), (unfinished, SETTINGS)], images(), said.append)
    found = read_run(run.folder).near_duplicates
    assert found["near_duplicates"]["n"] == 1 and found["others"]["n"] == 3
    assert found["near_duplicates"]["rmse_px"] == pytest.approx(1, rel=1e-6) and not said
    assert not unfinished.near_duplicates.exists()

    copy_run(read_run(run.folder), tmp_path / "results")
    assert json.loads((tmp_path / "results/near_duplicates.json").read_text()) == found


@pytest.mark.parametrize("change", [
    lambda text: "", lambda text: "[]", lambda text: '{"near_duplicates": {"n": 4}}',
    lambda text: text.replace('"n": 3', '"n": 2'), lambda text: text.replace("1.", "1.5")])
def test_what_the_file_does_not_rightly_say_is_written_anew(change, engine, tmp_path, monkeypatch):
    run, said = predicted(tmp_path, [1, 2, 2, 2]), []
    near_duplicates.record([(run, SETTINGS)], images())
    right = run.near_duplicates.read_text()
    run.near_duplicates.write_text(change(right))
    assert run.near_duplicates.read_text() != right
    near_duplicates.record([(run, SETTINGS)], images(), said.append)
    assert run.near_duplicates.read_text() == right and not said
    monkeypatch.setattr(near_duplicates, "near_duplicate_groups", None)  # right: nothing to do
    near_duplicates.record([(run, SETTINGS)], images(), said.append)
    assert not said


def test_what_cannot_be_written_is_said(engine, tmp_path, monkeypatch):
    run, said = predicted(tmp_path, [1, 2, 2, 2]), []

    def full(path, value):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(near_duplicates.storage, "write_json", full)
        near_duplicates.record([(run, SETTINGS)], images(), said.append)
    assert len(said) == 1 and "not written: " in said[0] and "No space left" in said[0]
    with run.locked():
        near_duplicates.record([(run, SETTINGS)], images(), said.append)
    assert len(said) == 2 and "is at work" in said[1] and not run.near_duplicates.exists()


def test_predictions_that_cannot_be_used_are_said(engine, tmp_path):
    run, said = predicted(tmp_path, [1, 2, 2, 2]), []
    run.predictions.write_bytes(b"nothing")
    near_duplicates.record([(run, SETTINGS)], images(), said.append)
    assert "predictions.npz: cannot be read" in said[0] and not run.near_duplicates.exists()


PART = {"n": 3, "rmse_px": 1.0, "mean_face_rmse_px": None}


@pytest.mark.parametrize("part, words", [
    (None, "others: found None"), ([], "others: found"), ({**PART, "n": -1}, "others.n: found -1"),
    ({**PART, "n": 1.5}, "others.n: found 1.5"), ({**PART, "n": True}, "others.n: found True"),
    ({**PART, "rmse_px": "1"}, "others.rmse_px: found '1'"), ({"n": 3}, "others.rmse_px: found"),
    ({**PART, "rmse_px": 10 ** 400}, "others.rmse_px: found 1000")])
def test_a_file_of_another_kind_costs_no_run(part, words, tmp_path):
    run, said = make_run(tmp_path / "lenet/lenet5/fold0", [.01], model="lenet5"), []
    run.near_duplicates.write_text(json.dumps({"near_duplicates": PART, "others": part}))
    [result] = find_runs(tmp_path, said.append)
    assert result.near_duplicates is None and words in said[0] and "writes it anew" in said[0]


def test_a_file_about_no_image_is_of_no_use(tmp_path):
    run, said = make_run(tmp_path / "lenet/lenet5/fold0", [.01], model="lenet5"), []
    run.near_duplicates.write_text(json.dumps(dict.fromkeys(("near_duplicates", "others"),
                                                            {**PART, "n": 0})))
    assert read_run(run.folder, warn=said.append).near_duplicates is None and said
