"""One training: the split, the folder it leaves, early stopping, divergence, being told to stop."""
import json
import os
import signal
import threading
from dataclasses import replace
from functools import partialmethod

import numpy as np
import pytest
from core_tools import (CLASSIC, LABEL, PROVENANCE, faces, lookup, quick_training,
                        training_data, unlabelled_data)
from kaggle_csv import read_submission

from facekp import keypoints, plots
from facekp.runs.folder import Run
from facekp.runs.version import TRAINING_VERSION
from facekp.training import checkpoint, evaluate, handlers, interruption, load
from facekp.training import one_run
from facekp.errors import ConfigError, RunError
from facekp.nets.net import Lazy
from facekp.settings import Settings


@pytest.fixture(autouse=True, scope="module")
def quick():
    with quick_training():
        yield


# ---- the split ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def marked():
    """2140 images of two pixels, (i, -i): a mirror image is (-i, i)."""
    i = np.arange(1, 2141, dtype=np.float32)
    X = np.stack([i, -i], axis=1).reshape(2140, 1, 1, 2)
    return X, np.tile(i[:, np.newaxis], (1, 30))


def settings_of(mirror, **options):
    """Of a run that was made before `split` and `augment` took the place of `mirror`."""
    return Settings.from_dict({"model": "lenet5", "mirror": mirror, **options})


def parts(marked, mirror, **options):
    split = one_run.split(*marked, settings_of(mirror, **options))
    return split, split.X_train[:, 0, 0, 0], split.X_valid[:, 0, 0, 0]


def test_no_mirror_images(marked):
    split, train, valid = parts(marked, "none")
    assert (len(train), len(valid)) == (1712, 428)
    assert sorted([*train, *valid]) == list(range(1, 2141))
    np.testing.assert_array_equal(split.y_valid[:, 0], valid)
    assert not split.twin_in_train.any()


def test_split_then_mirror_shows_no_validation_face_in_training(marked):
    split, train, valid = parts(marked, "split-then-mirror")
    assert (len(train), len(valid)) == (3424, 428)
    assert (valid > 0).all() and not set(valid) & set(np.abs(train))
    np.testing.assert_array_equal(train[1712:], -train[:1712])
    np.testing.assert_array_equal(split.y_train[1712:, 0], 95 - split.y_train[:1712, 2])
    assert not split.twin_in_train.any()
    _, _, without = parts(marked, "none")
    np.testing.assert_array_equal(valid, without)  # both numbers are of the same faces


def test_mirror_then_split_flags_the_twins(marked):
    split, train, valid = parts(marked, "mirror-then-split")
    assert (len(train), len(valid)) == (3424, 856)
    assert sorted([*train, *valid]) == sorted([*range(-2140, 0), *range(1, 2141)])
    known = set(train)
    np.testing.assert_array_equal(split.twin_in_train, [-face in known for face in valid])
    assert 0.7 < split.twin_in_train.mean() < 0.9


def test_folds_share_nothing_and_cover_all(marked):
    valid = np.concatenate([parts(marked, "none", fold=k)[2] for k in range(5)])
    assert sorted(valid) == list(range(1, 2141))
    assert (parts(marked, "none", seed=1)[2] != parts(marked, "none")[2]).any()


def test_the_split_leaves_the_callers_arrays(marked):
    X, y = marked[0].copy(), marked[1].copy()
    for mirror in ("none", "split-then-mirror", "mirror-then-split"):
        split = one_run.split(X, y, settings_of(mirror))
        for array in split[:4]:
            assert not np.shares_memory(array, X) and not np.shares_memory(array, y)
    np.testing.assert_array_equal(X, marked[0])
    np.testing.assert_array_equal(y, marked[1])


def test_fewer_images_than_folds(marked):
    with pytest.raises(ConfigError, match="folds: found 5 for 4 images"):
        one_run.split(marked[0][:4], marked[1][:4], Settings("lenet5"))


# ---- a run -------------------------------------------------------------------------------------


def train(folder, settings, say=print):
    return one_run.train(Run(folder), settings, training_data(), unlabelled_data(), lookup(), say)


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    folder = tmp_path_factory.mktemp("complete")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "plots", plots)  # real pictures
        return folder, train(folder, CLASSIC)


def test_a_complete_run_has_all_its_files_and_no_others(complete):
    folder, _ = complete
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json", "curves.png", "faces.png", "history.csv", "lock", "predictions.npz",
        "submission.csv", "summary.json", "weights.npz"]


