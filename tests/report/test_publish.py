"""make results: small files only, nothing of the machine in them; README's table is fresh."""
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from described import ABOUTS, describe
from kaggle_csv import read_submission, write_folder
from run_tools import make_run

import facekp.report.publish
from facekp.report import results_page, story, tables
from facekp.cli import commands as cli
from facekp.data import load_lookup
from facekp.runs.folder import CONV_WEIGHTS
from facekp.errors import RunError
from facekp.report.drawings import errors_of_nets
from facekp.report.page import to_html
from facekp.report.publish import publish
from facekp.runs.about import About, write_about
from facekp.runs.read import Collection, find_runs
from facekp.runs.submission import ROUNDING_PX, write_submission
from facekp.report.sources import Sources

from checkout import ROOT

pytestmark = pytest.mark.usefixtures("quick_pictures")

PAGE = f"before\n{results_page.BEGIN}\nstale\n{results_page.END}\nafter\n"


def make_runs(tmp_path):
    """A complete, an unfinished and a foreign run, with all that a training leaves."""
    root = tmp_path / "machine" / "runs"
    done = make_run(root / "dropout-ablation/cnn14/dropout/fold0", [.04, .01], [.3, .2],
                    clean=[.1, float("nan")])
    y = np.full((4, 30), 40.0)
    np.savez(done.predictions, y_valid=y, y_pred_valid=y + 3, y_pred_test=y)
    np.savez(done.weights, **{"conv1.W": np.ones((2, 1, 3, 3), np.float32),
                              "hidden4.W": np.ones((2, 2), np.float32)})
    done.submission.write_text("RowId,Location\n1,40\n")
    describe(root)
    for path in (done.faces, done.curves, done.checkpoint):
        path.write_bytes(b"pixels")
    make_run(root / "optimizer-study/cnn14/adagrad/fold0", [.04, .0225], state=None, epochs=500)
    make_run(root / "demo/lenet/lenet5/fold0", [.04], model="lenet5")
    (tmp_path / "README.md").write_text(PAGE)
    return root


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr(facekp.report.publish, "conclude", lambda *args, **options: None)
    return make_runs(tmp_path)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with runs in machine/runs, their results in results, and README.md."""
    folder = tmp_path_factory.mktemp("published")
    do_publish(make_runs(folder), folder)
    return folder


def do_publish(runs, tmp_path):
    said = []
    publish(runs, tmp_path / "results", tmp_path / "README.md", said.append, said.append)
    return said


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")
                  if path.is_file())


SMALL = ["errors.json", "history.csv", "submission.sha256", "summary.json",
         "test_predictions.npz"]


def test_small_files_of_experiments_that_say_what_they_are(published):
    done, begun = "dropout-ablation/cnn14/dropout/fold0/", "optimizer-study/cnn14/adagrad/fold0/"
    found = files(published / "results")
    figures = [name for name in found if name.startswith("figures/")]
    assert "figures/figure05-optimizers.png" in figures
    concluded = [f"{name}/{file}" for name in ("cnn14", "dropout-ablation", "optimizer-study")
                 for file in ("summary.json", "summary.md")]
    assert [name for name in found if name not in figures] == sorted(
        [done + name for name in ("config.json", CONV_WEIGHTS, *SMALL)]
        + [begun + name for name in ("config.json", "history.csv")] + concluded
        + [f"{name}/experiment.json" for name in ABOUTS] + ["README.md"])


def test_an_experiment_that_nobody_knows_is_published_if_it_says_what_it_is(tmp_path, quick):
    for name in ("made-up", "silent"):
        make_run(tmp_path / "runs" / name / "cnn14/fold0", [.04])
    write_about(tmp_path / "runs", About("made-up", "My idea"))
    quick()
    assert [run.experiment for run in find_runs(tmp_path / "results")] == ["made-up"]
    # the results know it from then on
    (tmp_path / "runs/made-up/experiment.json").unlink()
    make_run(tmp_path / "runs/made-up/cnn14/seed1/fold0", [.04], seed=1)
    quick()
    assert [run.seed for run in find_runs(tmp_path / "results")] == [0, 1]


def test_they_read_as_the_runs_do(published):
    ours = [run for run in find_runs(published / "machine" / "runs")
            if run.experiment != "demo/lenet"]
    for run, copy in zip(ours, find_runs(published / "results")):
        assert (run.state, run.settings, run.summary, run.variant, run.label) == (
            copy.state, copy.settings, copy.summary, copy.variant, copy.label)
        for name in run.history:
            np.testing.assert_array_equal(run.history[name], copy.history[name])
        assert run.errors() == copy.errors()
    assert copy.state == "unfinished at epoch 2 of 500"
    with np.load(published / "results/dropout-ablation/cnn14/dropout/fold0" / CONV_WEIGHTS) as conv:
        assert conv.files == ["conv1.W"]


def test_a_submission_comes_back_from_what_is_kept_of_it(tmp_path, quick, random, capsys):
    """Within half a step of float16; the sha256 is the original's."""
    (tmp_path / "data").mkdir()
    write_folder(tmp_path / "data")
    lookup = load_lookup(tmp_path / "data")
    run = make_run(tmp_path / "runs" / PLACE, [.04])
    y_pred = random.uniform(-2, 98, (int(lookup.image_ids.max()), 30))
    np.savez(run.predictions, y_pred_test=y_pred)
    write_submission(run.submission, y_pred, np.arange(1, len(y_pred) + 1), lookup)
    describe(tmp_path / "runs")
    quick()
    folder = tmp_path / "results" / PLACE
    sha256 = hashlib.sha256(run.submission.read_bytes()).hexdigest()
    assert (folder / "submission.sha256").read_text() == f"{sha256}  submission.csv\n"
    out = tmp_path / "again.csv"
    assert cli.main(["submit", str(folder), "--data", str(tmp_path / "data"),
                     "--out", str(out)]) == 0
    assert f"each within {ROUNDING_PX} px" in capsys.readouterr().out
    (ids, before), (ids_again, after) = map(read_submission, (run.submission, out))
    np.testing.assert_array_equal(ids_again, ids)
    assert 0 < np.abs(after - before).max() <= ROUNDING_PX + 1e-6 < 0.0313


