"""Runs read back from folders: complete, unfinished, diverged, damaged, shared."""
import json

import numpy as np
import pytest
from run_tools import make_run

from facekp.errors import RunError
from facekp.results import SHARED, find_runs, of_experiment, read_run

NAN = float("nan")


def failing(text):
    raise AssertionError(f"a warning: {text}")


def test_a_complete_run(tmp_path):
    make_run(tmp_path / "study/cnn14/adam/seed3/fold1", [.04, .01, .0225], [.3, .2, .1],
             seed=3, fold=1, clean=[.2, .15, NAN])
    [run] = find_runs(tmp_path, failing)
    assert (run.experiment, run.model, run.variant, run.seed, run.fold, run.attempt) == (
        "study", "cnn14", "adam", 3, 1, 1)
    assert (run.state, run.complete, run.epochs, run.label) == ("complete", True, 3,
                                                                "a test's faces")
    assert run.best_epoch == 2 and run.best_valid_rmse_px == pytest.approx(4.8)
    np.testing.assert_array_equal(run.history["train_loss"], [.3, .2, .1])
    assert run.final("valid_loss") == .0225 and run.final("train_loss_clean") == .15
    assert run.seconds_per_epoch == 2 and run.summary["n_valid"] == 428


def test_unfinished_runs(tmp_path):
    make_run(tmp_path / "a/cnn14/fold0", [.04, .01], state=None, epochs=500)
    make_run(tmp_path / "b/cnn14/fold0", [], state=None, epochs=500)
    two, none = find_runs(tmp_path, failing)
    assert two.state == "unfinished at epoch 2 of 500" and not two.complete
    assert none.state == "unfinished at epoch 0 of 500" and none.variant == ""
    assert none.best_epoch == 0 and np.isnan(none.best_valid_rmse_px)
    assert np.isnan(none.final("valid_loss")) and np.isnan(none.seconds_per_epoch)


@pytest.mark.parametrize("state", ["diverged", None])
def test_diverged_runs(tmp_path, state):
    """Also when the run was killed between its last epoch and its summary."""
    make_run(tmp_path / "a/cnn14/sgd/fold0", [.04, NAN], state=state)
    [run] = find_runs(tmp_path, failing)
    assert run.diverged and run.state == "diverged in epoch 2"
    assert run.best_epoch == 1 and run.best_valid_rmse_px == pytest.approx(9.6)


def test_attempts_and_their_order(tmp_path):
    for name in ("fold1", "fold0-2", "fold0"):
        make_run(tmp_path / "a/cnn14/x" / name, [.1], fold=int(name[4]))
    assert [(run.fold, run.attempt) for run in find_runs(tmp_path, failing)] == [
        (0, 1), (0, 2), (1, 1)]


def test_no_folder_no_runs(tmp_path):
    assert find_runs(tmp_path / "none", failing) == []


@pytest.mark.parametrize("name, content, words", [
    ("config.json", "{", "config.json: cannot be read"),
    ("config.json", "{}", "lacks 'settings'"),
    ("config.json", '{"settings": 3}', "config.json: lacks"),
    ("history.csv", "epoch,train_loss\n1,2\n", "history.csv: cannot be read"),
    ("history.csv", None, "history.csv: cannot be read"),
    ("summary.json", "[]", "summary.json: cannot be read"),
    ("summary.json", "{}", "summary.json: lacks 'state'")])
def test_damaged_runs_are_named_and_left_out(tmp_path, name, content, words):
    make_run(tmp_path / "a/cnn14/fold0", [.1])
    make_run(tmp_path / "b/cnn14/fold0", [.1])
    path = tmp_path / "a/cnn14/fold0" / name
    path.unlink() if content is None else path.write_text(content)
    said = []
    [run] = find_runs(tmp_path, said.append)
    assert run.experiment == "b"
    assert len(said) == 1 and words in said[0] and str(path) in said[0]


def test_a_moved_run_is_refused(tmp_path):
    make_run(tmp_path / "a/cnn14/fold3", [.1], fold=2)
    with pytest.raises(RunError, match="holds fold 2, seed 0 of cnn14, which does not agree"):
        read_run(tmp_path / "a/cnn14/fold3")


def test_shared_variants_are_found_in_both_experiments(tmp_path):
    make_run(tmp_path / "optimizer-study/cnn14/adagrad/fold0", [.1])
    make_run(tmp_path / "optimizer-study/cnn14/adam/fold0", [.2])
    make_run(tmp_path / "dropout-ablation/cnn14/dropout/fold0", [.3])
    runs = find_runs(tmp_path, failing)
    names = {name: [(run.variant, run.final("valid_loss")) for run in of_experiment(runs, name)]
             for name in ("optimizer-study", "dropout-ablation", "cnn14", "lenet")}
    assert names == {"optimizer-study": [("adagrad", .1), ("adam", .2)],
                     "dropout-ablation": [("dropout", .3), ("no-dropout", .1)],
                     "cnn14": [("", .3)], "lenet": []}


def test_an_own_run_comes_before_a_shared_one(tmp_path):
    make_run(tmp_path / "optimizer-study/cnn14/adagrad/fold0", [.1])
    make_run(tmp_path / "dropout-ablation/cnn14/no-dropout/fold0", [.3])
    [run] = of_experiment(find_runs(tmp_path, failing), "dropout-ablation")
    assert run.final("valid_loss") == .3


def test_shared_places_are_real_variants():
    assert not {place for place in SHARED.values()} & set(SHARED)


def test_errors_from_predictions_or_as_stored(tmp_path):
    run = make_run(tmp_path / "a/cnn14/fold0", [.1])
    [result] = find_runs(tmp_path, failing)
    assert result.errors() is None
    y = np.full((4, 30), 40.0)
    np.savez(run.predictions, y_valid=y, y_pred_valid=y + 3)
    assert result.errors()["rmse_px"] == 3
    run.predictions.write_bytes(run.predictions.read_bytes()[:50])
    with pytest.raises(RunError, match="predictions.npz: cannot be read"):
        result.errors()
    (run.folder / "errors.json").write_text(json.dumps({"rmse_px": 4.5}))
    assert result.errors() == {"rmse_px": 4.5}
