"""Training on images that lack keypoints, on some keypoints, and from another run's weights."""
import json
from dataclasses import replace

import numpy as np
import pytest
from core_tools import CLASSIC, PROVENANCE, faces, quick_training, training_data, unlabelled_data

from facekp.data import Lookup, Training, near_duplicate_groups
from facekp.data.schemes import FOUR, FOUR_COLUMNS
from facekp.errors import ConfigError, FolderError, RunError
from facekp.keypoints import COLUMNS, KEYPOINTS, scale
from facekp.runs.folder import Run
from facekp.settings import Settings
from facekp.training import load, one_run
from facekp.training.augmented_batches import AugmentedBatches
from facekp.augmentation import Augmentation
from facekp.data import schemes

OTHERS = np.setdiff1d(range(30), FOUR_COLUMNS)
ALL = replace(CLASSIC, labels="all", heads="each")
N = 60
SECOND = np.arange(N) >= 40
MISSING = 7
"""The image of the first scheme that lacks a keypoint."""


@pytest.fixture(autouse=True, scope="module")
def quick():
    with quick_training():
        yield


def all_images():
    """40 images of the first scheme, one of which lacks a keypoint; 20 of the second."""
    X, y = faces(N)
    y[MISSING, 14:16] = np.nan
    y[np.ix_(SECOND, OTHERS)] = np.nan
    y[SECOND, 21] += 6
    return Training(X, y, np.arange(2, N + 2), 0, PROVENANCE)


def lookup():
    """Images 1 to 3 are asked for all points, 4 to 6 for the four."""
    asked = np.ones((6, 30), bool)
    asked[np.ix_([3, 4, 5], OTHERS)] = False
    rows, columns = np.nonzero(asked)
    return Lookup(np.arange(1, len(rows) + 1), rows + 1, columns, PROVENANCE)


def test_data():
    test = unlabelled_data()
    return test._replace(y=faces(6, seed=1)[1])


test_data.__test__ = False


def train(folder, settings, training=None):
    return one_run.train(Run(folder), settings, training or all_images(), test_data(), lookup(),
                         lambda text: None)


# ---- the split -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["random", "grouped"])
@pytest.mark.parametrize("augment", [(), ("mirror",)])
def test_validation_images_are_those_of_complete_images_alone(how, augment):
    data = all_images()
    settings = replace(ALL, split=how, augment=augment, fold=2)
    found = one_run.split(data.X, data.y, settings)
    complete = ~np.isnan(data.y).any(axis=1)
    alone = one_run.split(data.X[complete], data.y[complete], settings)
    np.testing.assert_array_equal(found.X_valid, alone.X_valid)
    np.testing.assert_array_equal(found.y_valid, alone.y_valid)
    np.testing.assert_array_equal(found.X_train[:len(alone.X_train)], alone.X_train)
    assert not np.isnan(found.y_valid).any()
    more = found.train_idx[len(alone.X_train):]
    times = 1 + len(augment)
    assert len(more) == 21 * times
    assert sorted(more % N) == sorted([MISSING, *np.flatnonzero(SECOND)] * times)
    assert not set(found.train_idx % N) & set(found.valid_idx % N)


def test_mirrored_first_and_split_then():
    data = all_images()
    found = one_run.split(data.X, data.y, replace(ALL, split="after-mirroring",
                                                  augment=("mirror",)))
    complete = ~np.isnan(data.y).any(axis=1)
    assert complete[found.valid_idx % N].all() and len(found.valid_idx) == 16  # of 78
    assert len(found.train_idx) == 62 + 2 * 21
    assert (found.train_idx >= N).sum() > 21


def test_near_duplicates_of_validation_images_are_not_trained_on():
    data = all_images()
    settings = replace(ALL, split="grouped")
    valid = one_run.split(data.X, data.y, settings).valid_idx
    for partner, image in ((valid[0], 45), (valid[1], MISSING)):
        data.X[image] = np.round(data.X[partner] * 0.8 * 255) / 255  # darker, as in a recording
    data.X[50] = data.X[45]
    X = data.X.copy()  # groups are kept for the same array
    groups = near_duplicate_groups(X)
    assert groups[45] == groups[50] == groups[valid[0]]
    found = one_run.split(X, data.y, settings)
    np.testing.assert_array_equal(found.valid_idx, valid)
    assert not np.isin([45, 50, MISSING], found.train_idx).any()
    assert not np.isin(groups[found.train_idx], groups[found.valid_idx]).any()
    random = one_run.split(X, data.y, replace(settings, split="random"))
    assert np.isin([45, 50, MISSING], random.train_idx).all()  # as the paper's split has them


