"""The weights' moving average: its values, its errors, and runs that go on with it."""
import shutil
from dataclasses import replace

import numpy as np
import pytest
from core_tools import CLASSIC, LENET_BN, quick_training, training_data
from faults.harness import differences, results

from facekp import metrics
from facekp.errors import ConfigError, FolderError, RunError
from facekp.runs.folder import Run
from facekp.runs.read import read_run
from facekp.settings import Settings
from facekp.training import handlers, one_run
from facekp.training.averaged_weights import AveragedWeights
from facekp.training.load import load_net

import core_tools

PART = 0.8
NETS = {"plain": replace(CLASSIC, average=PART), "batch norm": replace(LENET_BN, average=PART)}


@pytest.fixture(autouse=True, scope="module")
def quick():
    with quick_training():
        yield


def train(folder, settings):
    return one_run.train(Run(folder), settings, training_data(), core_tools.unlabelled_data(),
                         core_tools.lookup(), say=str)


@pytest.fixture(scope="module", params=NETS)
def trained(request, tmp_path_factory):
    """A run, the weights after each of its steps, and its folder as it was after epoch 2."""
    settings, folder = NETS[request.param], tmp_path_factory.mktemp("averaged") / "run"
    steps, average = [], AveragedWeights.batch_finished

    def note(self, net, history):
        steps.append({name: value.get_value() for name, value in net.weights().items()})
        average(self, net, history)

    def keep(self, net, history):
        if len(history) == 2:
            shutil.copytree(folder, folder.with_name("halfway"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AveragedWeights, "batch_finished", note)
        patch.setattr(handlers.EpochTable, "__call__", keep)
        summary = train(folder, settings)
    return settings, folder, summary, steps


def test_the_average_is_the_weighted_mean_of_the_weights_after_each_step(trained):
    settings, folder, summary, steps = trained
    n_batches = len(steps) // settings.epochs
    assert n_batches * settings.epochs == len(steps) >= 6
    steps = steps[:summary["averaged_best_epoch"] * n_batches]
    parts = PART ** np.arange(len(steps))[::-1]
    with np.load(folder / "averaged_weights.npz") as averaged:
        assert set(averaged) == set(steps[0])
        for name in averaged:
            expected = np.average([step[name].astype(float) for step in steps], 0, parts)
            np.testing.assert_allclose(averaged[name], expected, rtol=1e-4, atol=1e-6)
            assert averaged[name].dtype == np.float32
    with np.load(folder / "weights.npz") as weights:
        assert any((weights[name] != steps[0][name]).any() for name in weights)


def test_the_training_itself_is_the_same_to_the_last_bit(trained, tmp_path):
    settings, folder, summary, _ = trained
    plain = train(tmp_path, replace(settings, average=0.0))
    for name in ("weights.npz", "predictions.npz", "submission.csv"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    assert not (tmp_path / "averaged_weights.npz").exists()
    assert set(summary) - set(plain) == {"averaged_best_epoch", "averaged_valid_rmse_px"}
    assert "averaged_loss" not in Run(tmp_path).read_history()


def test_its_errors_are_those_of_the_saved_average(trained):
    settings, folder, summary, _ = trained
    data = one_run.split(training_data().X, training_data().y, settings)
    y_pred = load_net(folder, averaged=True).predict_px(data.X_valid)
    px = metrics.rmse_px(data.y_valid, y_pred)
    assert summary["averaged_valid_rmse_px"] == pytest.approx(px, rel=1e-6)
    losses = Run(folder).read_history()["averaged_loss"]
    assert len(losses) == settings.epochs
    assert summary["averaged_best_epoch"] == np.argmin(losses) + 1
    assert metrics.mse_to_px(min(losses)) == pytest.approx(px, rel=1e-4)
    assert px != pytest.approx(summary["valid_rmse_px"], rel=1e-6)


def test_a_stopped_run_goes_on_with_the_average(trained, tmp_path):
    settings, folder, summary, _ = trained
    shutil.copytree(folder.with_name("halfway"), tmp_path / "run")
    train(tmp_path / "run", settings)
    assert differences(tmp_path / "run", results(folder)) == []
    again, expected = (path / "averaged_weights.npz" for path in (tmp_path / "run", folder))
    assert again.read_bytes() == expected.read_bytes()


def test_a_checkpoint_without_the_average_is_anothers(trained, tmp_path):
    settings, folder, _, _ = trained
    shutil.copytree(folder.with_name("halfway"), tmp_path / "run")
    run = Run(tmp_path / "run")
    arrays, meta = run.load_checkpoint(print)
    run.save_checkpoint({name: array for name, array in arrays.items()
                         if not name.startswith("averaged/")}, meta)
    with pytest.raises(FolderError, match="is another net's: averaged/"):
        train(tmp_path / "run", settings)


def test_a_training_that_diverges_has_its_average_of_before(tmp_path):
    settings = replace(CLASSIC, optimizer="sgd", learning_rate=1e30, average=PART)
    summary = train(tmp_path, settings)
    assert summary["state"] == "diverged" and "averaged_valid_rmse_px" not in summary
    assert not (tmp_path / "averaged_weights.npz").exists()
    assert read_run_state(tmp_path, settings) == "diverged in epoch 1"


def read_run_state(folder, settings):
    target = folder / "study" / settings.model / "fold0"
    target.mkdir(parents=True)
    for name in ("config.json", "history.csv", "summary.json"):
        shutil.copy(folder / name, target)
    return read_run(target).state


def test_a_run_without_an_average_says_so(tmp_path):
    train(tmp_path, replace(CLASSIC, epochs=1))
    with pytest.raises(RunError, match="has no averaged weights"):
        load_net(tmp_path, averaged=True)


@pytest.mark.parametrize("value", [1, 1.0, -0.1, True, float("nan")])
def test_values_that_are_no_part(value):
    with pytest.raises(ConfigError, match="average: found"):
        Settings("lenet5", average=value)
