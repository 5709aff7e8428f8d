"""Ensembles from an experiment's file to tables and submissions, and ``facekp ensemble``."""
import json
from dataclasses import replace

import numpy as np
import pytest
from core_tools import CLASSIC, quick_training
from faults.configurations import write_data
from kaggle_csv import read_submission

from facekp.cli import commands
from facekp.errors import ConfigError
from facekp.experiment import Ensemble, Experiment, Variant
from facekp.report.figures import figures
from facekp.report.sources import Sources
from facekp.runs.read import Collection

pytestmark = pytest.mark.usefixtures("quick_pictures")

SETTINGS = replace(CLASSIC, epochs=2, schedule=("cosine",))
STUDY = Experiment("study", title="Two nets and their mean", folds=2, variants={
    "one": Variant(SETTINGS, "one net"), "two": replace(SETTINGS, average=0.5)}, ensembles={
    "both": Ensemble(("one", "two"), "both nets", mirror=True), "averaged": Ensemble(
        ("two",), averaged=True)},
    nets=({"label": "one net", "variant": "one", "score": None},
          {"label": "both nets", "variant": "both", "score": None}))


@pytest.fixture(autouse=True, scope="module")
def quick():
    with quick_training():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with data and the runs of the experiment: one fold first, then both."""
    folder = tmp_path_factory.mktemp("averages")
    write_data(folder / "data")
    arguments = ["--data", str(folder / "data"), "--out", str(folder / "runs")]
    assert STUDY.main([*arguments, "--folds", "1"]) == 0
    first = json.loads((folder / "runs/study/lenet5/both/fold0/summary.json").read_text())
    assert len(first["runs"]) == 2
    assert STUDY.main(arguments) == 0
    return folder


def run(folder, *arguments):
    return commands.main([*arguments, "--data", str(folder / "data")])


def test_the_ensembles_are_made_of_all_folds(made):
    for name, n_runs in (("both", 4), ("averaged", 2)):
        summary = json.loads((made / f"runs/study/lenet5/{name}/fold0/summary.json").read_text())
        assert len(summary["runs"]) == n_runs
        assert summary["runs_per_image"] == [n_runs // 2] * 2


def test_a_second_call_trains_and_averages_nothing(made, capsys):
    paths = sorted((made / "runs/study/lenet5").rglob("summary.json"))
    before = [path.stat().st_mtime_ns for path in paths]
    assert len(paths) == 6
    assert STUDY.main(["--data", str(made / "data"), "--out", str(made / "runs")]) == 0
    assert [path.stat().st_mtime_ns for path in paths] == before
    assert "both nets" in capsys.readouterr().out


def test_an_ensemble_waits_for_its_runs(made, tmp_path, capsys):
    arguments = ["--data", str(made / "data"), "--out", str(tmp_path), "--folds", "1"]
    assert STUDY.main([*arguments, "--only", "one"]) == 0
    assert "both: 1 of the 2 runs that it is the mean of are complete" in capsys.readouterr().out
    assert not (tmp_path / "study/lenet5/both").exists()
    assert STUDY.main([*arguments, "--only", "two"]) == 0
    assert (tmp_path / "study/lenet5/both/fold0/summary.json").exists()


def test_another_split_and_a_new_one_beside_have_places_of_their_own(made, tmp_path):
    arguments = ["--data", str(made / "data"), "--out", str(tmp_path), "--folds", "1"]
    study = Experiment("study", {"one": SETTINGS}, ensembles={
        "both": Ensemble(("one",), mirror=True)})
    for more in ([], ["--split", "grouped"], ["--force-new"]):
        assert study.main([*arguments, *more]) == 0
    both = tmp_path / "study/lenet5/both"
    assert {path.parent.relative_to(both).as_posix() for path in both.rglob("summary.json")} == {
        "fold0", "grouped/fold0", "fold0-2"}


def test_tables_figures_and_labels_show_them(made):
    sources = Sources(made / "runs", made / "data")
    found = {one.name: one for one in sources.of("study") if not one.epochs}
    assert set(found) == {"both nets", "averaged"}
    for one in found.values():
        assert one.best_valid_rmse_px == one.summary["valid_rmse_px"]
    drawn = figures(sources)
    for name in ("best-and-worst-faces", "losses-study", "errors-cumulative"):
        drawn[name].draw()
    page = made / "report.html"
    assert run(made, "report", "--out", str(made / "runs"), "--to", str(page)) == 0
    assert "both nets" in page.read_text()


def test_published_and_submitted(made, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- results: written by make results -->\n<!-- end of results -->\n")
    results = tmp_path / "results"
    assert commands.main(["results", "--out", str(made / "runs"), "--results", str(results),
                          "--readme", str(readme)]) == 0
    assert "both nets" in readme.read_text()
    place = "study/lenet5/both/fold0"
    _, expected = read_submission(made / "runs" / place / "submission.csv")
    for root, off in ((made / "runs", 0), (results, 1 / 32)):
        assert run(made, "submit", str(root / place), "--out", str(tmp_path / "again.csv")) == 0
        np.testing.assert_allclose(read_submission(tmp_path / "again.csv")[1], expected, atol=off)
    assert [one.summary["n_valid"] for one in Collection(results).of("study/both")] == [16]


def test_the_command(made, tmp_path, capsys):
    folder = made / "runs/study/lenet5/one/fold1"
    out = ["--out", str(tmp_path)]
    assert run(made, "ensemble", str(folder), "--mirror", *out) == 0
    assert (tmp_path / "ensembles/lenet5/mirror/fold1/submission.csv").exists()
    assert [one.title for one in Collection(tmp_path).of("ensembles")] == ["Averaged predictions"]
    assert run(made, "ensemble", str(folder), "--name", "mirror", *out) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "--name" in line and "--force-new" not in line  # it has no such option
    assert run(made, "ensemble", str(folder), str(folder), *out) == 2
    assert run(made, "ensemble", str(made), *out) == 2
    assert run(made, "ensemble", str(made / "runs/study/lenet5/both/fold0"), *out) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(line.startswith("facekp: error: ") for line in lines)
    with pytest.raises(SystemExit):
        run(made, "ensemble", str(folder), "--name", "../up", *out)


@pytest.mark.parametrize("ensembles, message", [
    ({"both": Ensemble(("one", "three"))}, "ensembles: found 'three'"),
    ({"one": Ensemble(("one",))}, "ensembles: found 'one', which is also a variant"),
    ({"both": Ensemble(())}, "ensembles: found 'both', which is of no variant")])
def test_names_that_do_not_fit(ensembles, message):
    with pytest.raises(ConfigError, match=message):
        Experiment("study", {"one": SETTINGS}, ensembles=ensembles)