def test_nothing_of_the_machine_is_in_them(published):
    for name in files(published / "results"):
        content = (published / "results" / name).read_bytes()
        for word in (str(published), "/home/", "secret-host"):
            assert word.encode() not in content, name
    config = json.loads((published / "results/dropout-ablation/cnn14/dropout/fold0/config.json")
                        .read_text())
    assert config["host"]["cpu"] == "A CPU" and config["theano_flags"] == 'device="cpu"'
    assert config["data"]["files"] == {"training.csv": "12ab"}


def test_again_it_brings_what_has_grown_and_changes_nothing_else(runs, tmp_path):
    do_publish(runs, tmp_path)
    before = {name: (tmp_path / "results" / name).read_bytes()
              for name in files(tmp_path / "results")}
    make_run(runs / "optimizer-study/cnn14/adagrad/fold0", [.04, .0225, .01], epochs=500)
    do_publish(runs, tmp_path)
    changed = [name for name in files(tmp_path / "results")
               if before.get(name) != (tmp_path / "results" / name).read_bytes()]
    assert "optimizer-study/cnn14/adagrad/fold0/summary.json" in changed
    assert not [name for name in changed if name.startswith("dropout-ablation/cnn14/")]


@pytest.mark.parametrize("state, losses, kept", [
    ("complete", [.04, .0225], True), (None, [.04, .0225, .02], True), (None, [.04], False)])
