"""Several runs at a time: shares of the cores, failures, being told to stop, time left."""
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from core_tools import CLASSIC
from faults import harness
from faults.configurations import write_data
from kaggle_csv import write_folder
from run_tools import make_run

from facekp.experiment import Experiment
from facekp.experiment.estimate import cost_key, left, measured, time_left
from facekp.experiment.launch import local, worker
from facekp.runs.read import find_runs
from facekp.runs.folder import Run
from facekp.settings import Settings

WORKER = """
import json, os, signal, sys, time
job = json.loads(sys.argv[1])
folder = job["folder"]
name = os.path.basename(folder)
print(folder + ": hello", os.environ["OMP_NUM_THREADS"], flush=True)
if name == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if name == "bad":
    sys.exit("facekp: error: " + folder + ": is damaged")
if name.startswith("slow"):
    def stop(number, frame):
        print("asked to stop", flush=True)
        sys.exit(130)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    print("ready", flush=True)
    time.sleep(60)
open(folder, "w").close()
"""


@pytest.fixture
def workers(monkeypatch):
    monkeypatch.setattr(local, "COMMAND", (sys.executable, "-c", WORKER))


def plan(tmp_path, *names):
    return [(Run(tmp_path / "s" / name), Settings("cnn14", epochs=10)) for name in names]


def test_threads_are_shared(monkeypatch):
    monkeypatch.setattr(local, "usable_cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [local.threads_each(jobs) for jobs in (1, 2, 3, 8, 20)] == list("84211")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert local.threads_each(4) == "3"
    monkeypatch.setenv("FACEKP_CHOSEN", '{"OMP_NUM_THREADS": [null, "3"]}')  # it was our choice
    assert local.threads_each(4) == "2"


def test_short_names(tmp_path):
    runs = [Run(tmp_path / "cnn14" / name / "fold0") for name in ("adam", "sgd")]
    assert list(local.short_names(runs).values()) == ["adam/fold0", "sgd/fold0"]


def test_a_run_that_fails_or_is_killed_fails_alone(tmp_path, workers, monkeypatch):
    monkeypatch.setattr(local, "usable_cores", lambda: 2)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    (tmp_path / "s").mkdir()
    said, runs = [], plan(tmp_path, "a", "killed", "bad", "b", "c")
    failures = local.Local("data", 4, said.append)(runs)
    assert {run.folder.name: text for run, text in failures.items()} == {
        "killed": "killed by SIGKILL (out of memory?)",
        "bad": "is damaged"}
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["a", "b", "c"]
    assert said[0] == "5 runs, 4 at a time, 1 thread each"
    assert {"a | hello 1", "killed | failed: killed by SIGKILL (out of memory?)",
            "bad | facekp: error: is damaged"} <= set(said)
    assert any("4 of 5 runs ended, 1 at work; about" in line for line in said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_told_to_stop_stops_all(number, tmp_path, workers):
    (tmp_path / "s").mkdir()
    before = signal.getsignal(signal.SIGINT)  # ignored where a shell began us in the background
    said, ready = [], threading.Semaphore(0)

    def say(line):
        said.append(line)
        if line.endswith("ready"):
            ready.release()

    def kill():
        for _ in range(2):
            ready.acquire(timeout=30)
        os.kill(os.getpid(), number)

    threading.Thread(target=kill).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match=f"^{number.name}: stopped all runs; "):
        local.Local("data", 2, say)(plan(tmp_path, "slow1", "slow2", "slow3"))
    assert time.monotonic() - started < 30
    assert sum("asked to stop" in line for line in said) == 2
    assert not any("slow3" in line for line in said[1:])  # it was not begun
    assert signal.getsignal(signal.SIGINT) is before


def test_a_process_that_is_being_started_is_told_to_stop_too(tmp_path, workers, monkeypatch):
    (tmp_path / "s").mkdir()
    start = subprocess.Popen

    def told_meanwhile(*args, **options):
        process = start(*args, **options)
        os.kill(os.getpid(), signal.SIGTERM)
        return process

    monkeypatch.setattr(subprocess, "Popen", told_meanwhile)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match="^SIGTERM: stopped all runs; "):
        local.Local("data", 2, str)(plan(tmp_path, "slow1", "slow2"))
    assert time.monotonic() - started < 30