def test_config_says_all_that_made_the_result(complete):
    config = json.loads((complete[0] / "config.json").read_text())
    assert Settings(**config["settings"]) == CLASSIC
    assert config["data"] == PROVENANCE
    assert config["test_data"] == PROVENANCE["files"]  # of both, in these tests
    assert set(config) == {"settings", "data", "test_data", "versions", "training_version",
                           "engine", "threads", "theano_flags", "git", "host", "begun"}
    assert config["versions"]["numpy"] == np.__version__
    assert config["training_version"] == TRAINING_VERSION
    assert config["engine"]["floatX"] == "float32"


def test_history_and_summary_agree_with_the_predictions(complete):
    folder, summary = complete
    history = Run(folder).read_history()
    assert history["epoch"] == [1, 2, 3]
    assert all(second > 0 for second in history["seconds"])
    best = int(np.argmin(history["valid_loss"]))
    assert summary["best_epoch"] == best + 1
    np.testing.assert_allclose(history["valid_rmse_px"], 48 * np.sqrt(history["valid_loss"]))
    with np.load(folder / "predictions.npz") as arrays:
        y_true, y_pred = arrays["y_valid"], arrays["y_pred_valid"]
        assert list(arrays["image_ids"]) == [1, 2, 3, 4, 5, 6]
        there = lookup()
        assert sorted(zip(*np.nonzero(arrays["asked"]))) == sorted(
            zip(there.image_ids - 1, there.columns))
    assert y_true.shape == (8, 30) and summary["n_valid"] == 8 and summary["n_train"] == 32
    rmse = np.sqrt(np.mean((y_true.astype(float) - y_pred) ** 2))
    assert summary["valid_rmse_px"] == pytest.approx(rmse)
    assert history["valid_rmse_px"][best] == pytest.approx(rmse, rel=1e-5)
    split = one_run.split(*faces(40), CLASSIC)
    y_fitted = load.load_net(folder).predict_px(split.X_train)
    assert summary["train_rmse_px"] == pytest.approx(
        np.sqrt(np.mean((split.y_train.astype(float) - y_fitted) ** 2)))
    mean_face = split.y_train.mean(axis=0, dtype=float)
    assert summary["mean_face_rmse_px"] == pytest.approx(
        np.sqrt(np.mean((split.y_valid - mean_face) ** 2)))
    assert (summary["state"], summary["stopped_by"], summary["data"]) == (
        "complete", "epochs", LABEL)
    assert summary["n_params"] == 156 + 2416 + 846_840 + 10_164 + 2550  # conv1, ..., output


def test_the_clean_loss_is_the_nets_own_error_on_images_spread_over_all(complete, tmp_path):
    """The first of Kaggle's faces are easier than the others; 8 of 32 are 0, 4.4, 8.9, ..."""
    clean = Run(complete[0]).read_history()["train_loss_clean"]
    assert np.isnan(clean[1:]).all()
    train(tmp_path, replace(CLASSIC, epochs=1))  # ends with the net of the first epoch
    split, part = one_run.split(*faces(40), CLASSIC), [0, 4, 8, 13, 17, 22, 26, 31]
    y_pred = load.load_net(tmp_path).predict(split.X_train[part])
    assert clean[0] == pytest.approx(
        np.mean((y_pred - keypoints.scale(split.y_train[part])) ** 2), rel=1e-5)


def test_weights_are_those_of_the_predictions_and_the_submission(complete):
    folder, summary = complete
    net = load.load_net(folder)
    y_pred = net.predict_px(unlabelled_data().X)
    with np.load(folder / "predictions.npz") as arrays:
        np.testing.assert_array_equal(arrays["y_pred_test"], y_pred)
    row_ids, values = read_submission(folder / "submission.csv")
    assert summary["submission_rows"] == len(row_ids) == 12
    np.testing.assert_allclose(values, np.clip(y_pred[:, [0, 29]], 0, 96).ravel(), atol=1e-6)


def test_a_complete_run_is_left_alone(complete):
    folder, summary = complete
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    said = []
    again = train(folder, CLASSIC, said.append)
    assert again == json.loads(json.dumps(summary))
    assert said == [f"{folder}: complete"]
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert {name for name in after if after[name] != before[name]} <= {"lock"}


