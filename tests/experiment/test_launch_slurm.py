"""Runs as jobs of SLURM, with stand-ins for its commands; make test-cluster takes the real ones."""
import os
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import slurm_tools
from kaggle_csv import write_folder
from run_tools import make_run

from facekp.cli import main
from facekp.errors import ConfigError, FolderError, RunError
from facekp.experiment import Experiment
from facekp.experiment.launch import slurm, slurm_options, slurm_queue
from facekp.runs.folder import Run
from facekp.settings import Settings

pytestmark = pytest.mark.usefixtures("quick_pictures")

FILES = {"files": {"training.csv": "12ab"}, "kind": "kaggle", "label": "a test's faces"}
TRAINING = SimpleNamespace(y=np.zeros((40, 30)), provenance=FILES)
WORDS = "partition=short time=60 memory=2GB cores=1"


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    return slurm_tools.install(tmp_path / "slurm", monkeypatch)


def plan(tmp_path, *names, epochs=10):
    return [(Run(tmp_path / "runs" / "s" / "cnn14" / name / "fold0"),
             Settings("cnn14", epochs=epochs)) for name in names]


def launch(tmp_path, runs, words=WORDS, **options):
    said = []
    made = slurm.Slurm("data", tmp_path / "runs", TRAINING, words, say=said.append, **options)
    return made(runs), said


def kinds(tmp_path, runs):
    found = slurm_queue.states(tmp_path / "runs", [run for run, _ in runs])
    return [found[run].kind for run, _ in runs]


# ---- options -----------------------------------------------------------------------------------


def test_options_come_from_the_file_and_then_the_command(tmp_path):
    file = tmp_path / "cluster.toml"
    file.write_text('partition = "long"\ntime = 90\nsetup = ["module load gcc"]\n'
                    '[sbatch]\nconstraint = "avx512"\n')
    read = slurm_options.read("time=30 setup='a b' sbatch.gres=gpu:1", file)
    assert (read.partition, read.time, list(read.setup)) == ("long", 30, ["a b"])
    assert read.sbatch == {"constraint": "avx512", "gres": "gpu:1"}
    assert slurm_options.read("", tmp_path / "none") == slurm_options.SlurmOptions()


@pytest.mark.parametrize("words, text, fault", [
    ("tme=3", "", "cluster-args: found 'tme', expected some of partition"),
    ("time=soon", "", "cluster-args: time: found 'soon', expected a whole number"),
    ("cores=0", "", "cores: found '0', expected a number of cores"),
    ("time=2 signal_seconds=120", "", "found 120, expected fewer than the 120 seconds of time=2"),
    ("array_size=0", "", "array_size: found '0', expected a number of jobs"),
    ("memory=6", "", 'memory: found \'6\', expected a text like "6GB"'),
    ("partition='a", "", "cluster-args: No closing quotation"),
    ("", "time = ", "cluster.toml: Invalid value"), ("", "setup = 3", "expected a list of lines"),
    ("", "sbatch = 3", "sbatch: found 3, expected a table"),
    ("", "partition = 3", "partition: found 3, expected a text")])