def test_images_without_any_keypoint_of_a_group_are_left_out():
    data = all_images()
    settings = replace(ALL, points=("mouth_left_corner", "mouth_center_top_lip"))
    found = one_run.split(data.X, data.y, settings)
    assert not SECOND[found.train_idx].any() and MISSING in found.train_idx
    columns = [COLUMNS.index(f"{name}_{axis}") for name in settings.points for axis in "xy"]
    for y in (found.y_train, found.y_valid):
        assert np.isfinite(y[:, columns]).all()
        assert np.isnan(np.delete(y, columns, axis=1)).all()


def test_too_few_complete_images():
    data = all_images()
    data.y[4:, 0] = np.nan
    with pytest.raises(ConfigError, match="folds: found 5 for 4 images"):
        one_run.split(data.X, data.y, ALL)


# ---- batches -------------------------------------------------------------------------------------


def test_transformed_targets_are_those_of_each_scheme():
    data = all_images()
    augmentation = Augmentation.parse("mirror=0.5,rotate=20,shift=45")
    y = scale(data.y)
    plain, split = (AugmentedBatches(16, 3, augmentation) for _ in range(2))
    expected = np.concatenate([yb for _, yb in plain(data.X, y)])
    found = np.concatenate([yb for _, yb in split(data.X, schemes.apart(y, SECOND))])
    np.testing.assert_array_equal(found, schemes.apart(expected, SECOND[plain.order]))
    assert np.isnan(expected[:, FOUR_COLUMNS]).any()  # some points have left their images


# ---- runs ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "all-labels/lenet5/each/fold0"
    return folder, train(folder, ALL)


def test_a_run_on_all_images(trained):
    folder, summary = trained
    assert (summary["n_train"], summary["n_valid"]) == (31 + 21, 8)
    assert summary["state"] == "complete" and np.isfinite(summary["train_loss"])
    with np.load(folder / "predictions.npz") as arrays:
        y_valid, y_pred = arrays["y_valid"], arrays["y_pred_valid"]
        y_test = arrays["y_pred_test"]
    assert y_pred.shape == (8, 30) and np.isfinite(y_valid).all()
    error = np.sqrt(np.mean((y_valid.astype(float) - y_pred) ** 2))
    assert summary["valid_rmse_px"] == pytest.approx(error, rel=1e-6)
    assert summary["best_valid_loss"] == pytest.approx((error / 48) ** 2, rel=1e-4)

    net, test = load.load_net(folder), test_data()
    first, second = net.predict_px(test.X), net.predict_px(test.X, np.ones(6, bool))
    np.testing.assert_array_equal(y_test, np.concatenate([first[:3], second[3:]]))
    errors = (y_test - test.y) ** 2
    apart = errors[:3].ravel(), errors[3:][:, FOUR_COLUMNS].ravel()
    for name, values in (("_first", apart[0]), ("_second", apart[1]), ("", np.concatenate(apart))):
        assert summary[f"test_rmse_px{name}"] == pytest.approx(np.sqrt(values.mean()), rel=1e-5)

    data = all_images()
    split = one_run.split(data.X, data.y, ALL)
    y_fitted = net.predict_px(split.X_train, SECOND[split.train_idx])
    assert summary["train_rmse_px"] == pytest.approx(
        np.sqrt(np.nanmean((split.y_train - y_fitted) ** 2)), rel=1e-5)
    mean_face = np.nanmean(split.y_train[~SECOND[split.train_idx]], axis=0)
    assert summary["mean_face_rmse_px"] == pytest.approx(
        np.sqrt(np.mean((split.y_valid - mean_face) ** 2)), rel=1e-5)


def test_incomplete_images_change_nothing_where_complete_ones_are_trained_on(tmp_path):
    data = all_images()
    complete = ~np.isnan(data.y).any(axis=1)
    alone = Training(data.X[complete], data.y[complete], data.rows[complete], 0, PROVENANCE)
    histories = []
    for name, training in (("a", data), ("b", alone)):
        train(tmp_path / name, replace(CLASSIC, epochs=1), training)
        with np.load(tmp_path / name / "weights.npz") as weights:
            histories.append({key: weights[key] for key in weights.files})
    for key, value in histories[0].items():
        np.testing.assert_array_equal(value, histories[1][key])