def test_other_settings_or_data_are_refused(complete):
    folder, _ = complete
    with pytest.raises(RunError, match="settings.seed was 0, now is 1"):
        train(folder, replace(CLASSIC, seed=1))
    other = training_data()._replace(provenance={**PROVENANCE, "label": "Kaggle's files"})
    with pytest.raises(RunError, match="data.label was"):
        one_run.train(Run(folder), CLASSIC, other)


def test_without_test_images_there_is_no_submission(tmp_path):
    one_run.train(Run(tmp_path), replace(CLASSIC, epochs=1), training_data())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.json", "curves.png", "history.csv", "lock", "predictions.npz", "summary.json",
        "weights.npz"]


# ---- early stopping and divergence -------------------------------------------------------------

# Steps too small to change a float32: every epoch's validation loss is the first one's.
STUCK = replace(CLASSIC, learning_rate=1e-30, patience=2, epochs=50)


class Crash(Exception):
    pass


def crash(*args, **kwargs):
    raise Crash


@pytest.mark.parametrize("epochs", [50, 3])
def test_an_early_stop_survives_a_crash_behind_it(tmp_path, monkeypatch, epochs):
    settings = replace(STUCK, epochs=epochs)
    with monkeypatch.context() as patch:
        patch.setattr(one_run, "finish", crash)
        with pytest.raises(Crash):
            train(tmp_path, settings)
    summary = train(tmp_path, settings)
    assert (summary["epochs"], summary["best_epoch"], summary["stopped_by"]) == (3, 1, "patience")


@pytest.mark.parametrize("epochs", [2, 3])
def test_divergence_is_named_and_survives_a_crash_behind_it(tmp_path, monkeypatch, epochs):
    """A loss that is no number in epoch 2, which is the last one or not."""
    settings = replace(CLASSIC, epochs=epochs)

    def poison(self, net, history, call=checkpoint.Checkpoint.__call__):
        call(self, net, history)
        if len(history) == 1:
            weights = net.weights()["output.W"]
            weights.set_value(weights.get_value() * np.float32("nan"))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoint, "__call__", poison)
        patch.setattr(one_run, "finish", crash)
        with pytest.raises(Crash):
            train(tmp_path, settings)
    summary = train(tmp_path, settings)
    assert (summary["state"], summary["stopped_by"]) == ("diverged", "diverged")
    assert (summary["epochs"], summary["best_epoch"]) == (2, 1)
    assert not (tmp_path / "submission.csv").exists()
    with np.load(tmp_path / "predictions.npz") as arrays:  # the best epoch's, from before
        assert np.isfinite(arrays["y_pred_valid"]).all()


def test_divergence_in_the_first_epoch(tmp_path):
    settings = replace(CLASSIC, optimizer="sgd", learning_rate=1e38, epochs=5)
    summary = train(tmp_path, settings)
    assert summary["state"] == "diverged" and summary["best_epoch"] == 0
    stored = json.loads((tmp_path / "summary.json").read_text())
    assert stored["state"] == "diverged" and stored["valid_rmse_px"] is None
    assert not (tmp_path / "weights.npz").exists()
    assert not (tmp_path / "submission.csv").exists()
    assert (tmp_path / "curves.png").exists()
    assert train(tmp_path, settings)["state"] == "diverged"


def test_a_frozen_net_is_reported_and_stopped(tmp_path):
    """Steps so large that every output sits at an end of tanh, whose slope is 0 there."""
    settings = replace(CLASSIC, optimizer="sgd", learning_rate=1e4, epochs=40)
    summary = train(tmp_path, settings)
    first = summary["frozen_since"]
    assert 1 <= first <= 4
    assert (summary["state"], summary["stopped_by"]) == ("complete", "frozen")
    assert summary["epochs"] == first - 1 + handlers.FROZEN_EPOCHS
    losses = Run(tmp_path).read_history()["valid_loss"]
    assert len(set(losses[first - 1:])) == 1
    assert first == 1 or losses[first - 2] != losses[-1]


# ---- going on ----------------------------------------------------------------------------------


def test_what_may_change_the_last_bits_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("THEANO_FLAGS", "optimizer=fast_run,device=cpu")
    with monkeypatch.context() as patch:
        patch.setattr(handlers.EpochTable, "__call__", crash)
        with pytest.raises(Crash):
            train(tmp_path, CLASSIC)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("THEANO_FLAGS", "optimizer=None,device=cpu")
    said = []
    train(tmp_path, CLASSIC, said.append)
    assert said[0] == (f"{tmp_path}: THEANO_FLAGS.optimizer was 'fast_run', now is 'None'; threads "
                       "was '1', now is '2': the last bits may differ from an undisturbed run's")