def test_a_wrong_option_is_one_line(words, text, fault, tmp_path):
    (tmp_path / "cluster.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        slurm_options.read(words, tmp_path / "cluster.toml")
    assert fault in str(error.value) and "\n" not in str(error.value)


# ---- submission --------------------------------------------------------------------------------


def test_what_is_missing_is_submitted_and_nothing_else(tmp_path, cluster):
    runs = plan(tmp_path, "a", "b", "c", "done")
    make_run(runs[3][0].folder, [.1] * 10, epochs=10)
    failures, said = launch(tmp_path, runs)
    assert failures == {} and kinds(tmp_path, runs) == ["queued"] * 3 + ["done"]
    assert any("3 of cnn14" in line and "1:00:00, 2GB, 1 cores" in line for line in said)
    script = (cluster / "script-1").read_text()
    for line in ("partition=short", "time=60", "mem=2GB", "cpus-per-task=1", "array=0-2%3",
                 "requeue", "signal=USR2@120"):
        assert f"#SBATCH --{line}\n" in script

    make_run(runs[0][0].folder, [.1] * 10, epochs=10)
    slurm_tools.leave(cluster, "1_0")
    make_run(runs[1][0].folder, [.1] * 4, state=None, epochs=10)
    (cluster / "queue").write_text("1_1|RUNNING|None\n")  # 1_2 is gone
    failures, said = launch(tmp_path, runs)
    assert failures == {} and slurm_tools.calls(cluster, "sbatch") == 2
    assert said[1].endswith("b/fold0: epoch 4 of 10, 0:00:12 left at most, job 1_1")
    assert re.search("c/fold0: failed, job 1_2: ended without a result; log: .*1_2_0_log.out$",
                     said[2])
    assert said[4] == "2 done, 1 running, 1 failed"
    assert "array" not in (cluster / "script-2").read_text()
    assert kinds(tmp_path, runs) == ["done", "running", "queued", "done"]


def test_runs_with_other_needs_are_other_arrays_of_limited_size(tmp_path, cluster):
    for name, seconds, epochs in (("old", 1.0, 10), ("older", 400.0, 10)):
        folder = tmp_path / "runs" / "s" / ("lenet5" if name == "old" else "cnn14") / name / "fold0"
        make_run(folder, [.1] * 10, seconds=seconds, summary={"peak_memory_mb": 1000 * seconds},
                 model=folder.parts[-3])
    runs = plan(tmp_path, "a", "b", "c") + [
        (Run(tmp_path / "runs" / "s" / "lenet5" / "d" / "fold0"), Settings("lenet5", epochs=10))]
    launch(tmp_path, runs, "at_a_time=3 array_size=2")
    scripts = [(cluster / f"script-{number}").read_text() for number in (1, 2, 3)]
    assert ["--time=150" in text for text in scripts] == [True, True, False]
    assert ["--mem=600GB" in text for text in scripts] == [True, True, False]
    assert "--time=30\n" in scripts[2] and "--mem=2GB" in scripts[2]
    assert "--array=0-1%1" in scripts[0]


def test_images_that_a_run_is_not_trained_on_are_not_timed(tmp_path, cluster, monkeypatch):
    """The table is that of an experiment with other runs, trained on all images and complete."""
    y, timed = np.zeros((40, 30)), []
    y[10:, 0] = np.nan
    monkeypatch.setattr(TRAINING, "y", y)
    monkeypatch.setattr(slurm.estimate, "time_epoch",
                        lambda settings, *images: timed.append(images) or 1.0)
    launch(tmp_path, plan(tmp_path, "a"), "")
    assert timed == [(10, 30)]


def test_a_dry_run_shows_the_scripts_and_leaves_nothing(tmp_path, cluster):
    _, said = launch(tmp_path, plan(tmp_path, "a", "b"), dry_run=True)
    assert any("#SBATCH --array=0-1%2" in line for line in said)
    assert not (cluster / "calls").exists() and not (tmp_path / "runs").exists()


def test_two_commands_at_a_time_do_not_submit_twice(tmp_path, cluster):
    with slurm_queue.alone(tmp_path / "runs"):
        with pytest.raises(FolderError, match="cluster-jobs: process [0-9]+ of .* is at work"):
            launch(tmp_path, plan(tmp_path, "a"))
    assert not (cluster / "calls").exists()
    launch(tmp_path, plan(tmp_path, "a"))
    assert slurm_tools.calls(cluster, "sbatch") == 1


def test_a_run_begun_with_other_settings_is_not_submitted(tmp_path, cluster):
    runs = plan(tmp_path, "a")
    make_run(runs[0][0].folder, [.1] * 3, epochs=3)
    failures, _ = launch(tmp_path, runs)
    assert "epochs was 3, now is 10" in failures[runs[0][0]]
    assert not (cluster / "calls").exists()


@pytest.mark.parametrize("words", [
    "Batch job submission failed: Invalid partition name specified",
    "Batch job submission failed: Memory specification can not be satisfied",
    "AssocMaxSubmitJobLimit"])
def test_what_sbatch_refuses_is_one_line(words, tmp_path, cluster, capsys):
    (cluster / "refusal").write_text(f"sbatch: error: {words}\n")
    with pytest.raises(ConfigError) as error:
        launch(tmp_path, plan(tmp_path, "a", "b"))
    assert str(error.value).startswith(f"sbatch: {words}; correct cluster.toml")
    assert capsys.readouterr().err == ""
    assert kinds(tmp_path, plan(tmp_path, "a")) == ["new"]


def test_without_slurm_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="found no sbatch on PATH"):
        launch(tmp_path, plan(tmp_path, "a"))


def test_a_folder_that_sbatch_would_read_otherwise_is_refused(tmp_path, cluster):
    with pytest.raises(ConfigError, match="found a % in .*50%j runs"):
        launch(tmp_path / "50%j runs", plan(tmp_path / "50%j runs", "a"))


