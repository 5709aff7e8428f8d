"""Runs of an experiment: failures, stopping, what is told of results; score lines."""
import errno
import gc
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from run_tools import make_run

from facekp.errors import DataError
from facekp.experiment import Experiment
from facekp.experiment.launch import local
from facekp.experiment.runner import score_line, stages
from facekp.report import story
from facekp.runs.about import read_about
from facekp.runs.folder import Run
from facekp.settings import Settings

pytestmark = pytest.mark.usefixtures("quick_pictures")

STUDY = Experiment("study", title="A study", section="5.4",
                   paper=({"statement": "score 3.02", "variant": "paper",
                           "measure": "valid_rmse_px"},), variants={
                       "fair": Settings("lenet5", epochs=100, patience=6),
                       "paper": Settings("lenet5", {"batch_norm": True}, epochs=500)})


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


# ---- runs ----------------------------------------------------------------------------------------


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Trainings that take no time; a list of the run folders' names, and what to do in each."""
    import facekp.data
    import facekp.training
    tables = SimpleNamespace(y=np.zeros((3, 30)), image_ids=[1], out_of_face=0,
                             provenance={"label": "a test's faces"})
    log = SimpleNamespace(names=[], actions={}, out=tmp_path / "runs", unlabelled=(tables, tables))

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
    monkeypatch.setattr(facekp.data, "load_unlabelled", lambda folder: log.unlabelled)
    return log


@pytest.fixture
def no_tables(monkeypatch):
    """Nothing is drawn and no table made of the runs: they take longer than all else here."""
    monkeypatch.setattr(story, "conclude", lambda *args, **options: None)


FAIR, PAPER = "study/lenet5/fair/fold0", "study/lenet5/paper/fold0"


def test_a_study_goes_on_after_a_run_that_diverged(trained, capsys):
    """Divergence is a result: both runs are reported, and the exit code is 0."""
    trained.actions[FAIR] = {"valid": [.04, float("nan")], "state": "diverged"}
    assert STUDY.main(["--out", str(trained.out)]) == 0
    out = capsys.readouterr().out
    assert trained.names == [FAIR, PAPER]
    assert "fair/fold0: diverged in epoch 2" in out and "paper/fold0: validation 7.200 px" in out
    assert "diverged in epoch 2\n" in out.split("validation loss")[1]
    assert "score 3.02" in out
    assert (trained.out / "study" / "curves.png").exists()

    assert STUDY.main(["--out", str(trained.out), "--only", "fair", "--force-new"]) == 0
    assert trained.names[2:] == [FAIR + "-2"]


def test_a_trained_net_is_gone_before_the_next_one(trained, no_tables, monkeypatch):
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
def test_a_run_that_fails_fails_alone(error, words, trained, no_tables, capsys):
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


def test_what_the_experiment_says_of_itself_is_there_before_the_first_run(trained, no_tables):
    trained.actions[FAIR] = KeyboardInterrupt("SIGTERM: stopped")
    STUDY.main(["--out", str(trained.out)])
    about = read_about(trained.out, "study")
    assert (about.title, list(about.variants)) == ("A study", ["fair", "paper"])


def test_a_taken_name_leaves_what_the_other_experiment_says_of_itself(trained, no_tables):
    STUDY.main(["--out", str(trained.out)])
    other = Experiment("study", {"fair": Settings("lenet5", learning_rate=0.5)}, title="Other")
    other.main(["--out", str(trained.out)])
    assert read_about(trained.out, "study").title == "A study"


def test_it_trains_without_test_csv_and_says_so(trained, no_tables, capsys):
    trained.unlabelled = (None, None)
    assert STUDY.main(["--out", str(trained.out)]) == 0
    out = capsys.readouterr().out
    assert trained.names == [FAIR, PAPER] and "there is no submission" in out
    assert "submission:" not in out


def test_no_core_is_kept_for_a_run_that_is_not_there(trained, no_tables, monkeypatch):
    given = []
    monkeypatch.setattr(local.Local, "__call__", lambda self, plan: given.append(self.jobs) or {})
    STUDY.main(["--out", str(trained.out), "--jobs", "64"])
    assert given == [2]


def test_a_run_comes_in_a_later_part_than_the_one_that_it_starts_from():
    """Also if that one starts from another; one from elsewhere, or in a circle, is just tried."""
    plain, wider = Settings("lenet5"), Settings("cnn14")
    study = Experiment("steps", {
        "c": replace(wider, start="steps/b"), "b": replace(wider, start="steps/a"), "a": wider,
        "other": replace(plain, start="elsewhere"), "self": replace(plain, start="steps/self")})
    for more in ([], ["--split", "grouped"]):
        plan = list(study.plan(study.parser().parse_args(["--folds", "2", *more])))
        parts = [[run.folder.parts[3] for run, _ in part] for part in stages(plan)]
        assert parts == [["a", "a", "other", "other"], ["b", "b"], ["c", "c"], ["self", "self"]]


def test_a_shared_variant_is_trained_where_the_other_experiment_keeps_it(trained, no_tables):
    again = Experiment("again", {"mine": Settings("lenet5"), "theirs": Settings("lenet5")},
                       shares={"theirs": ("study", "fair")})
    assert again.main(["--out", str(trained.out)]) == 0
    assert trained.names == ["again/lenet5/mine/fold0", FAIR]
