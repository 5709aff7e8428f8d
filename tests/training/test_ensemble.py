"""Ensembles: who counts for which image, mirror images, the folder, and runs that do not fit."""
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from core_tools import (CLASSIC, PROVENANCE, faces, lookup, quick_training, training_data,
                        unlabelled_data)
from kaggle_csv import read_submission

from facekp.data import kfold, near_duplicate_groups
from facekp.errors import FolderError, RunError
from facekp.keypoints import COLUMNS
from facekp.runs.folder import Run
from facekp.runs.place import run_at
from facekp.runs.read import Collection, read_run
from facekp.training import one_run
from facekp.training.ensemble import ensemble
from facekp.training.load import load_net
from facekp.training.members import out_of_fold

SETTINGS = replace(CLASSIC, epochs=1, split="grouped")
OTHER_NET = replace(SETTINGS, options={"variant": "classic", "batch_norm": True}, average=0.5)
N, TEST = 40, unlabelled_data()


@pytest.fixture(autouse=True, scope="module")
def quick():
    with quick_training():
        yield


def images():
    """Forty faces, of which every second one is a brighter version of the one before it."""
    X, _ = faces(N)
    X[1::2] = np.rint(X[::2] * 200 + 20) / 255
    return training_data(N)._replace(X=X)


def trained(root, variant, settings, training=None):
    run = run_at(root, "study", variant, settings, settings.split)
    one_run.train(run, settings, training or images(), TEST, lookup(), say=str)
    return run.folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of two nets' five folds, by net and fold."""
    root = tmp_path_factory.mktemp("runs")
    return {(name, fold): trained(root, name, replace(settings, fold=fold))
            for name, settings in (("a", SETTINGS), ("b", OTHER_NET)) for fold in range(5)}


def averaged(root, folders, name="mean", **options):
    """The folder of an ensemble and its summary."""
    def place(settings, config):
        return run_at(root, "ensembles", name, settings, settings.split)
    run, summary = ensemble(place, folders, images(), TEST, lookup(), **{"say": str, **options})
    return run, summary


def arrays_of(run):
    with np.load(run.predictions) as found:
        return {name: found[name] for name in found}


# ---- the reference: numpy, image by image ------------------------------------------------------

def mirrored_back(y):
    """Keypoints on a mirror image, as keypoints of the image: written out name by name."""
    out = np.empty_like(y)
    for k, column in enumerate(COLUMNS):
        other = column.replace("left", "?").replace("right", "left").replace("?", "right")
        value = y[:, COLUMNS.index(other)]
        out[:, k] = 95 - value if column.endswith("_x") else value
    return out


def found_by(folder, X, mirror, weights=False):
    net = load_net(folder, weights)
    y = net.predict_px(X).astype(float)
    if mirror:
        y = (y + mirrored_back(net.predict_px(X[..., ::-1].copy()).astype(float))) / 2
    return y


def reference(folders, mirror, weights=False):
    """(index, y_pred) of the validation images, and y_pred of the test images."""
    training, y_test = images(), []
    by_image = {}
    groups = near_duplicate_groups(training.X)
    for folder in folders:
        fold = int(folder.name[-1])
        y = found_by(folder, training.X, mirror, weights)
        for i in kfold(N, 5, seed=0, groups=groups)[fold][1]:
            by_image.setdefault(i, []).append(y[i])
        y_test.append(found_by(folder, TEST.X, mirror, weights))
    index = sorted(by_image)
    return index, np.array([np.mean(by_image[i], axis=0) for i in index]), np.mean(y_test, axis=0)


def check(run, summary, folders, mirror, weights=False):
    index, y_pred, y_test = reference(folders, mirror, weights)
    found = arrays_of(run)
    np.testing.assert_array_equal(found["y_valid"], images().y[index])
    np.testing.assert_allclose(found["y_pred_valid"], y_pred, atol=1e-4)
    np.testing.assert_allclose(found["y_pred_test"], y_test, atol=1e-4)
    px = np.sqrt(np.mean((images().y[index] - y_pred) ** 2))
    assert summary["valid_rmse_px"] == pytest.approx(px, rel=1e-5)
    rows = np.clip(y_test, 0, 96)[np.repeat(np.arange(6), 2), np.tile([0, 29], 6)]
    np.testing.assert_allclose(read_submission(run.submission)[1], rows, atol=1e-4)


# ---- predictions and errors --------------------------------------------------------------------

@pytest.mark.parametrize("mirror", [False, True])
def test_five_folds_of_two_nets_find_every_image_twice(runs, tmp_path, mirror):
    run, summary = averaged(tmp_path, runs.values(), mirror=mirror)
    check(run, summary, list(runs.values()), mirror)
    assert summary["n_valid"] == N and summary["runs_per_image"] == [2, 2]
    assert summary["near_duplicates"]["near_duplicates"]["n"] == 0  # the split is grouped
    assert len(summary["runs"]) == 10