def test_a_run_that_was_stopped_ends_with_the_same_bits(trained, tmp_path):
    from facekp.training import handlers
    stopped = tmp_path / "fold0"

    class Enough(Exception):
        pass

    def stop(self, net, history):
        if len(history) == 2:
            raise Enough
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handlers.EpochTable, "__call__", stop)
        with pytest.raises(Enough):
            train(stopped, ALL)
    train(stopped, ALL)
    with np.load(stopped / "weights.npz") as one, np.load(trained[0] / "weights.npz") as other:
        for name in other.files:
            np.testing.assert_array_equal(one[name], other[name])


# ---- specialists ---------------------------------------------------------------------------------

NOSE = replace(ALL, points=("nose_tip",), start="all-labels/each", epochs=2)


@pytest.fixture(scope="module")
def nose(trained):
    folder = trained[0].parents[3] / "specialists/lenet5/nose/fold0"
    return folder, train(folder, NOSE)


def test_a_specialist_knows_its_points_alone(nose):
    folder, summary = nose
    columns = [20, 21]
    with np.load(folder / "predictions.npz") as arrays:
        for name in ("y_valid", "y_pred_valid", "y_pred_test"):
            assert np.isfinite(arrays[name][:, columns]).all()
            assert np.isnan(np.delete(arrays[name], columns, axis=1)).all()
        error = np.sqrt(np.mean((arrays["y_valid"] - arrays["y_pred_valid"])[:, columns] ** 2))
    assert summary["valid_rmse_px"] == pytest.approx(error, rel=1e-5)
    assert summary["best_valid_loss"] == pytest.approx((error / 48) ** 2, rel=1e-4)
    assert np.isfinite(summary["mean_face_rmse_px"]) and np.isfinite(summary["test_rmse_px"])
    assert not (folder / "submission.csv").exists()
    with pytest.raises(RunError, match="knows nose_tip only"):
        load.refuse_some_points(folder)


def test_it_starts_from_the_other_run_s_weights(trained, nose):
    """Its first epoch is one of a net with these weights: much better than from random ones."""
    history = Run(nose[0]).read_history()
    with np.load(trained[0] / "predictions.npz") as arrays:
        before = np.mean(((arrays["y_valid"] - arrays["y_pred_valid"])[:, [20, 21]] / 48) ** 2)
    assert history["train_loss"][0] < 3 * before
    config = json.loads((nose[0] / "config.json").read_text())
    assert len(config["start"]) == 64


def test_training_goes_on_from_there_only(trained, nose, tmp_path):
    """With a rate of almost nothing, the weights stay what they were."""
    root = trained[0].parents[3]
    folder = root / "specialists/lenet5/still/fold0"
    train(folder, replace(NOSE, learning_rate=1e-12, epochs=1))
    with np.load(folder / "weights.npz") as one, np.load(trained[0] / "weights.npz") as other:
        for name in other.files:
            np.testing.assert_allclose(one[name], other[name], atol=1e-7)


def test_a_start_that_is_not_there(tmp_path):
    with pytest.raises(RunError, match="all-labels/lenet5/each/seed4/fold0: is no complete run"):
        train(tmp_path / "specialists/lenet5/nose/seed4/fold0", replace(NOSE, seed=4))
    with pytest.raises(RunError, match="does not agree with its place"):
        train(tmp_path / "nose", NOSE)


def test_a_start_with_another_split_is_refused(trained):
    """It was trained on images that the run is validated on. Neither path names its own split."""
    folder = trained[0].parents[3] / "specialists/lenet5/apart/fold0"
    with pytest.raises(RunError, match="each/fold0: divides the images in another way"):
        train(folder, replace(NOSE, split="grouped"))


def test_a_start_with_another_output_is_refused(trained):
    folder = trained[0].parents[3] / "specialists/lenet5/other/fold0"
    with pytest.raises(RunError, match="these weights cannot be used"):
        train(folder, replace(NOSE, heads="input"))


def test_other_first_weights_are_another_run(trained, tmp_path):
    for name in ("config.json", "summary.json", "weights.npz"):
        path = tmp_path / "all-labels/lenet5/each/fold0" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((trained[0] / name).read_bytes())
    folder = tmp_path / "specialists/lenet5/nose/fold0"
    train(folder, NOSE)
    (folder / "summary.json").unlink()  # as of a run that was stopped
    with np.load(path) as weights:
        arrays = {key: weights[key] + 1 for key in weights.files}
    np.savez(path, **arrays)
    with pytest.raises(FolderError, match="was begun with other first weights"):
        train(folder, NOSE)


