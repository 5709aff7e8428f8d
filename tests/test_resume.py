"""A run that was killed and started again ends as one that was left alone, bit for bit.

Processes are killed with SIGKILL at moments drawn from a seed: inside an epoch, inside a
checkpoint's write, between its renames, during the last files.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import core_tools
import numpy as np
import pytest

from facekp import handlers, runs, training
from facekp.optimizers import OPTIMIZERS

VICTIM = """
import os, signal, sys
import core_tools
from facekp import handlers, runs, storage, training

name, folder, moment, log = sys.argv[1], sys.argv[2], int(sys.argv[3]), open(sys.argv[4], "a")
passed = 0

def counting(owner, attribute):
    function = getattr(owner, attribute)
    def call(*args, **kwargs):
        global passed
        passed += 1
        if passed == moment:
            print("killed at", attribute, file=log, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    setattr(owner, attribute, call)

counting(handlers.Progress, "batch_finished")
counting(handlers.CleanLoss, "__call__")
counting(storage.os, "fsync")
counting(storage.os, "replace")
training.train(runs.Run(folder), getattr(core_tools, name), core_tools.training_data(),
               core_tools.unlabelled_data(), core_tools.lookup())
print("ended after", passed, file=log, flush=True)
"""


def train(folder, settings, say=print):
    return training.train(runs.Run(folder), settings, core_tools.training_data(),
                          core_tools.unlabelled_data(), core_tools.lookup(), say)


def results(folder):
    """All that a run says about its net, without what the clock says."""
    files = {name: (folder / name).read_bytes()
             for name in ("weights.npz", "predictions.npz", "submission.csv", "faces.png")}
    history = runs.Run(folder).read_history()
    del history["seconds"]
    summary = json.loads((folder / "summary.json").read_text())
    summary = {key: value for key, value in summary.items() if not key.startswith("seconds")}
    return {**files, "history": {k: np.array(v).tobytes() for k, v in history.items()},
            "summary": summary}


def assert_same(folder, expected):
    found = results(folder)
    for name, value in expected.items():
        assert found[name] == value, name
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith((".", "check"))
                  ) == []  # neither half-written files nor checkpoints


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
                patch.setattr(training, "build", core_tools.build_once)
                train(folder / "run", settings)
            made[key] = results(folder / "run"), halfway
            assert made[key][0]["summary"]["best_epoch"] == settings.epochs
        return made[key]

    return run


@pytest.fixture
def compiled_once(monkeypatch):
    monkeypatch.setattr(training, "build", core_tools.build_once)


# ---- kill -9 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name, kills, seed", [("CNN14", 2, 0), ("LENET_BN", 1, 1)])
def test_killed_at_random_moments(tmp_path, clean_env, undisturbed, name, kills, seed):
    settings = getattr(core_tools, name)
    expected, _ = undisturbed(settings)
    random = np.random.RandomState(seed)
    env = dict(clean_env, PYTHONPATH=os.pathsep.join([os.path.dirname(__file__),
                                                      clean_env["PYTHONPATH"]]))
    log = tmp_path / "log"
    for _ in range(kills):
        # an epoch of two or four batches passes 10 to 12 moments, a whole run about 60
        done = subprocess.run([sys.executable, "-c", VICTIM, name, str(tmp_path / "run"),
                               str(random.randint(2, 30)), str(log)], env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True)
        assert done.returncode == -signal.SIGKILL, done.stdout
        assert not (tmp_path / "run" / "summary.json").exists()
    train(tmp_path / "run", settings)
    assert_same(tmp_path / "run", expected)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("owner, name, at_last", [
    (runs.Run, "write_history", lambda run, rows: len(rows) == core_tools.CNN14.epochs),
    (training.submission, "write_submission", lambda *args: True)],
    ids=["before the last row of history.csv", "before submission.csv"])
def test_killed_during_the_last_files(tmp_path, undisturbed, compiled_once, monkeypatch, owner,
                                      name, at_last):
    expected, _ = undisturbed(core_tools.CNN14)
    write = getattr(owner, name)

    def killed(*args):
        if at_last(*args):
            raise Killed
        return write(*args)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killed)
        with pytest.raises(Killed):
            train(tmp_path / "run", core_tools.CNN14)
    train(tmp_path / "run", core_tools.CNN14)
    assert_same(tmp_path / "run", expected)


# ---- going on after epoch 2 --------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_optimizer_goes_on_with_its_memory(tmp_path, undisturbed, compiled_once, optimizer):
    settings = replace(core_tools.CLASSIC, optimizer=optimizer)
    expected, halfway = undisturbed(settings)
    shutil.copytree(halfway, tmp_path / "run")
    said = []
    train(tmp_path / "run", settings, said.append)
    assert f"{tmp_path / 'run'}: going on after epoch 2" in said
    assert_same(tmp_path / "run", expected)


@pytest.mark.parametrize("damage", [
    lambda content: content[:-1000], lambda content: content[:100] + b"?" + content[101:]],
    ids=["truncated", "flipped"])
def test_a_damaged_checkpoint_costs_an_epoch_and_no_bit(tmp_path, undisturbed, compiled_once,
                                                        damage):
    expected, halfway = undisturbed(core_tools.CNN14)
    shutil.copytree(halfway, tmp_path / "run")
    checkpoint = tmp_path / "run" / "checkpoint"
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    said = []
    train(tmp_path / "run", core_tools.CNN14, said.append)
    text = "\n".join(said)
    assert "checkpoint: cannot be used: its checksum does not hold" in text
    assert "going on after epoch 1" in text
    assert_same(tmp_path / "run", expected)


def test_dropout_is_really_part_of_what_goes_on(tmp_path, undisturbed, compiled_once):
    """The tests above can fail: with the generators' state from elsewhere, the bits differ."""
    expected, halfway = undisturbed(core_tools.CNN14)
    shutil.copytree(halfway, tmp_path / "run")
    run = runs.Run(tmp_path / "run")
    arrays, meta = run.load_checkpoint(print)
    generators = [name for name in arrays
                  if name.startswith("state/") and arrays[name].dtype.kind in "iu"]
    assert generators
    for name in generators:
        arrays[name] = arrays[name] + 1
    run.save_checkpoint(arrays, meta)
    train(tmp_path / "run", core_tools.CNN14)
    assert results(tmp_path / "run")["weights.npz"] != expected["weights.npz"]


# ---- told to stop ------------------------------------------------------------------------------


def test_exit_code_and_message_of_a_process_that_is_told_to_stop(tmp_path, clean_env):
    script = """
import core_tools, os, sys
from facekp import data, handlers
from facekp.experiment import Experiment
data.load_training = lambda folder, **options: core_tools.training_data()
data.load_test = lambda folder, **options: core_tools.unlabelled_data()
data.load_lookup = lambda folder, *ids: core_tools.lookup()
handlers.EpochTable.__call__ = lambda self, net, history: os.kill(os.getpid(), 15)
sys.exit(Experiment("told", "5.1", "", {"": core_tools.CLASSIC}).main(["--out", sys.argv[1]]))
"""
    env = dict(clean_env, PYTHONPATH=os.pathsep.join([os.path.dirname(__file__),
                                                      clean_env["PYTHONPATH"]]))
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 143, done.stderr
    folder = tmp_path / "told" / "lenet5" / "fold0"
    assert done.stderr.strip().splitlines()[-1] == (
        f"facekp: SIGTERM: stopped; 1 epochs are on disk in {folder}; the same command goes on "
        "from there")
    assert (folder / "checkpoint").exists() and not (folder / "summary.json").exists()