def test_an_image_counts_only_for_runs_that_did_not_train_on_it(runs, tmp_path):
    folders = [runs["a", 0], runs["a", 3], runs["b", 3]]
    run, summary = averaged(tmp_path, folders)
    check(run, summary, folders, False)
    assert summary["runs_per_image"] == [1, 2] and summary["n_valid"] == 16


def test_one_run_and_its_mirror_images(runs, tmp_path):
    run, summary = averaged(tmp_path, [runs["a", 2]], mirror=True)
    check(run, summary, [runs["a", 2]], True)
    assert run.folder.name == "fold2"
    assert list(summary["runs"].values()) == pytest.approx([summary["valid_rmse_px"]])


def test_one_run_alone_is_that_run_to_the_last_bit(runs, tmp_path):
    run, summary = averaged(tmp_path, [runs["a", 2]])
    own = arrays_of(Run(runs["a", 2]))
    for name, array in arrays_of(run).items():
        np.testing.assert_array_equal(array, own[name])
    told = json.loads((runs["a", 2] / "summary.json").read_text())
    for name in ("valid_rmse_px", "n_valid", "n_params"):
        assert summary[name] == told[name]
    sides = [found["near_duplicates"]["others"] for found in (summary, told)]
    for one, other in (sides, (summary, told)):
        assert one["mean_face_rmse_px"] == pytest.approx(other["mean_face_rmse_px"])
    assert sides[0]["rmse_px"] == sides[1]["rmse_px"]


def test_averaged_weights(runs, tmp_path):
    folders = [runs["b", 0], runs["b", 1]]
    run, summary = averaged(tmp_path, folders, averaged=True)
    check(run, summary, folders, False, weights=True)
    plain, _ = averaged(tmp_path, folders, "plain")
    assert (arrays_of(run)["y_pred_valid"] != arrays_of(plain)["y_pred_valid"]).any()


def test_out_of_fold_against_a_loop():
    random = np.random.RandomState(0)
    indices = [np.sort(random.permutation(30)[:n]) for n in (3, 10, 17, 1)]
    predictions = [random.uniform(0, 96, (len(index), 30)) for index in indices]
    index, y_pred, counts = out_of_fold(predictions, indices, 30)
    expected = {}
    for one, y in zip(indices, predictions):
        for i, row in zip(one, y):
            expected.setdefault(i, []).append(row)
    assert index.tolist() == sorted(expected) and len(index) < 30
    for i, row, count in zip(index, y_pred, counts):
        assert count == len(expected[i])
        np.testing.assert_allclose(row, np.mean(expected[i], axis=0), rtol=1e-6)


def test_near_duplicates_of_a_random_split_are_told_apart(tmp_path):
    """Of each pair of images, one half may be in training while the other validates."""
    settings = replace(CLASSIC, epochs=1)
    folders = [trained(tmp_path, "shuffled", replace(settings, fold=fold)) for fold in (0, 1)]
    run, summary = averaged(tmp_path, folders)
    near = 0
    for fold in (0, 1):
        train, valid = kfold(N, 5, seed=0)[fold]
        near += sum(i ^ 1 in train for i in valid)
    sides = summary["near_duplicates"]
    assert sides["near_duplicates"]["n"] == near > 0
    assert sides["others"]["n"] == summary["n_valid"] - near


# ---- the folder --------------------------------------------------------------------------------

def test_the_folder_reads_like_a_run(runs, tmp_path):
    run, summary = averaged(tmp_path, runs.values(), mirror=True)
    found = read_run(run.folder)
    assert found.best_valid_rmse_px == summary["valid_rmse_px"] and found.state == "complete"
    assert found.errors()["rmse_px"] == pytest.approx(summary["valid_rmse_px"])
    assert (found.model, found.variant, found.epochs) == ("lenet5", "mean", 0)
    assert found.settings["options"]["mirror"] is True and found.folds == [0, 1, 2, 3, 4]
    assert set(found.settings["options"]["runs"]) == {
        f"study/lenet5/{name}/fold{fold}" for name, fold in runs}
    assert [one.folder for one in Collection(tmp_path).of("ensembles")] == [found.folder]
    with pytest.raises(RunError, match="is an ensemble, which has no weights of its own"):
        load_net(run.folder)


