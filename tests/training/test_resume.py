"""A run that was stopped goes on with its optimizer's memory and its random generators.

:mod:`test_faults` kills whole processes; here is what their going on rests on.
"""
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import core_tools
import pytest

from checkout import TESTS
from faults.harness import differences, results

from facekp.runs.folder import Run
from facekp.training import handlers, one_run
from facekp.nets.optimizers import OPTIMIZERS
from facekp.runs.version import CODE_DIGESTS


def train(folder, settings, say=print):
    return one_run.train(Run(folder), settings, core_tools.training_data(),
                         core_tools.unlabelled_data(), core_tools.lookup(), say)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Results of runs that nobody disturbed, and their folders as they were after epoch 2.

    The last epoch is their best one, so that weights.npz and predictions.npz depend on all epochs.
    """
    made = {}

    def run(settings):
        key = json.dumps(settings.as_dict())
        if key not in made:
            folder = tmp_path_factory.mktemp("undisturbed")
            halfway = folder / "halfway"

            def keep(self, net, history):
                if len(history) == 2:
                    shutil.copytree(folder / "run", halfway)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(handlers.EpochTable, "__call__", keep)
                train(folder / "run", settings)
            made[key] = results(folder / "run"), halfway
            assert made[key][0]["summary.json"]["best_epoch"] == settings.epochs
        return made[key]

    return run


@pytest.fixture(autouse=True, scope="module")
def quick():
    with core_tools.quick_training():
        yield


# ---- going on after epoch 2 --------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_optimizer_goes_on_with_its_memory(tmp_path, undisturbed, optimizer):
    settings = replace(core_tools.CLASSIC, optimizer=optimizer)
    expected, halfway = undisturbed(settings)
    shutil.copytree(halfway, tmp_path / "run")
    said = []
    train(tmp_path / "run", settings, said.append)
    assert f"{tmp_path / 'run'}: going on after epoch 2" in said
    assert differences(tmp_path / "run", expected) == []


def test_augmentation_goes_on_with_the_images_of_the_next_epoch(tmp_path, undisturbed):
    settings = replace(core_tools.CLASSIC, augment=(
        "mirror", "rotate=5", "scale=0.05", "shift=10", "crop=0.1", "noise=0.02", "blur=0.5"))
    expected, halfway = undisturbed(settings)
    shutil.copytree(halfway, tmp_path / "run")
    train(tmp_path / "run", settings)
    assert differences(tmp_path / "run", expected) == []
    plain, _ = undisturbed(replace(settings, augment=("mirror",)))
    assert plain["summary.json"]["train_loss"] != expected["summary.json"]["train_loss"]


def test_a_schedule_goes_on_with_the_rate_of_the_next_epoch(tmp_path, undisturbed, monkeypatch):
    # build_once has done this before it compiled the net
    monkeypatch.setattr(one_run, "rates", SimpleNamespace(use=lambda net, settings: None))
    settings = replace(core_tools.CLASSIC, epochs=4, schedule=("warm-up=1", "cosine"))
    expected, halfway = undisturbed(settings)
    shutil.copytree(halfway, tmp_path / "run")
    train(tmp_path / "run", settings)
    assert differences(tmp_path / "run", expected) == []
    rates = Run(tmp_path / "run").read_history()["learning_rate"]
    assert rates == pytest.approx([0.0005, 0.001, 0.00075, 0.00025])
    assert (tmp_path / "run/rates.png").exists()
    plain, _ = undisturbed(replace(settings, schedule=()))
    assert plain["summary.json"]["train_loss"] != expected["summary.json"]["train_loss"]


def test_dropout_is_really_part_of_what_goes_on(tmp_path, undisturbed):
    """The tests above can fail: with the generators' state from elsewhere, the bits differ."""
    expected, halfway = undisturbed(core_tools.CNN14)
    shutil.copytree(halfway, tmp_path / "run")
    run = Run(tmp_path / "run")
    arrays, meta = run.load_checkpoint(print)
    generators = [name for name in arrays
                  if name.startswith("state/") and arrays[name].dtype.kind in "iu"]
    assert generators
    for name in generators:
        arrays[name] = arrays[name] + 1
    run.save_checkpoint(arrays, meta)
    train(tmp_path / "run", core_tools.CNN14)
    assert results(tmp_path / "run")["weights.npz"] != expected["weights.npz"]


@pytest.mark.parametrize("settings", [core_tools.LENET_BN, core_tools.CNN14])
def test_a_run_begun_before_there_were_versions_goes_on(tmp_path, undisturbed, settings,
                                                        monkeypatch):
    """Its config.json has a digest of the code, and `mirror` in place of split and augment."""
    expected, halfway = undisturbed(settings)
    shutil.copytree(halfway, tmp_path / "run")
    path = Run(tmp_path / "run").config
    config = json.loads(path.read_text())
    config["code"] = "0" * 64
    monkeypatch.setitem(CODE_DIGESTS, config["code"], config["training_version"])
    del config["training_version"], config["settings"]["split"]
    augment = config["settings"].pop("augment")
    config["settings"]["mirror"] = "split-then-mirror" if augment else "none"
    path.write_text(json.dumps(config))
    said = []
    train(tmp_path / "run", settings, said.append)
    assert f"{tmp_path / 'run'}: going on after epoch 2" in said
    assert differences(tmp_path / "run", expected) == []


# ---- told to stop ------------------------------------------------------------------------------


def test_exit_code_and_message_of_a_process_that_is_told_to_stop(tmp_path, clean_env):
    script = """
import core_tools, os, sys
from facekp import data
from facekp.training import handlers
from facekp.experiment import Experiment
data.load_training = lambda folder, **options: core_tools.training_data()
data.load_test = lambda folder, **options: core_tools.unlabelled_data()
data.load_lookup = lambda folder, *ids: core_tools.lookup()
data.load_unlabelled = lambda folder: (core_tools.unlabelled_data(), core_tools.lookup())
handlers.EpochTable.__call__ = lambda self, net, history: os.kill(os.getpid(), 15)
sys.exit(Experiment("told", {"": core_tools.CLASSIC}).main(["--out", sys.argv[1]]))
"""
    env = dict(clean_env, PYTHONPATH=os.pathsep.join([str(TESTS), clean_env["PYTHONPATH"]]))
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 143, done.stderr
    folder = tmp_path / "told" / "lenet5" / "fold0"
    assert done.stderr.strip().splitlines()[-1] == (
        f"facekp: SIGTERM: stopped; 1 epochs are on disk in {folder}; the same command goes on "
        "from there")
    assert (folder / "checkpoint").exists() and not (folder / "summary.json").exists()
