"""Which runs and which faces a notebook takes."""
import numpy as np
import pytest
from kaggle_csv import training_lines, write_folder
from described import describe
from run_results import result, write

from facekp.report import notebook, story
from facekp.errors import ConfigError


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would show."""
    IPython = pytest.importorskip("IPython.display")
    found = []
    monkeypatch.setattr(IPython, "display", lambda item: found.append(item.data))
    return found


def test_results_and_synthetic_faces_where_there_is_nothing_else(tmp_path, shown):
    write(tmp_path / "results", result("adam"))
    (tmp_path / "runs" / "demo").mkdir(parents=True)  # no run in it
    sources = notebook.open_results(tmp_path)
    assert [run.variant for run in sources.runs] == ["adam"]
    assert sources.training.provenance["label"] == "synthetic faces"
    assert sources.training.X.shape == (16, 1, 96, 96) and sources.training.X.max() <= 1
    assert np.isfinite(sources.training.y).all()
    assert shown == ["Numbers from the results/ that come with the project (1 run); faces: "
                     "synthetic."]


@pytest.mark.parametrize("place, n", [("demo/optimizer-study", 3), ("quick/optimizer-study", 3),
                                      ("train", 3), ("optimizer-study", 0)])
def test_runs_that_no_notebook_shows_do_not_count(place, n, tmp_path, shown):
    write(tmp_path / "results", result("adam"))
    write(tmp_path / "runs", result("sgd", experiment=place, n=n, state="unfinished"))
    describe(tmp_path / "results")
    sources = notebook.open_results(tmp_path)
    assert [run.variant for run in sources.runs] == ["adam"]
    assert shown[0].startswith("Numbers from the results/ that come with the project (1 run)")
    write(tmp_path / "runs", result("adagrad"))
    sources = notebook.open_results(tmp_path)
    assert "adagrad" in [run.variant for run in sources.runs]
    assert shown[1].startswith("Numbers from your own runs/ (2 runs)")


def test_your_own_runs_and_faces_come_first(tmp_path, shown):
    write(tmp_path / "results", result("adam"))
    write(tmp_path / "runs", result("sgd"))
    write(tmp_path / "runs", result("adagrad"))
    describe(tmp_path / "runs")
    (tmp_path / "data" / "kaggle").mkdir(parents=True)
    write_folder(tmp_path / "data" / "kaggle")
    sources = notebook.open_results(tmp_path)
    assert [run.variant for run in sources.runs] == ["adagrad", "sgd"]
    assert len(sources.training.X) == len(training_lines()) - 2  # one row lacks keypoints
    assert shown == ["Numbers from your own runs/ (2 runs); faces: those of data/kaggle."]


def test_a_figure_is_shown_or_its_command_named(tmp_path, shown):
    write(tmp_path / "runs", result("adam"))
    describe(tmp_path / "runs")
    sources = notebook.open_results(tmp_path)
    notebook.show(sources, "figure05-optimizers", "figure06-dropout")
    assert shown[1].startswith(b"\x89PNG")
    assert shown[2].startswith("*figure06-dropout is not drawn: no run of dropout-ablation/dropout "
                               "and dropout-ablation/no-dropout in ")
    assert shown[2].endswith("make dropout-ablation ONLY=no-dropout.*")


def test_a_damaged_run_costs_its_own_figures_alone(tmp_path, shown):
    folder = write(tmp_path / "results", result("", experiment="cnn14"))
    write(tmp_path / "results", result("adam"))
    (folder / "errors.json").write_text("{")
    describe(tmp_path / "results")
    notebook.show(notebook.open_results(tmp_path), "errors-cumulative", "figure05-optimizers")
    assert "errors.json" in shown[1] and shown[2].startswith(b"\x89PNG")


def test_an_experiment_is_told_of_as_on_the_page(tmp_path, shown):
    write(tmp_path / "results", result("adam"))
    describe(tmp_path / "results")
    sources = notebook.open_results(tmp_path)
    notebook.tell(sources, "optimizer-study", "vggnet")
    assert shown[1] == story.experiment(sources, "optimizer-study")
    assert shown[2] == "There is no run yet: `make vggnet`."
    with pytest.raises(ConfigError, match="section: found 'lenet7', expected one of nets, lenet, "):
        notebook.tell(sources, "lenet7")


def test_the_data_at_hand(tmp_path, shown):
    notebook.tell_of_data(notebook.open_results(tmp_path))
    assert shown[1].startswith("Here are 16 images of 96x96 pixels with all 15 keypoints: "
                               "**synthetic faces**")


def test_a_figure_that_does_not_exist(tmp_path, shown):
    sources = notebook.open_results(tmp_path)
    with pytest.raises(ConfigError, match="figure: found 'figure5', expected one of figure04-"):
        notebook.show(sources, "figure5")


def test_fewer_colours_look_the_same():
    import io
    import matplotlib.pyplot as plt
    from matplotlib.image import imread
    from facekp.plots.style import render, small_png
    figure = plt.figure(figsize=(1, 1))
    figure.figimage(np.add.outer(np.arange(180), np.arange(180)) % 256, cmap="gray")
    file = io.BytesIO()
    render(figure, file, "png", dpi=180)
    full, small = (imread(io.BytesIO(png))[..., :3] for png in (file.getvalue(),
                                                                small_png(figure)))
    np.testing.assert_allclose(small, full, atol=3 / 255)