def test_a_second_call_changes_nothing_and_other_runs_are_refused(runs, tmp_path):
    run, summary = averaged(tmp_path, [runs["a", 0], runs["a", 1]])
    before = run.summary.stat().st_mtime_ns
    said = []
    assert averaged(tmp_path, [runs["a", 0], runs["a", 1]], say=said.append)[1] == summary
    assert said == [f"{run.folder}: complete"] and run.summary.stat().st_mtime_ns == before
    with pytest.raises(FolderError, match="was begun with other values"):
        averaged(tmp_path, [runs["a", 0], runs["a", 2]])
    with pytest.raises(FolderError, match="was begun with other values"):
        averaged(tmp_path, [runs["a", 0], runs["a", 1]], mirror=True)
    assert json.loads(run.summary.read_text()) == summary


def test_anew_takes_the_place_of_another_ensemble(runs, tmp_path):
    averaged(tmp_path, [runs["a", 0]])
    folders = [runs["a", 0], runs["b", 0]]
    run, summary = averaged(tmp_path, folders, anew=True)
    check(run, summary, folders, False)
    assert averaged(tmp_path, folders, anew=True)[1] == summary


def test_one_that_was_not_completed_stands_in_no_other_s_way(runs, tmp_path):
    """Nor one that was begun with other versions: nothing in its folder took long to make."""
    weights = tmp_path / "runs/study/lenet5/a/fold0/weights.npz"
    weights.parent.mkdir(parents=True)
    for path in runs["a", 0].iterdir():
        (weights.parent / path.name).write_bytes(path.read_bytes())
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    with pytest.raises(RunError, match="these weights cannot be used"):
        averaged(tmp_path, [weights.parent])
    weights.write_bytes(whole)
    run, summary = averaged(tmp_path, [weights.parent])
    run.summary.unlink()
    config = json.loads(run.config.read_text())
    run.config.write_text(json.dumps({**config, "versions": {"numpy": "0.1"}}))
    assert averaged(tmp_path, [weights.parent])[1] == summary


# ---- runs that do not fit ----------------------------------------------------------------------

def test_runs_that_do_not_fit_one_another(runs, tmp_path):
    random = trained(tmp_path, "shuffled", replace(CLASSIC, epochs=1))
    two = trained(tmp_path, "two", replace(SETTINGS, folds=2))
    for folders, message in (
            ([runs["a", 0], runs["a", 0]], "named twice"),
            ([runs["a", 0], random], "has the random split into 5 folds"),
            ([runs["a", 0], two], "has the grouped split into 2 folds")):
        with pytest.raises(RunError, match=message):
            averaged(tmp_path, folders)


def test_runs_that_do_not_fit_alone(runs, tmp_path):
    mirrored = trained(tmp_path, "mirrored", replace(
        CLASSIC, epochs=1, split="after-mirroring", augment=("mirror",)))
    others = images()._replace(provenance={**PROVENANCE, "files": {"training.csv": "1" * 64}})
    other = trained(tmp_path, "other", SETTINGS, others)
    more = trained(tmp_path, "more", SETTINGS, training_data(50))
    made, _ = averaged(tmp_path, [runs["a", 0]], "made")
    diverged = trained(tmp_path, "diverged", replace(CLASSIC, optimizer="sgd", learning_rate=1e30))
    for folder, message in (
            (mirrored, "mirror images of its validation images"),
            (other, "was trained on other data"), (more, "only runs on the images with all"),
            (made.folder, "is an ensemble; name the runs"), (diverged, "its net has diverged")):
        with pytest.raises(RunError, match=message):
            averaged(tmp_path, [folder], "refused")
    assert not list(tmp_path.glob("ensembles/*/refused"))


def test_runs_of_all_images_have_no_face_that_is_new_to_them(tmp_path):
    folders = [trained(tmp_path, f"whole{seed}", replace(CLASSIC, epochs=1, split="all-images",
                                                         seed=seed)) for seed in (0, 1)]
    _, summary = averaged(tmp_path, folders)
    assert summary["runs_per_image"] == [2, 2]
    assert summary["near_duplicates"]["others"]["n"] == 0
    assert summary["near_duplicates"]["near_duplicates"]["n"] == summary["n_valid"]


def test_runs_that_lack_something(runs, tmp_path):
    for name, message in (("summary.json", "is not a complete run"),
                          ("weights.npz", "has no weights ")):
        folder = tmp_path / name / "study/lenet5/a/fold0"
        shutil.copytree(runs["a", 0], folder)
        (folder / name).unlink()
        with pytest.raises(RunError, match=message):
            averaged(tmp_path, [folder])
    with pytest.raises(RunError, match="has no averaged weights"):
        averaged(tmp_path, [runs["a", 0]], averaged=True)
    with pytest.raises(RunError, match="is no run's folder"):
        averaged(tmp_path, [tmp_path / "nowhere"])