def test_waiting_outlives_a_restart_of_the_controller(tmp_path, cluster, monkeypatch):
    runs = plan(tmp_path, "a", "b")
    steps = [lambda: (cluster / "down").touch(), lambda: (cluster / "down").unlink(),
             lambda: make_run(runs[0][0].folder, [.1] * 10, epochs=10),
             lambda: (cluster / "queue").write_text("")]
    monkeypatch.setattr(slurm.time, "sleep", lambda seconds: steps.pop(0)())
    failures, said = launch(tmp_path, runs, wait=True)
    assert list(failures) == [runs[1][0]] and "job 1_1: ended" in failures[runs[1][0]]
    assert any("Unable to contact slurm controller" in line for line in said)
    assert said[-1] == "1 done, 1 failed"


def test_the_state_of_many_is_one_question(tmp_path, cluster):
    runs = plan(tmp_path, *(f"v{k}" for k in range(30)))
    launch(tmp_path, runs)
    before = slurm_tools.calls(cluster, "squeue")
    assert kinds(tmp_path, runs) == ["queued"] * 30
    (cluster / "queue").write_text("")
    assert kinds(tmp_path, runs) == ["failed"] * 30
    assert slurm_tools.calls(cluster, "squeue") == before + 2
    assert slurm_tools.calls(cluster, "sacct") == 1


@pytest.mark.parametrize("log, accounts, words", [
    ("Starting with JobEnvironment()\nfacekp: error: x: Disk quota exceeded; mend that", "",
     "x: Disk quota exceeded; mend that"),
    ("Starting with JobEnvironment()\nfacekp: error: x: No space left on device\n"
     "srun: error: n1: task 0: Exited with exit code 2", "", "x: No space left on device"),
    ("Starting with JobEnvironment()\nslurmstepd: error: Detected 1 oom-kill event(s) in StepId=1",
     "", "used more memory than it asked for; ask for more"),
    ("facekp: error: killed by SIGKILL (out of memory?)", "1|OUT_OF_MEMORY",
     "used more memory than it asked for; ask for more"),
    ("facekp: error: of the first time\nStarting with JobEnvironment()\n", "1|NODE_FAIL",
     "its node failed"),
    ("slurmstepd: error: *** STEP 1.0 ON n1 CANCELLED AT 2026 ***", "1|CANCELLED by 0",
     "was cancelled"),
    ("slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT 2026-11-27T17:49:52 ***", "",
     "was cancelled"),
    ("slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT 2026-11-27T17:49:52 DUE TO TIME LIMIT ***",
     "", "reached its time limit before it could stop"),
    ("slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT 2026-11-27T17:49:52 DUE TO NODE FAILURE, "
     "SEE SLURMCTLD LOG FOR DETAILS ***", "", "its node failed"),
    ("", "", "ended without a result")])
def test_why_a_job_failed(log, accounts, words, tmp_path, cluster):
    (tmp_path / "log").write_text(log)
    if accounts:
        (cluster / "accounts").write_text(accounts + "\n")
    job = slurm_queue.Job("1", tmp_path / "log", 10)
    assert slurm_queue.why(job, slurm_queue.accounting(["1"])) == words