def test_the_place_of_a_start_has_the_split_the_seed_and_the_fold():
    from facekp.training.start import run_of
    for own, there, settings in (
            ("quick/specialists/lenet5/nose/seed2/fold3-2", "quick/all-labels/lenet5/each/seed2/"
             "fold3", dict(seed=2, fold=3)),
            ("specialists/lenet5/nose/random/fold0", "all-labels/lenet5/each/random/fold0", {}),
            ("specialists/lenet5/fold0", "lenet/lenet5/fold0", dict(start="lenet"))):
        found = run_of(Run(f"/runs/{own}"), replace(NOSE, **settings))
        assert found.folder.as_posix() == f"/runs/{there}"


def test_a_run_beside_another_starts_from_the_one_beside_the_other(tmp_path):
    from facekp.training.start import run_of
    own = Run(tmp_path / "specialists/lenet5/nose/fold0-2")
    first, second = (Run(tmp_path / "all-labels/lenet5/each" / name)
                     for name in ("fold0", "fold0-2"))
    second.folder.mkdir(parents=True)
    assert run_of(own, NOSE).folder == first.folder
    second.summary.write_text("{}")
    assert run_of(own, NOSE).folder == second.folder
    assert run_of(Run(own.folder.with_name("fold0")), NOSE).folder == first.folder


def test_points_without_incomplete_images(tmp_path):
    settings = Settings("lenet5", {"variant": "classic"}, epochs=1, batch_size=16, points=FOUR)
    summary = train(tmp_path / "run", settings, training_data())
    assert np.isfinite([summary["train_loss"], summary["valid_rmse_px"]]).all()


# ---- specialists together ------------------------------------------------------------------------


def test_a_keypoint_is_the_mean_of_those_that_have_it():
    from facekp.training.members import out_of_fold
    a, b, c = (np.full((2, 30), value) for value in (10.0, 20.0, 40.0))
    a[:, 20:], b[:, :10] = np.nan, np.nan
    index, y_pred, counts = out_of_fold([a, b, c], [np.array([0, 2]), np.array([0, 2]),
                                                    np.array([2, 3])], 5)
    assert index.tolist() == [0, 2, 3] and counts.tolist() == [2, 3, 1]
    parts = (slice(0, 10), slice(10, 20), slice(20, 30))
    for row, expected in zip(y_pred, ((10, 15, 20), (25, 70 / 3, 30), (40, 40, 40))):
        for part, value in zip(parts, expected):
            np.testing.assert_allclose(row[part], value, rtol=1e-6)


def test_a_specialist_of_one_side_has_no_mean_with_mirror_images(trained, tmp_path):
    from facekp.training.ensemble import ensemble
    one_sided = replace(CLASSIC, points=KEYPOINTS[:1], epochs=1)
    folder = tmp_path / "study/lenet5/left/fold0"
    train(folder, one_sided)
    with pytest.raises(RunError, match="left/fold0: .*left_eye_center without right_eye_center"):
        ensemble(None, [trained[0], folder], all_images(), mirror=True)


def test_specialists_that_leave_a_keypoint_out(nose):
    from facekp.training.ensemble import ensemble
    with pytest.raises(RunError, match="no run is trained on left_eye_center"):
        ensemble(None, [nose[0]], all_images())


def test_a_net_for_all_keypoints_and_a_specialist(trained, nose, tmp_path):
    """The nose is the mean of both; all else is that of the net for all keypoints."""
    from facekp.training.ensemble import ensemble
    run, summary = ensemble(lambda *_: Run(tmp_path / "both"), [trained[0], nose[0]], all_images(),
                            test_data(), lookup(), say=lambda text: None)
    with np.load(run.predictions) as found, np.load(trained[0] / "predictions.npz") as whole, \
            np.load(nose[0] / "predictions.npz") as part:
        for name in ("y_pred_valid", "y_pred_test"):
            expected = whole[name].astype(float)
            expected[:, [20, 21]] = (expected[:, [20, 21]] + part[name][:, [20, 21]]) / 2
            if name == "y_pred_valid":
                order = np.argsort(one_run.split(all_images().X, all_images().y, ALL).valid_idx)
                expected = expected[order]
            np.testing.assert_allclose(found[name], expected, rtol=1e-5)
    assert np.isfinite([summary["valid_rmse_px"], summary["test_rmse_px"]]).all()
    assert summary["submission_rows"] == len(lookup().row_ids)