def test_an_unfinished_run_does_not_replace_one_that_is_further(state, losses, kept, tmp_path,
                                                                quick):
    place = "optimizer-study/cnn14/adagrad/fold0"
    there = make_run(tmp_path / "results" / place, losses, state=state, epochs=500)
    make_run(tmp_path / "runs" / place, [.05, .03], state=None, epochs=500)
    before = there.history.read_bytes()
    said = quick()
    assert (there.history.read_bytes() == before) is kept
    assert ("keeps its own" in said[0]) is kept and "unfinished at epoch 2 of 500" in said[0]


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """Publish without tables and figures; returns what is said."""
    monkeypatch.setattr(facekp.report.publish, "conclude", lambda *args, **options: None)
    monkeypatch.setattr(facekp.report.publish, "results_page", SimpleNamespace(
        write=lambda *args: None, write_readme=lambda *args: None))
    describe(tmp_path / "results")
    return lambda: do_publish(tmp_path / "runs", tmp_path)


PLACE = "dropout-ablation/cnn14/dropout/fold0"


@pytest.mark.parametrize("other, words", [
    ({"epochs": 3}, "other settings;"), ({"label": "synthetic faces"}, "other data;"),
    ({"epochs": 3, "files": {"training.csv": "f00"}}, "other settings and data;")])
def test_a_run_with_other_settings_or_data_replaces_none(other, words, tmp_path, quick):
    there = make_run(tmp_path / "results" / PLACE, [.04, .03, .02], epochs=500)
    fresh = make_run(tmp_path / "runs" / PLACE, [.05, .04, .01], **{"epochs": 500, **other})
    np.savez(fresh.weights, **{"conv1.W": np.ones(2)})
    before = {name: (there.folder / name).read_bytes() for name in files(there.folder)}
    said = quick()
    assert {name: (there.folder / name).read_bytes() for name in files(there.folder)} == before
    assert said[0] == (f"{PLACE}: complete; {tmp_path / 'results'} keeps its own: {words} remove "
                       f"{there.folder} to publish this run instead")


def with_all_files(folder, value, **options):
    """A run and all that is published of one; `value` is in each file."""
    run = make_run(folder, [value] * 3, **options)
    y = np.full((4, 30), 40.0)
    np.savez(run.predictions, y_valid=y, y_pred_valid=y + value, y_pred_test=y)
    np.savez(run.weights, **{"conv1.W": np.full(2, value, np.float32)})
    run.submission.write_text(f"{value}\n")
    return run


def test_nothing_of_another_run_stays_beside_a_history(tmp_path, quick):
    with_all_files(tmp_path / "runs" / PLACE, 1.0)
    quick()
    results = tmp_path / "results" / PLACE
    assert files(results) == ["config.json", CONV_WEIGHTS, *SMALL]
    run = make_run(tmp_path / "runs" / PLACE, [.5] * 3)
    for path in (run.predictions, run.weights, run.submission):
        path.unlink()
    quick()
    assert files(results) == ["config.json", "history.csv", "summary.json"]