def test_status_and_cancel(tmp_path, cluster, capsys):
    launch(tmp_path, plan(tmp_path, "a", "b"))
    assert main(["cluster", "status", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count("queued (Priority), job 1_") == 2 and out.endswith("2 queued\n")
    assert main(["cluster", "cancel", "--out", str(tmp_path)]) == 0
    assert "2 jobs cancelled" in capsys.readouterr().out
    assert kinds(tmp_path, plan(tmp_path, "a", "b")) == ["failed", "failed"]
    (cluster / "down").touch()
    assert main(["cluster", "status", "--out", str(tmp_path)]) == 2
    assert "squeue: slurm_load_jobs error: Unable to contact" in capsys.readouterr().err


def test_a_damaged_record_is_one_line(tmp_path):
    (tmp_path / "cluster-jobs" / "x").mkdir(parents=True)
    (tmp_path / "cluster-jobs" / "x" / "jobs.json").write_text('{"jobs": [[1]]}')
    with pytest.raises(RunError, match="jobs.json: holds no list of jobs"):
        slurm_queue.recorded(tmp_path)


# ---- the experiment's command ------------------------------------------------------------------


def test_the_command_submits_and_later_makes_tables(tmp_path, cluster, monkeypatch, capsys):
    import facekp.data
    study = Experiment("study", {"a": Settings("cnn14", epochs=2),
                                 "b": Settings("cnn14", epochs=3)})
    tables = SimpleNamespace(y=np.zeros((3, 30)), image_ids=[1], out_of_face=0,
                             provenance=FILES)
    monkeypatch.setattr(facekp.data, "load_training", lambda folder, **options: tables)
    monkeypatch.setattr(facekp.data, "load_unlabelled", lambda folder: (None, None))
    monkeypatch.chdir(tmp_path)
    command = ["--out", "runs", "--cluster", "slurm", "--cluster-args", WORDS]
    assert study.main(command) == 0
    out = capsys.readouterr().out
    assert "submitted 2 runs as 1 array of jobs" in out and "validation" not in out
    for name, epochs in (("a", 2), ("b", 3)):
        make_run(tmp_path / f"runs/study/cnn14/{name}/fold0", [.04] * epochs, epochs=epochs)
    assert study.main(command) == 0
    out = capsys.readouterr().out
    assert "validation 9.600 px" in out and "tables: runs/study/summary.md" in out
    assert slurm_tools.calls(cluster, "sbatch") == 1
    assert study.main(["--out", "runs", "--wait"]) == 2
    assert "wait: it belongs to a cluster" in capsys.readouterr().err
    assert study.main([*command, "--jobs", "2"]) == 2
    assert "at_a_time" in capsys.readouterr().err


# ---- the job -----------------------------------------------------------------------------------


def test_a_job_trains_and_its_fault_is_told(tmp_path, cluster):
    """From submission through submitit to the real worker: data that are too few for five folds."""
    run = Run(tmp_path / "runs" / "lenet5" / "fold0")
    runs = [(run, Settings("lenet5", {"variant": "classic"}))]
    made = slurm.Slurm(write_folder(tmp_path), tmp_path / "runs", TRAINING, WORDS, say=str)
    made(runs)
    assert slurm_tools.run_job(cluster, "1") == 2
    words = slurm_queue.states(tmp_path / "runs", [run])[run].words
    assert words.startswith("failed, job 1: folds: found 5 for 2 images")


JOB = """
import signal, sys
from facekp.experiment.launch import slurm_job
slurm_job.COMMAND = (sys.executable, "-c", sys.argv[2])
job = slurm_job.SlurmJob(sys.argv[1], "text", 1)
job.idle = int(sys.argv[3])
def submitit(number, frame):
    print("queued again", job.idle, flush=True)
    sys.exit(7)
signal.signal(signal.SIGUSR2, submitit)
job()
"""
WORKER = """
import os, signal, sys, time
def stop(number, frame):
    open(os.path.join(folder, "history.csv"), "a").write("epoch\\n" * epochs)
    print("stopped", flush=True)
    sys.exit(143)
folder, epochs = %r, %d
signal.signal(signal.SIGTERM, stop)
print("threads", os.environ["OMP_NUM_THREADS"], flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("idle, epochs, code, words", [
    (1, 1, 7, "queued again 0"), (1, 0, 7, "queued again 2"),
    (2, 0, 1, "no epoch came to its end before the time limit")])
def test_a_job_that_is_told_to_stop_is_queued_again(idle, epochs, code, words, tmp_path):
    """SLURM sends SIGUSR2 to all processes of a job."""
    process = subprocess.Popen(
        [sys.executable, "-c", JOB, str(tmp_path), WORKER % (str(tmp_path), epochs), str(idle)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
        start_new_session=True)
    assert process.stdout.readline() == "threads 1\n"
    os.killpg(process.pid, signal.SIGUSR2)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out.splitlines()[0]) == (code, "stopped")
    assert words in out


def test_a_killed_training_is_a_failed_job(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", JOB, str(tmp_path), "import os; os.kill(os.getpid(), 9)", "0"],
        stdout=subprocess.PIPE, universal_newlines=True)
    assert (done.returncode, done.stdout) == (
        137, "facekp: error: killed by SIGKILL (out of memory?)\n")


def test_a_job_that_is_back_waits_for_a_lost_node(tmp_path, monkeypatch):
    from facekp.experiment.launch import slurm_job
    run = Run(tmp_path)
    with run.locked():
        monkeypatch.setattr(slurm_job.time, "sleep", lambda seconds: waited.append(seconds))
        waited = []
        slurm_job._wait_for(run)
    assert len(waited) == slurm_job.LOCK_SECONDS
    slurm_job._wait_for(run)
    assert len(waited) == slurm_job.LOCK_SECONDS