def test_the_best_weights_survive_a_crash_in_a_worse_epoch(tmp_path, monkeypatch):
    """Weights that are spoiled after epoch 1 make it the best one for good."""
    def spoil(self, net, history, crash_in=None):
        if len(history) == 1:
            weights = net.weights()["output.W"]
            weights.set_value(-5 * weights.get_value())
        if len(history) == crash_in:
            raise Crash

    settings = replace(CLASSIC, learning_rate=1e-6)
    monkeypatch.setattr(handlers.EpochTable, "__call__", partialmethod(spoil, crash_in=2))
    with pytest.raises(Crash):
        train(tmp_path / "crashed", settings)
    monkeypatch.setattr(handlers.EpochTable, "__call__", spoil)
    for name in ("crashed", "undisturbed"):
        assert train(tmp_path / name, settings)["best_epoch"] == 1
    assert (tmp_path / "crashed" / "weights.npz").read_bytes() == (
        tmp_path / "undisturbed" / "weights.npz").read_bytes()


# ---- being told to stop ------------------------------------------------------------------------


@pytest.mark.parametrize("number, epoch", [(signal.SIGINT, 1), (signal.SIGTERM, 3)])
def test_a_signal_ends_the_run_where_it_can_go_on(tmp_path, monkeypatch, complete, number, epoch):
    """Sent behind the last batch of an epoch; the third is the last epoch of all."""
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}

    def send(self, net, history):
        if len(history) == epoch:
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(handlers.EpochTable, "__call__", send)
        with pytest.raises(interruption.Interrupted) as caught:
            train(tmp_path, CLASSIC)
    assert str(caught.value) == (f"{number.name}: stopped; {epoch} epochs are on disk in "
                                 f"{tmp_path}; the same command goes on from there")
    assert {n: signal.getsignal(n) for n in before} == before
    assert len(Run(tmp_path).read_history()["epoch"]) == epoch
    assert not (tmp_path / "summary.json").exists()
    said = []
    train(tmp_path, CLASSIC, said.append)
    assert f"{tmp_path}: going on after epoch {epoch}" in said
    for name in ("weights.npz", "predictions.npz", "submission.csv"):
        assert (tmp_path / name).read_bytes() == (complete[0] / name).read_bytes()


@pytest.mark.parametrize("batch, epochs", [(2, 0), (3, 0), (4, 1), (6, 1), (7, 2)])
def test_a_signal_ends_an_evaluation_too(tmp_path, monkeypatch, batch, epochs):
    """An epoch: two batches of training, one of validation; in the first one for the clean loss.

    The batch that is under way is the last one.
    """
    calls = []

    def counting(self, *args, call=Lazy.__call__):
        calls.append(args)
        if len(calls) == batch:
            os.kill(os.getpid(), signal.SIGTERM)
        return call(self, *args)

    monkeypatch.setattr(Lazy, "__call__", counting)
    with pytest.raises(interruption.Interrupted, match=f"SIGTERM: stopped; {epochs} epochs are on"):
        train(tmp_path, CLASSIC)
    assert len(calls) == batch
    assert (tmp_path / "checkpoint").exists() == (epochs > 0)


def test_training_in_another_thread_leaves_signals_alone(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    found = []
    thread = threading.Thread(target=lambda: found.append(
        train(tmp_path, replace(CLASSIC, epochs=1))["state"]))
    thread.start()
    thread.join()
    assert found == ["complete"] and signal.getsignal(signal.SIGTERM) == before


def test_a_second_signal_stops_at_once(tmp_path):
    class Net:
        pass
    with pytest.raises(KeyboardInterrupt, match="SIGTERM: stopped at once") as caught:
        with interruption.stopping_cleanly(Net(), checkpoint.Checkpoint(Run(tmp_path), None)):
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
    assert not isinstance(caught.value, interruption.Interrupted)


def test_targets_are_scaled(complete):
    """Losses are those of (y - 48) / 48: far below one, where pixels would give hundreds."""
    history = Run(complete[0]).read_history()
    split = one_run.split(*faces(40), CLASSIC)
    spread = np.mean(keypoints.scale(split.y_train) ** 2)
    assert history["train_loss"][0] < 3 * spread < 1