@pytest.mark.parametrize("name", ["config.json", CONV_WEIGHTS, *SMALL])
def test_a_kill_in_between_leaves_no_run_that_says_complete(name, tmp_path, quick, monkeypatch):
    with_all_files(tmp_path / "runs" / PLACE, 1.0)
    quick()
    with_all_files(tmp_path / "runs" / PLACE, 2.0)
    rename = os.replace

    def killed(old, new):
        if Path(new).name == name:
            raise KeyboardInterrupt
        rename(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            quick()
    [run] = find_runs(tmp_path / "results")
    assert run.state == "unfinished at epoch 3 of 3"
    quick()
    [run] = find_runs(tmp_path / "results")
    assert run.complete and run.final("valid_loss") == run.errors()["rmse_px"] == 2
    assert (run.folder / "submission.sha256").read_text().startswith(
        hashlib.sha256(b"2.0\n").hexdigest())


def test_a_part_brings_no_second_net_whose_filters_are_shown(tmp_path, quick):
    with_all_files(tmp_path / "runs" / PLACE, 1.0)
    with_all_files(tmp_path / "runs/optimizer-study/cnn14/adagrad/fold0", 1.0)
    quick()
    do_publish(tmp_path / "runs/optimizer-study", tmp_path)
    assert [name for name in files(tmp_path / "results") if name.endswith(CONV_WEIGHTS)] == [
        f"{PLACE}/{CONV_WEIGHTS}"]


def test_publishing_results_onto_themselves_loses_nothing(tmp_path, quick):
    with_all_files(tmp_path / "runs" / PLACE, 1.0)
    quick()
    results = tmp_path / "results" / PLACE
    before = {name: (results / name).read_bytes() for name in files(results)}
    do_publish(tmp_path / "results", tmp_path)
    assert {name: (results / name).read_bytes() for name in files(results)} == before


@pytest.mark.parametrize("out", ["", "lenet-augmented", "lenet-augmented/lenet5",
                                 "lenet-augmented/lenet5/no-mirror/seed1"])
def test_a_part_of_the_runs_goes_to_its_own_place(out, tmp_path, quick):
    place = "lenet-augmented/lenet5/no-mirror/seed1/fold0"
    make_run(tmp_path / "runs" / place, [.1], model="lenet5", seed=1)
    do_publish(tmp_path / "runs" / out, tmp_path)
    assert [run.folder for run in find_runs(tmp_path / "results")] == [tmp_path / "results" / place]


def test_what_a_killed_publish_was_writing_is_removed(tmp_path, quick):
    make_run(tmp_path / "runs" / PLACE, [.1])
    results = tmp_path / "results"
    (results / PLACE).mkdir(parents=True)
    for folder in (results, results / PLACE):
        (folder / ".summary.json.123.tmp").write_text("{")
        (folder / ".mine.tmp").write_text("")
    quick()
    assert [name for name in files(results) if name.endswith("tmp")] == [
        ".mine.tmp", f"{PLACE}/.mine.tmp"]


def test_git_ignores_what_is_being_written(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    name = "results/lenet/.summary.json.123.tmp"
    assert subprocess.run(["git", "-C", str(ROOT), "check-ignore", name],
                          stdout=subprocess.PIPE).stdout.decode().strip() == name


def test_errors_that_are_no_numbers_cost_no_other_net_its_figure(tmp_path, quick):
    y = np.full((4, 30), 40.0)
    for place, value, model in (("optimizer-study/cnn14/adagrad/fold0", np.nan, "cnn14"),
                                ("lenet/lenet5/fold0", 1, "lenet5")):
        run = make_run(tmp_path / "runs" / place, [.04], model=model)
        np.savez(run.predictions, y_valid=y, y_pred_valid=y + value)
    said = quick()
    assert [line for line in said if "no numbers" in line] == [
        f"{tmp_path}/runs/optimizer-study/cnn14/adagrad/fold0: some of its predictions are no "
        "numbers (left out)"]
    errors, _ = errors_of_nets(Sources(tmp_path / "results"))
    assert [found["rmse_px"] for found in errors.values()] == [1]


def not_an_archive(path):
    path.write_bytes(b"junk")


def an_array(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


def objects(path):
    np.savez(path, **{"conv1.W": np.array([{}])})


def other_arrays(path):
    np.savez(path, hidden=np.ones(3))


@pytest.mark.parametrize("damage", [not_an_archive, an_array, objects, other_arrays])
def test_weights_that_cannot_be_used_are_left_out(damage, tmp_path, quick):
    damage(make_run(tmp_path / "runs" / PLACE, [.1]).weights)
    assert any("weights.npz: cannot be used" in line for line in quick())
    assert files(tmp_path / "results" / PLACE) == ["config.json", "history.csv", "summary.json"]


def test_damaged_predictions_cost_their_errors_alone(runs, tmp_path):
    path = runs / "dropout-ablation/cnn14/dropout/fold0/predictions.npz"
    path.write_bytes(b"PK")
    assert any("predictions.npz: cannot be read" in line for line in do_publish(runs, tmp_path))
    assert "dropout-ablation/cnn14/dropout/fold0/history.csv" in files(tmp_path / "results")


def test_no_runs_is_a_fault(tmp_path):
    with pytest.raises(RunError, match="holds no run of an experiment .*make paper"):
        publish(tmp_path / "none", tmp_path / "results")
    assert not (tmp_path / "results").exists()


# ---- README's table ----------------------------------------------------------------------------


def test_readme_has_the_nets_between_its_markers(published):
    page = (published / "README.md").read_text()
    assert page.startswith(f"before\n{results_page.BEGIN}\n\n") and page.endswith(
        f"\n\n{results_page.END}\nafter\n") and "stale" not in page
    assert "| 14-layer CNN | 3.0773 | 4.800 (1) |" in page and story.CAVEAT in page


def cells_of(root, statement):
    """The row of a statement in the table of some runs, as texts; all experiments are described."""
    describe(root)
    found = Collection(root)
    [row] = [row for name in ABOUTS for row in tables.paper_and_ours(found, name).to_numpy()
             if row[0] == statement]
    return list(row)


def test_what_was_not_run_says_so(published):
    assert cells_of(published / "results", "LeNet-5: score 3.35") == [
        "LeNet-5: score 3.35", "not run yet", "", "", ""]
    assert cells_of(published / "results", "validation loss 0.0010208") == [
        "validation loss 0.0010208", "validation loss 0.02250", "seed 0, fold 0",
        "2 (unfinished at epoch 2 of 500)", "a test's faces"]


def test_seeds_and_folds_are_counted_and_unfinished_ones_left_out(tmp_path):
    for fold, state in enumerate(("complete", "complete", None)):
        make_run(tmp_path / f"optimizer-study/cnn14/adagrad/fold{fold}",
                 [.04, .01 * (fold + 1)] if state else [9.0], [.04, .01] if state else None,
                 fold=fold, state=state, epochs=2)
    for seed in (0, 1):
        folder = f"lenet/lenet5/{'seed1/' if seed else ''}fold0"
        make_run(tmp_path / folder, [.04] * (seed + 5), model="lenet5", seed=seed,
                 epochs=100)
    assert cells_of(tmp_path, "validation loss 0.0010208")[1:4] == [
        "validation loss 0.01500 ± 0.00707", "2 folds",
        "2 (fold 2 unfinished at epoch 1 of 2 (left out of the means))"]
    assert cells_of(tmp_path, "LeNet-5: score 3.35")[1:4] == [
        "validation RMSE 9.600 ± 0.000 px", "2 seeds", "5 to 6 (complete)"]
    # five and six epochs of 2 seconds
    assert cells_of(tmp_path, "training took about 2 hours")[1] == (
        "0:00:10 to 0:00:12 per run, 1 thread of A CPU")
    # 0.01 / 0.01 and 0.02 / 0.01
    assert cells_of(tmp_path, "overfitted")[1] == (
        "validation loss 1.50 ± 0.71 times the training loss")


def test_runs_of_several_versions_of_the_training_say_so(tmp_path):
    for fold in (0, 1):
        run = make_run(tmp_path / f"optimizer-study/cnn14/adagrad/fold{fold}", [.01], fold=fold)
    assert cells_of(tmp_path, "overfitted")[2] == "2 folds"
    config = json.loads(run.config.read_text())
    run.config.write_text(json.dumps({**config, "training_version": 10**6}))
    assert cells_of(tmp_path, "overfitted")[2] == "2 folds, 2 versions of the training"


def test_stopping_epochs(tmp_path):
    for variant, stop in (("split-then-mirror", {"stopped_by": "patience"}),
                          ("mirror-then-split", None)):
        make_run(tmp_path / "lenet-augmented/lenet5" / variant / "fold0", [.04] * 3, summary=stop,
                 model="lenet5")
    assert cells_of(tmp_path, "stopped; fair")[1] == "stopped after 3 epochs"
    assert cells_of(tmp_path, "stopped; the paper's")[1] == "not measured"


def lenet(tmp_path, change=None, **options):
    """A run of LeNet-5 whose config.json is changed."""
    run = make_run(tmp_path / "lenet/lenet5/fold0", [.04] * 5, model="lenet5", **options)
    config = json.loads(run.config.read_text())
    config.update(change or {})
    run.config.write_text(json.dumps(config))


@pytest.mark.parametrize("change, options, words", [
    ({"host": None}, {}, "0:00:10 per run, 1 thread of a CPU"),
    ({"threads": None}, {}, "0:00:10 per run, ? threads of A CPU"),
    ({}, {"seconds": float("nan"), "summary": {"seconds_per_epoch": None}}, "not measured"),
    ({}, {"state": None, "epochs": 100}, "0:00:10 per run, 1 thread of A CPU")])
def test_time_taken(change, options, words, tmp_path):
    lenet(tmp_path, change, **options)
    assert cells_of(tmp_path, "training took about 2 hours")[1] == words


def test_times_are_ordered_by_their_lengths(tmp_path):
    """As texts, 10:00:00 comes before 9:00:00."""
    for fold, hours in enumerate((10, 9)):
        make_run(tmp_path / f"lenet/lenet5/fold{fold}", [.04], model="lenet5", fold=fold,
                 seconds=3600.0 * hours)
    assert cells_of(tmp_path, "training took about 2 hours")[1] == (
        "9:00:00 to 10:00:00 per run, 1 thread of A CPU")


def test_a_training_loss_of_0_has_no_ratio(tmp_path):
    make_run(tmp_path / "optimizer-study/cnn14/adagrad/fold0", [.1, .01], [.1, 0.0])
    assert cells_of(tmp_path, "overfitted")[1] == "not measured"


def test_names_do_not_break_the_table(tmp_path):
    lenet(tmp_path, {"host": {"cpu": "one|two\nthree"}}, label="a\\|b\n\n* c")
    describe(tmp_path, "lenet")
    html = str(to_html(tables.markdown(tables.paper_and_ours(Collection(tmp_path), "lenet"))))
    assert "<td>0:00:10 per run, 1 thread of one|two three</td>" in html
    assert "<td>a\\|b  * c</td>" in html
    assert {row.count("<td") for row in re.findall("<tr>(.*?)</tr>", html, re.S)} == {0, 5}


def test_a_table_of_no_runs_takes_no_other_table_s_place(tmp_path, capsys):
    page = tmp_path / "README.md"
    page.write_text(PAGE)
    assert cli.main(["results", "--table", "--results", str(tmp_path / "result"), "--readme",
                     str(page)]) == 2
    assert page.read_text() == PAGE
    assert f"{tmp_path / 'result'}: holds no run" in capsys.readouterr().err


def test_readmes_table_is_what_results_say():
    """If this fails: make results, or `facekp results --table` after a change of the table."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.split(results_page.BEGIN)[1].split(results_page.END)[0].strip()
    assert shown == results_page.front(ROOT / "results")


def test_the_page_of_results_is_what_results_say():
    """If this fails: make results, or `facekp results --table`."""
    page = (ROOT / "results/README.md").read_text(encoding="utf-8")
    assert page == results_page.text(Sources(ROOT / "results"))
    for name in re.findall(r"\]\((.*?)\)", page):
        assert (ROOT / "results" / name.partition("#")[0]).exists(), name


def test_the_checkouts_results_are_small_and_name_no_machine():
    names = files(ROOT / "results")
    n_runs = sum(name.endswith("config.json") for name in map(str, names))
    assert 10 < n_runs
    assert sum((ROOT / "results" / name).stat().st_size for name in names) < 75_000 * n_runs
    for name in names:
        path = ROOT / "results" / name
        assert path.suffix in (".csv", ".json", ".md", ".png", ".npz", ".sha256"), name
        assert path.stat().st_size < 300_000, name
        assert path.name not in ("faces.png", "predictions.npz", "weights.npz"), name
        if path.suffix in (".csv", ".json", ".md"):
            assert not {"/tmp", "/root", "/home"} & set(path.read_text(encoding="utf-8").split('"'))
            assert "/tmp/" not in path.read_text(encoding="utf-8"), name
    for run in find_runs(ROOT / "results"):
        assert run.config["data"]["label"] and run.config["data"]["files"]
        assert "name" not in run.config["host"]
