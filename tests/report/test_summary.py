"""The tables after an experiment: means, levels, divergence named with its epoch."""
import json

import pandas as pd
import pytest
from run_tools import make_run

from facekp import plots
from facekp.report import story, tables
from facekp.analysis.aggregate import group_runs
from facekp.runs.about import About, write_about
from facekp.runs.read import find_runs

NAN = float("nan")


@pytest.fixture
def no_plots(monkeypatch):
    monkeypatch.setattr(plots, "loss_curves", lambda losses, title: (losses, title))
    drawn = []
    monkeypatch.setattr(plots, "save", lambda figure, path: drawn.append((*figure, path)))
    return drawn


def row(table, name):
    """The texts of a row by their columns."""
    [found] = table[table["variant"] == name].to_dict("records")
    return found


def test_means_of_a_group(tmp_path):
    for fold, (valid, train) in enumerate((([.04, .01], [.03, .02]), ([.04, .0225], [.03, .04]))):
        make_run(tmp_path / f"s/cnn14/adam/fold{fold}", valid, train, fold=fold,
                 summary={"train_rmse_px": 2.0 + fold, "mean_face_rmse_px": 3.25})
    found = row(tables.groups_table(group_runs(find_runs(tmp_path))), "adam")
    assert found == {"variant": "adam", "runs": "2", "seeds": "0", "folds": "0, 1",
                     "epochs": "2.00 \u00b1 0.00", "training loss": "0.03000 \u00b1 0.01414",
                     "validation loss": "0.01625 \u00b1 0.00884",
                     "validation RMSE, px": "6.000 \u00b1 1.697", "best epoch": "2.00 \u00b1 0.00",
                     "training RMSE, dropout off, px": "2.500 \u00b1 0.707",
                     "mean face, px": "3.250 \u00b1 0.000", "seconds per epoch": "2.00 \u00b1 0.00",
                     "state": "complete", "data": "a test's faces"}


def test_a_group_that_diverged_has_no_loss(tmp_path):
    make_run(tmp_path / "s/cnn14/b/fold0", [.04, NAN], state="diverged")
    make_run(tmp_path / "s/cnn14/a/fold0", [.04])
    found = row(tables.groups_table(group_runs(find_runs(tmp_path))), "b")
    assert found["validation loss"] == tables.NONE and found["state"] == "diverged in epoch 2"


def test_levels_say_how_many_runs_got_there(tmp_path):
    for fold, valid in enumerate(([.0039, .0029], [.0045, .004])):
        make_run(tmp_path / f"s/cnn14/adam/fold{fold}", valid, fold=fold)
    found = row(tables.levels_table({"adam": find_runs(tmp_path)}), "adam")
    assert found["0.004"] == "1.50 \u00b1 0.71, 3.00 \u00b1 1.41 s"
    assert found["0.003"] == "2, 4 s (1 of 2)" and found["0.002"] == tables.NONE


def test_seconds_of_different_devices_are_not_averaged(tmp_path):
    for fold, (device, seconds) in enumerate((("cpu", 20), ("cuda0", 2), ("cuda0", 4))):
        run = make_run(tmp_path / f"s/cnn14/adam/fold{fold}", [.004], fold=fold, seconds=seconds)
        config = json.loads(run.config.read_text())
        run.config.write_text(json.dumps({**config, "engine": {"device": device}}))
    runs = find_runs(tmp_path)
    expected = "20 (cpu), 3.00 \u00b1 1.41 (cuda0)"
    assert row(tables.groups_table(group_runs(runs)), "adam")["seconds per epoch"] == expected
    levels = row(tables.levels_table({"adam": runs}), "adam")
    assert levels["0.004"] == f"1.00 \u00b1 0.00, {expected} s"


def test_a_run_that_does_not_say_its_engine(tmp_path):
    run = make_run(tmp_path / "optimizer-study/cnn14/adam/fold0", [.04], seconds=2)
    config = json.loads(run.config.read_text())
    run.config.write_text(json.dumps({**config, "engine": None}))
    groups = group_runs(find_runs(tmp_path))
    assert row(tables.groups_table(groups), "adam")["seconds per epoch"] == "2"


