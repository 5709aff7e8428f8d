"""Several experiments: the order, the forecast, QUICK, failures, what follows."""
from argparse import Namespace
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from core_tools import CLASSIC
from run_tools import make_run

import facekp.data
from facekp.errors import ConfigError, RunError
from facekp.experiment import Experiment, estimate, known, series
from facekp.settings import Settings

FIRST = Experiment("first", {"": Settings("lenet5", epochs=10)})
SECOND = Experiment("second", {name: Settings("cnn14", optimizer=name, epochs=100)
                               for name in ("sgd", "adam")}, folds=5)


def options(tmp_path, **values):
    return Namespace(**{"data": "d", "out": str(tmp_path), "quick": False, "only": None,
                        "epochs": None, "seeds": [0], "folds": None, "split": None, "jobs": 1,
                        "device": None, "force_new": False, "cluster": None, "wait": False,
                        "dry_run": False, **values})


@pytest.fixture(autouse=True)
def images(monkeypatch):
    monkeypatch.setattr(facekp.data, "load_training",
                        lambda folder, **options: SimpleNamespace(y=np.zeros((50, 30))))


def test_forecast_by_timing_each_kind_of_net_once(tmp_path):
    timed = []

    def measure(settings, n_images, n_others):
        timed.append((settings.model, n_images))
        return {"lenet5": 2.0, "cnn14": 3.0}[settings.model]
    first, second, total = series.forecast([FIRST, SECOND], options(tmp_path), measure)
    assert timed == [("lenet5", 50), ("cnn14", 50)]
    assert first.split() == "first 1 of 1 runs to do 0:00:20 at most".split()
    assert second.split() == "second 10 of 10 runs to do 0:50:00 at most".split()
    assert total.split()[:4] == "all 0:50:20 at most;".split()
    assert "by training steps made now, one run at a time" in total


def test_forecast_by_earlier_runs_that_are_not_done_again(tmp_path):
    make_run(tmp_path / "first/lenet5/fold0", [.1] * 10, model="lenet5", seconds=4.0)
    make_run(tmp_path / "second/cnn14/sgd/fold0", [.1] * 30, state=None, epochs=100, seconds=1.5,
             optimizer="sgd")
    first, second, total = series.forecast([FIRST, SECOND], options(tmp_path, folds=1), None)
    assert "0 of  1 runs" in first and "0:00:00" in first
    assert "2 of  2 runs" in second and "0:04:15" in second  # (70 + 100) * 1.5 s
    assert f"by epochs of earlier runs in {tmp_path}, one run" in total


def test_a_run_that_two_experiments_share_counts_once(tmp_path):
    again = Experiment("again", {"": Settings("lenet5", epochs=10)}, shares={"": ("first", "")})
    _, line, _ = series.forecast([FIRST, again], options(tmp_path), lambda *_: 1.0)
    assert "0 of  0 runs" in line


def test_quick_is_one_fold_of_few_epochs_in_a_folder_of_its_own(tmp_path):
    slow = Experiment("slow", {"": Settings("vggnet")}, quick_epochs=1)
    for experiment, epochs in ((SECOND, 3), (slow, 1)):
        plan = list(experiment.plan(options(tmp_path, quick=True)))
        assert len(plan) == len(experiment.variants)
        assert {settings.epochs for _, settings in plan} == {epochs}
        assert all(tmp_path / "quick" in run.folder.parents for run, _ in plan)
    own = list(SECOND.plan(options(tmp_path, quick=True, epochs=2, folds=4)))
    assert len(own) == 8 and {settings.epochs for _, settings in own} == {2}
    assert len(list(SECOND.plan(options(tmp_path)))) == 10


@pytest.mark.parametrize("error, words", [
    (RunError("is damaged"), "is damaged"), (MemoryError(), "MemoryError"),
    (OSError(28, "No space left on device"), ".*No space left on device")])
def test_an_experiment_that_fails_does_not_end_the_others(error, words, tmp_path, monkeypatch):
    ran = []

    def run(self, options):
        ran.append(self.name)
        if self.name == "first":
            raise error
    monkeypatch.setattr(Experiment, "run", run)
    monkeypatch.setattr(series, "draw", lambda *args: ran.append("figures"))
    with pytest.raises(RunError, match=f"^first: {words}$"):
        series.run_all([FIRST, SECOND], options(tmp_path), lambda *_: 1.0, lambda text: None)
    assert ran == ["first", "second", "figures"]


@pytest.mark.parametrize("ended", [True, False])
def test_on_a_cluster_all_are_submitted_before_one_is_waited_for(ended, tmp_path, monkeypatch):
    ran = []

    def run(self, options):
        ran.append((self.name, options.wait))
        return options.wait and ended
    monkeypatch.setattr(Experiment, "run", run)
    monkeypatch.setattr(series, "draw", lambda *args: ran.append("figures"))
    series.run_all([FIRST, SECOND], options(tmp_path, cluster="slurm", wait=True), None,
                   lambda text: None)
    assert ran == [("first", False), ("second", False), ("first", True), ("second", True)] + [
        "figures"] * ended


def test_scripts_are_shown_once(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(Experiment, "run", lambda self, options: bool(ran.append(self.name)))
    series.run_all([FIRST, SECOND], options(tmp_path, cluster="slurm", wait=True, dry_run=True),
                   None, lambda text: None)
    assert ran == ["first", "second"]


def test_some_of_the_experiments():
    assert series.choose([FIRST, SECOND], "second") == [SECOND]
    assert series.choose([FIRST, SECOND], "second,first") == [FIRST, SECOND]
    with pytest.raises(ConfigError, match="only: found 'third', expected some of first, second"):
        series.choose([FIRST, SECOND], "third")


def test_timing_a_net(monkeypatch):
    """Steps of 0.5 s: 40 training images are 2.5 batches of 16, 10 are 0.625; built once."""
    from facekp.nets import models
    now = iter(range(1000))
    net = SimpleNamespace(compile=lambda: None, train_iter_=lambda X, y: X.shape,
                          eval_iter_=lambda X, y: y.shape)
    built = []
    monkeypatch.setattr(models, "build", lambda settings: built.append(settings) or net)
    estimate._time_steps.cache_clear()
    monkeypatch.setattr(estimate.time, "perf_counter", lambda: next(now) / 2)
    assert estimate.time_epoch(CLASSIC, 50) == .5 * 40 / 16 + .5 * 10 / 16
    assert estimate.time_epoch(replace(CLASSIC, augment=["mirror"]), 50) == (
        .5 * 80 / 16 + .5 * 10 / 16)
    after = replace(CLASSIC, split="after-mirroring", augment=["mirror"])
    assert estimate.time_epoch(after, 50) == (
        .5 * 80 / 16 + .5 * 20 / 16)
    assert estimate.time_epoch(replace(CLASSIC, split="all-images"), 50) == .5 * 100 / 16
    assert len(built) == 1
    estimate._time_steps.cache_clear()


def test_what_the_paper_ran_is_there():
    paper = known.get("paper")
    assert {known.get(name).section for name in paper.experiments} == {"5.1", "5.2", "5.3", "5.4"}
