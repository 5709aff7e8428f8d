"""Which runs an experiment makes of its options, its exit codes, its score lines."""
import errno
import gc
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import weakref
from types import SimpleNamespace

import pytest
from run_tools import make_run

from facekp.errors import ConfigError, DataError
from facekp.experiment.experiment import Experiment, guarded, score_line
from facekp.runs.read import SHARED
from facekp.runs.folder import Run
from facekp.settings import Settings

from checkout import ROOT
SCRIPTS = sorted(path for path in (ROOT / "experiments").glob("*.py") if path.stem != "paper")

STUDY = Experiment("study", "5.4", "score 3.02", {
    "fair": Settings("lenet5", epochs=100, patience=6),
    "paper": Settings("lenet5", {"batch_norm": True}, epochs=500, split="after-mirroring",
                      augment=("mirror",))})
SINGLE = Experiment("single", "5.3", "score 3.1", {"": Settings("cnn14", epochs=500)}, folds=5)


def plan(experiment, *arguments):
    runs = list(experiment.plan(experiment._parser().parse_args(arguments)))
    return [(run.folder.as_posix(), settings) for run, settings in runs]


def load(script):
    spec = importlib.util.spec_from_file_location(script.stem, script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    [experiment] = [value for value in vars(module).values() if isinstance(value, Experiment)]
    return experiment


# ---- plan --------------------------------------------------------------------------------------


def test_one_fold_and_the_papers_settings_by_default():
    assert plan(STUDY) == [
        ("runs/study/lenet5/fair/fold0", Settings("lenet5", epochs=100, patience=6)),
        ("runs/study/lenet5/paper/fold0", Settings("lenet5", {"batch_norm": True}, epochs=500,
                                                   split="after-mirroring",
                                                   augment=("mirror",)))]


def test_an_empty_variant_is_no_folder_and_folds_have_their_own_default():
    assert [folder for folder, _ in plan(SINGLE)] == [
        f"runs/single/cnn14/fold{k}" for k in range(5)]
    assert [settings.fold for _, settings in plan(SINGLE)] == [0, 1, 2, 3, 4]


def test_seeds_folds_epochs_out():
    runs = plan(STUDY, "--seeds", "0,7", "--folds", "2", "--epochs", "3", "--out", "/tmp/x")
    assert [folder for folder, _ in runs] == [
        f"/tmp/x/study/lenet5/{variant}{seed}/fold{fold}"
        for seed in ("", "/seed7") for variant in ("fair", "paper") for fold in (0, 1)]
    assert {settings.epochs for _, settings in runs} == {3}
    assert [settings.seed for _, settings in runs] == [0] * 4 + [7] * 4


def test_only():
    assert [folder for folder, _ in plan(STUDY, "--only", "paper")] == [
        "runs/study/lenet5/paper/fold0"]
    with pytest.raises(ConfigError, match="only: found 'papers', expected some of fair, paper"):
        plan(STUDY, "--only", "papers")


@pytest.mark.parametrize("arguments", [
    ("--epochs", "0"), ("--epochs", "many"), ("--epochs", "1.5"), ("--epochs", ""),
    ("--folds", "6"), ("--folds", "0"), ("--seed", "-1"), ("--seeds", "1,,2"), ("--nonsense",)])
def test_wrong_arguments_exit_with_2_and_name_themselves(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        STUDY.main(arguments)
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


# ---- exit codes --------------------------------------------------------------------------------


def raising(error):
    def command():
        raise error
    return command


@pytest.mark.parametrize("error, code, words", [
    (DataError("training.csv, row 3: bad"), 2, "facekp: error: training.csv, row 3: bad\n"),
    (OSError(errno.ENOSPC, "No space left on device", "runs/x"), 2,
     "facekp: error: runs/x: No space left on device; "),
    (KeyboardInterrupt(), 130, "\nfacekp: interrupted\n"),
    (KeyboardInterrupt("SIGINT: stopped; go on"), 130, "\nfacekp: SIGINT: stopped; go on\n"),
    (KeyboardInterrupt("SIGTERM: stopped"), 143, "\nfacekp: SIGTERM: stopped\n"),
])
def test_exit_codes(error, code, words, capsys):
    assert guarded(raising(error)) == code
    captured = capsys.readouterr()
    assert captured.err.startswith(words) and captured.err.strip().count("\n") == 0
    assert captured.out == ""


def test_success_is_0_and_a_bug_is_no_fault_of_the_users():
    assert guarded(lambda: None) == 0
    with pytest.raises(ZeroDivisionError):
        guarded(raising(ZeroDivisionError()))


def test_unknown_variant_on_the_command_line(capsys):
    assert STUDY.main(["--only", "none"]) == 2
    assert capsys.readouterr().err == ("facekp: error: only: found 'none', expected some of fair, "
                                       "paper\n")


# ---- score lines -------------------------------------------------------------------------------


SUMMARY = {"state": "complete", "data": "synthetic faces", "valid_rmse_px": 1.5,
           "mean_face_rmse_px": 3.19, "n_valid": 428, "best_epoch": 20, "epochs": 26,
           "seconds_per_epoch": 2.25}


def test_score_line():
    assert score_line(Run("runs/a"), SUMMARY) == (
        "runs/a: validation 1.500 px RMSE on 428 images, mean face 3.190 px; best epoch 20 of 26, "
        "2.25 s each (synthetic faces)")


def test_score_line_tells_seen_faces_from_others():
    line = score_line(Run("runs/a"), {**SUMMARY, "valid_rmse_px_twin_in_train": 1.4,
                                      "valid_rmse_px_no_twin": 1.9})
    assert line.endswith("; 1.400 px where the mirror image was trained on, 1.900 px elsewhere")


def test_score_line_of_a_net_that_learned_nothing_more():
    line = score_line(Run("runs/a"), {**SUMMARY, "frozen_since": 7})
    assert line.endswith("; frozen since epoch 7: from there on the net learned nothing")


def test_score_line_of_a_run_that_diverged():
    line = score_line(Run("runs/a"), {**SUMMARY, "state": "diverged", "valid_rmse_px": None})
    assert line == "runs/a: diverged in epoch 26 (synthetic faces)"


# ---- the scripts and the Makefile --------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script(script):
    experiment = load(script)
    assert script.stem == experiment.name.replace("-", "_")
    assert f"ection {experiment.section}" in load_doc(script)
    assert plan(experiment)  # its settings are valid


def load_doc(script):
    return script.read_text(encoding="utf-8").split('"""')[1]


def test_the_papers_settings():
    settings = {path.stem: load(path).variants for path in SCRIPTS}
    lenet, cnn14 = settings["lenet"][""], settings["cnn14"][""]
    assert (lenet.epochs, lenet.patience, lenet.optimizer) == (100, 6, "adam")
    assert (cnn14.epochs, cnn14.batch_size, cnn14.optimizer, cnn14.learning_rate) == (
        500, 128, "adagrad", 0.01)
    assert load(ROOT / "experiments" / "cnn14.py").folds == 5
    augmented = settings["lenet_augmented"]
    assert augmented["split-then-mirror"].mirror == "split-then-mirror"
    assert augmented["mirror-then-split"].mirror == "mirror-then-split"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_help_needs_no_theano(script, clean_env):
    code = ("import sys, runpy\nsys.argv = [sys.argv[1], '--help']\n"
            "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
            "except SystemExit as end:\n    assert not end.code, end.code\n"
            "assert not {'theano', 'lasagne', 'matplotlib'} & set(sys.modules)\n")
    done = subprocess.run([sys.executable, "-c", code, str(script)], env=clean_env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0, done.stderr
    assert "usage: experiments/" + script.name in done.stdout and "--epochs" in done.stdout


def test_makefile_calls_scripts_that_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    called = set(re.findall(r"\bexperiments/[\w/]+\.py", makefile))
    assert {script.relative_to(ROOT).as_posix() for script in SCRIPTS} <= called
    assert all((ROOT / path).is_file() for path in called)


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_hands_its_variables_to_the_script():
    done = subprocess.run(["make", "-n", "lenet", "DATA=my data", "OUT=o", "EPOCHS=3", "SEED=4",
                           "FOLDS=2"], cwd=str(ROOT), stdout=subprocess.PIPE,
                          universal_newlines=True)
    [line] = [line for line in done.stdout.splitlines() if "experiments/lenet.py" in line]
    words = shlex.split(line.split("experiments/lenet.py")[1])
    options = dict(zip(words[::2], words[1::2]))
    assert options.pop("--seeds") == "4"
    assert options == {"--data": "my data", "--out": "o", "--epochs": "3", "--folds": "2"}


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Trainings that take no time; a list of the run folders' names, and what to do in each."""
    import facekp.data
    import facekp.training
    tables = SimpleNamespace(X=[0] * 3, image_ids=[1], out_of_face=0,
                             provenance={"label": "a test's faces"})
    log = SimpleNamespace(names=[], actions={}, out=tmp_path / "runs")

    def train(run, settings, *data):
        name = run.folder.relative_to(log.out).as_posix()
        log.names.append(name)
        if isinstance(log.actions.get(name), BaseException):
            raise log.actions[name]
        make_run(run.folder, **{"valid": [.04, .0225], **log.actions.get(name, {})},
                 **settings.as_dict())

    monkeypatch.setattr(facekp.training, "train", train)
    monkeypatch.setattr(facekp.training, "describe", lambda settings, *data: {})
    for name in ("load_training", "load_test", "load_lookup"):
        monkeypatch.setattr(facekp.data, name, lambda folder, *ids, **options: tables)
    return log


FAIR, PAPER = "study/lenet5/fair/fold0", "study/lenet5/paper/fold0"


def test_a_study_goes_on_after_a_run_that_diverged(trained, capsys):
    """Divergence is a result: both runs are reported, and the exit code is 0."""
    trained.actions[FAIR] = {"valid": [.04, float("nan")], "state": "diverged"}
    assert STUDY.main(["--out", str(trained.out)]) == 0
    out = capsys.readouterr().out
    assert trained.names == [FAIR, PAPER]
    assert "fair/fold0: diverged in epoch 2" in out and "paper/fold0: validation 7.200 px" in out
    assert "diverged in epoch 2\n" in out.split("validation loss")[1]
    assert "the paper: score 3.02" in out
    assert (trained.out / "study" / "curves.png").exists()

    assert STUDY.main(["--out", str(trained.out), "--only", "fair", "--force-new"]) == 0
    assert trained.names[2:] == [FAIR + "-2"]


def test_a_trained_net_is_gone_before_the_next_one(trained, monkeypatch):
    """A net is a cycle; Python's collector, which may be long in coming, is off here."""
    import facekp.training

    class Net:
        def __init__(self):
            self.itself = self

    nets, write = [], facekp.training.train

    def train(*args):
        assert [net() for net in nets] == [None] * len(nets)
        net = Net()
        nets.append(weakref.ref(net))
        write(*args)

    monkeypatch.setattr(facekp.training, "train", train)
    gc.disable()
    try:
        assert STUDY.main(["--out", str(trained.out)]) == 0
    finally:
        gc.enable()
    assert len(nets) == 2 and nets[1]() is None


@pytest.mark.parametrize("error, words", [
    (DataError("bad"), f"{FAIR}: bad"), (MemoryError(), f"{FAIR}: MemoryError"),
    (OSError(errno.ENOSPC, "No space left"), "No space left"), (KeyError("bug"), "'bug'")])
def test_a_run_that_fails_fails_alone(error, words, trained, capsys):
    trained.actions[FAIR] = error
    assert STUDY.main(["--out", str(trained.out)]) == 2
    captured = capsys.readouterr()
    assert trained.names == [FAIR, PAPER]
    assert "paper/fold0: validation 7.200 px" in captured.out
    last = captured.err.strip().splitlines()[-1]
    assert last.startswith("facekp: error: 1 of 2 runs failed: ") and words in last
    assert last.endswith("the same command tries these again, from their last epochs")
    assert ("Traceback" in captured.err) == isinstance(error, KeyError)


def test_being_told_to_stop_ends_the_study(trained):
    trained.actions[FAIR] = KeyboardInterrupt("SIGTERM: stopped")
    assert STUDY.main(["--out", str(trained.out)]) == 143
    assert trained.names == [FAIR]


def test_tables_and_curves_keep_the_runs_that_were_not_asked_for(trained, capsys):
    STUDY.main(["--out", str(trained.out)])
    capsys.readouterr()
    assert STUDY.main(["--out", str(trained.out), "--only", "paper"]) == 0
    rows = [line.split()[0] for line in capsys.readouterr().out.splitlines()
            if line.startswith(("fair ", "paper "))]
    assert rows == ["fair", "paper"] * 2  # losses, levels


def test_a_shared_variant_is_trained_where_the_other_experiment_keeps_it(trained):
    [ablation] = [load(path) for path in SCRIPTS if path.stem == "dropout_ablation"]
    assert ablation.main(["--out", str(trained.out)]) == 0
    assert trained.names == ["dropout-ablation/cnn14/dropout/fold0",
                             "optimizer-study/cnn14/adagrad/fold0"]
    assert "no-dropout" in (trained.out / "dropout-ablation/summary.md").read_text()


def test_shared_variants_have_the_same_settings():
    experiments = {experiment.name: experiment for experiment in map(load, SCRIPTS)}
    for (name, variant), (place, there) in SHARED.items():
        assert experiments[name].variants[variant] == experiments[place].variants[there]