def test_no_process_outlives_an_error_of_ours(tmp_path, workers):
    (tmp_path / "s").mkdir()

    def say(line):
        if line.endswith("ready"):
            raise BrokenPipeError
    with pytest.raises(BrokenPipeError):
        local.Local("data", 2, say)(plan(tmp_path, "slow1", "slow2"))
    assert not subprocess.run(["pgrep", "-f", str(tmp_path)], stdout=subprocess.PIPE).stdout


def test_a_worker_names_its_fault(tmp_path, clean_env):
    """The real one: data that are too few for five folds."""
    settings = Settings("lenet5", {"variant": "classic"})
    job = worker.job(Run(tmp_path / "run"), settings, write_folder(tmp_path))
    done = subprocess.run([*local.COMMAND, job], env=clean_env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 2
    assert done.stderr.startswith("facekp: error: folds: found 5 for 2 images")


KILLED = """
import os, signal, sys
from facekp.experiment.launch import worker
from facekp.training import handlers

def epoch(self, net, history, call=handlers.EpochTable.__call__):
    call(self, net, history)
    if "killed" in sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

handlers.EpochTable.__call__ = epoch
sys.exit(worker.main())
"""


@pytest.mark.slow
def test_the_same_command_goes_on_where_a_worker_was_killed(tmp_path, monkeypatch, capsys):
    """With real trainings; the net whose training was killed is the other one to the last bit."""
    settings = replace(CLASSIC, epochs=2)
    study = Experiment("study", {"killed": settings, "other": settings})
    command = ["--data", str(write_data(tmp_path / "data")), "--out", str(tmp_path / "runs"),
               "--jobs", "2"]
    with monkeypatch.context() as patch:
        patch.setattr(local, "COMMAND", (sys.executable, "-c", KILLED))
        assert study.main(command) != 0
    assert "killed by SIGKILL" in "".join(capsys.readouterr())
    folder, other = (tmp_path / f"runs/study/lenet5/{name}/fold0" for name in study.variants)
    assert (other / "summary.json").exists() and not (folder / "summary.json").exists()
    assert study.main(command) == 0
    assert "going on after epoch 1" in capsys.readouterr().out
    assert harness.differences(folder, harness.results(other)) == []


# ---- time left ---------------------------------------------------------------------------------


def test_time_left(tmp_path):
    """Two runs of 10 epochs at 2 s, one of them 4 epochs on, one like neither."""
    make_run(tmp_path / "s/a/cnn14/fold0", [.1] * 4, state=None, epochs=10)
    make_run(tmp_path / "s/a/cnn14/fold2", [.1] * 10, fold=2)
    begun, fresh, done = (Run(tmp_path / f"s/a/cnn14/fold{k}") for k in range(3))
    runs = [(begun, Settings("cnn14", epochs=10)), (fresh, Settings("cnn14", epochs=10, fold=1)),
            (done, Settings("cnn14", epochs=10, fold=2)),
            (Run(tmp_path / "s/b/lenet5/fold0"), Settings("lenet5", epochs=10))]
    assert time_left(runs) == (6 * 2 + 10 * 2, 1)
    assert time_left(runs, jobs=2) == (20, 1)  # the longest run sets the limit
    lenet = {cost_key(runs[3][1].as_dict()): 5.0}
    assert time_left(runs, known=lenet) == (12 + 20 + 50, 0)
    assert left((3725.2, 0)) == "about 1:02:05 left at most"
    assert left((0.0, 2)) == "about 0:00:00 left at most, without 2 runs not measured yet"


def test_measured_is_the_median_of_runs_that_cost_the_same(tmp_path):
    for k, seconds in enumerate((1.0, 2.0, 9.0)):
        make_run(tmp_path / f"s/cnn14/sgd/fold{k}", [.1], seconds=seconds, fold=k,
                 optimizer="sgd")
    make_run(tmp_path / "s/cnn14/x/fold0", [], state=None)
    assert measured(find_runs(tmp_path)) == {cost_key(Settings("cnn14").as_dict()): 2.0}
