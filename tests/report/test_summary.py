"""The tables after an experiment: means, levels, divergence named with its epoch."""
import json

import pytest
from run_tools import make_run

from facekp import plots
from facekp.report import summary
from facekp.analysis.aggregate import group_runs
from facekp.runs.read import find_runs

NAN = float("nan")


@pytest.fixture
def no_plots(monkeypatch):
    monkeypatch.setattr(plots, "learning_curves", lambda histories, title: (histories, title))
    drawn = []
    monkeypatch.setattr(plots, "save", lambda figure, path: drawn.append((*figure, path)))
    return drawn


def test_losses_of_a_group(tmp_path):
    for fold, (valid, train) in enumerate((([.04, .01], [.03, .02]), ([.04, .0225], [.03, .04]))):
        make_run(tmp_path / f"s/cnn14/adam/fold{fold}", valid, train, fold=fold,
                 summary={"train_rmse_px": 2.0 + fold})
    [group] = group_runs(find_runs(tmp_path))
    row = summary.losses_row(group)
    assert row == {"": "adam", "runs": "2", "epochs": "2.00 ± 0.00",
                   "training loss": "0.03000 ± 0.01414",
                   "validation loss": "0.01625 ± 0.00884",
                   "best validation RMSE, px": "6.000 ± 1.697",
                   "training RMSE then, px": "2.500 ± 0.707", "s/epoch": "2.00 ± 0.00",
                   "state": "complete"}


def test_levels_say_how_many_runs_got_there(tmp_path):
    for fold, valid in enumerate(([.0039, .0029], [.0045, .004])):
        make_run(tmp_path / f"s/cnn14/adam/fold{fold}", valid, fold=fold)
    [group] = group_runs(find_runs(tmp_path))
    row = summary.levels_row(group)
    assert row["0.004"] == "1.50 ± 0.71, 3.00 ± 1.41 s"
    assert row["0.003"] == "2, 4 s (1 of 2)" and row["0.002"] == "-"


def test_states_are_named(tmp_path):
    make_run(tmp_path / "s/cnn14/a/fold0", [.04], epochs=3)
    make_run(tmp_path / "s/cnn14/a/fold1", [.04, NAN], fold=1, state="diverged", epochs=3)
    make_run(tmp_path / "s/cnn14/a/seed1/fold0", [.09], seed=1, state=None, epochs=3)
    make_run(tmp_path / "s/cnn14/b/fold0", [.04, NAN], state="diverged")
    make_run(tmp_path / "s/cnn14/c/fold0", [.04] * 4, summary={"frozen_since": 2})
    a, b, c = group_runs(find_runs(tmp_path))
    assert summary.state_text(a) == (
        "fold 1 diverged in epoch 2; fold 0 seed 1 unfinished at epoch 1 of 3 (left out of the "
        "means)")
    assert summary.losses_row(a)["best validation RMSE, px"] == "9.600 ± 0.000"
    assert summary.state_text(b) == "diverged in epoch 2"
    assert summary.losses_row(b)["validation loss"] == "-"
    assert summary.state_text(c) == "fold 0 frozen since epoch 2"


def test_files_and_what_is_said(tmp_path, no_plots):
    make_run(tmp_path / "optimizer-study/cnn14/adagrad/fold0", [.04, .0039])
    make_run(tmp_path / "optimizer-study/cnn14/adam/fold0", [.09, NAN], state="diverged")
    said = []
    summary.conclude(tmp_path, "optimizer-study", "Adagrad is fastest", said.append)
    folder = tmp_path / "optimizer-study"
    assert said[1] == "the paper: Adagrad is fastest"
    assert f"tables: {folder / 'summary.md'}" in said[2]
    content = json.loads((folder / "summary.json").read_text())
    adagrad, adam = content["groups"]
    assert adagrad["valid_loss"] == {"mean": .0039, "n": 1, "sd": None}
    assert adagrad["levels"]["0.004"] == [{"epoch": 2, "seconds": 4.0}]
    assert adam["states"] == ["diverged in epoch 2"] and adam["valid_loss"]["mean"] is None
    assert content["answers"][-1] in (folder / "summary.md").read_text()
    assert "| adagrad | 1" in (folder / "summary.md").read_text()
    [(histories, title, path)] = no_plots
    assert set(histories) == {"adagrad", "adam"} and path == folder / "curves.png"


def test_no_runs_no_files(tmp_path, no_plots):
    summary.conclude(tmp_path, "lenet", say=no_plots.append)
    assert no_plots == [] and not list(tmp_path.iterdir())