def test_a_table_as_text_and_as_markdown():
    table = pd.DataFrame({"a": ["x|y\n| z \\", ""], "b|c": [
        tables.number(1.234, ".2f"), tables.number(NAN)]})
    assert tables.markdown(table).splitlines() == [
        "| a | b\\|c |", "| --- | ---: |", "| x\\|y \\| z \\\\ | 1.23 |", "|  | \u2013 |"]
    assert len(tables.text(table).splitlines()) == 4 and tables.markdown(table[:0]) == ""


def test_files_and_what_is_said(tmp_path, no_plots):
    make_run(tmp_path / "study/cnn14/adagrad/fold0", [.04, .0039])
    make_run(tmp_path / "study/cnn14/adam/fold0", [.09, NAN], state="diverged")
    write_about(tmp_path, About("study", "Optimizers", variants={"adam": "Adam"}, claims=[
        {"kind": "fastest", "statement": "It is fastest", "variant": "adagrad",
         "levels": {"valid_loss": [.004]}}], paper=[
             {"statement": "score 3", "variant": "adam", "measure": "valid_rmse_px"}]))
    said = []
    story.conclude(tmp_path, "study", say=said.append)
    folder = tmp_path / "study"
    assert "score 3" in said[0] and "until the validation loss" in said[0]
    assert f"tables: {folder / 'summary.md'}" in said[1]
    content = json.loads((folder / "summary.json").read_text())
    adagrad, adam = content["runs"]
    assert adagrad["valid_loss"] == .0039 and adagrad["label"] == "adagrad"
    assert adam["state"] == "diverged in epoch 2" and adam["valid_loss"] is None
    assert content["verdicts"] == {"It is fastest": "holds"}
    text = (folder / "summary.md").read_text()
    assert text.startswith("# Optimizers, a test's faces\n") and "| adagrad | 1 |" in text
    assert all(f"* {line}" in text.splitlines() for line in content["answers"])
    [(losses, title, path)] = no_plots
    assert len(losses) == 2 and path == folder / "curves.png"
    story.conclude(tmp_path, "study", say=said.append, curves=False)
    assert len(no_plots) == 1


def test_no_runs_no_files(tmp_path, no_plots):
    story.conclude(tmp_path, "lenet", say=no_plots.append)
    assert no_plots == [] and not list(tmp_path.iterdir())


def test_a_table_shows_what_differs(tmp_path):
    for name, label in (("a", "faces"), ("b", "faces")):
        for seed, valid in ((0, 0.002), (1, 0.003)):
            make_run(tmp_path / "study" / "cnn14" / name / (f"seed{seed}" if seed else "")
                     / "fold0", [valid if name == "a" else 0.001], seed=seed, label=label,
                     split="grouped", options={"dropout": name == "a"},
                     summary={"near_duplicates": {
                         "near_duplicates": {"n": 0, "rmse_px": None, "mean_face_rmse_px": None},
                         "others": {"n": 428, "mean_face_rmse_px": 3.2, "rmse_px":
                                    48 * (valid if name == "a" else 0.001) ** 0.5}}})
    whole = tables.groups_table(group_runs(find_runs(tmp_path)))
    table, alike = tables.narrowed(whole)
    # of split "grouped", the error without near-duplicates is that of all validation images
    assert whole["no near-duplicate, px"].equals(whole["validation RMSE, px"])
    assert set(whole) - set(table) == {"no near-duplicate, px", "mean face on those, px",
                                       "seeds", "folds", "epochs", "mean face, px", "state", "data"}
    assert list(table["validation RMSE, px"]) == list(whole["validation RMSE, px"])
    assert alike == "; ".join(f"{name} {whole[name][0]}" for name in (
        "seeds", "folds", "epochs", "mean face, px", "state"))
    one, alike = tables.narrowed(whole.iloc[:1])
    assert alike == "" and "seeds" in one and "data" not in one
