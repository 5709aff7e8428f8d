"""`make figures`: what is there is drawn, what is missing is named with its command."""
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from described import ABOUTS, describe
from run_results import LABEL, history, result, write

from facekp import plots
from facekp.cli import commands as cli
from facekp.errors import RunError
from facekp.metrics import keypoint_errors
from facekp.report import drawings, figures
from facekp.report.sources import Missing, Sources
from facekp.runs.about import About, write_about
from facekp.settings import Settings

pytestmark = pytest.mark.usefixtures("quick_pictures")

FACES = {"figure04-sample-face", "figure10-mirror-image"}


@pytest.fixture
def sources(tmp_path, random):
    """Sources of an empty folder of runs and of ten faces."""
    describe(tmp_path / "runs")
    found = Sources(tmp_path / "runs")
    provenance = {"label": LABEL, "files": {}}
    found.training = SimpleNamespace(X=random.rand(10, 1, 96, 96).astype(np.float32),
                                     y=random.uniform(20, 76, (10, 30)).astype(np.float32),
                                     provenance=provenance)
    found.test = SimpleNamespace(X=random.rand(16, 1, 96, 96), provenance=provenance)
    return found


def errors(size):
    y = np.full((4, 30), 40.0)
    return keypoint_errors(y, y + size)


def draw(name, sources):
    for name_of_property in ("abouts", "runs", "all_runs"):  # read anew
        vars(sources).pop(name_of_property, None)
    return figures.figures(sources)[name].draw()


def predictions(folder, **arrays):
    np.savez(folder / "predictions.npz", **arrays)


def test_without_runs_each_missing_figure_is_named_with_a_command(engine, sources, tmp_path,
                                                                  monkeypatch):
    monkeypatch.setattr(plots, "save", lambda figure, path, **options: path.write_text(""))
    said = []
    missing = figures.draw_all(sources, tmp_path / "figures", said.append)
    drawn = FACES | {"figure01-lenet5"}
    assert set(missing) == set(figures.figures(sources)) - drawn
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"{name}.{kind}" for name in drawn for kind in ("png", "pdf")}
    for name in missing:
        [line] = [line for line in said if line.startswith(f"missing: {name}: ")]
        assert re.search(r": make [a-z0-9-]+|of a net that is compared", line), line
        assert "older" not in line
    (tmp_path / "figures" / "figure05-optimizers.png").write_text("of other runs")
    figures.draw_all(sources, tmp_path / "figures", said.append)
    assert [line.split(": ")[1] for line in said if "older ones" in line] == [
        "figure05-optimizers"]


def test_experiments_may_be_known_before_they_have_left_anything(tmp_path):
    sources = Sources(tmp_path, known=[ABOUTS["vggnet"]])
    with pytest.raises(Missing, match="no run of vggnet in .*: make vggnet$"):
        figures.figures(sources)["losses-vggnet"].draw()


def test_the_papers_figures_come_in_its_order(sources):
    names = list(figures.figures(sources))
    numbered = [name for name in names if name.startswith("figure")]
    assert numbered == sorted(numbered) == names[:len(numbered)] and len(numbered) == 8
    captions = {name: figure.caption for name, figure in figures.figures(sources).items()}
    assert captions["figure10-mirror-image"] == "Figure 10: a face and its mirror image"
    assert captions["errors-cumulative"] == "Cumulative error curve"


# ---- figures that experiments declare ------------------------------------------------------------

def test_an_experiment_that_nobody_knows(sources):
    write_about(sources.root, About("my-idea", "My idea", variants={"a": "the first"}, figures=[
        {"name": "my-gap", "shows": "a gap", "kind": "gap"}]))
    write(sources.root, result("a", experiment="my-idea"))
    write(sources.root, result("b", experiment="another"))  # it says nothing of itself
    found = figures.figures(sources)
    assert found["my-gap"][:3] == ("my-gap", "a gap", "my-idea")
    assert "losses-my-idea" not in found and found["losses-another"].section == "another"
    labels = draw("my-gap", sources).legends[0].get_texts()
    assert labels[0].get_text() == "the first: 1 run, 6 epochs"
    assert draw("losses-another", sources).legends[0].get_texts()[0].get_text() == (
        "b: 1 run, 6 epochs")


def test_a_figure_of_a_kind_that_nobody_knows_is_left_out_with_a_word(sources, capsys):
    good = {"name": "good", "shows": "mine", "kind": "losses"}
    path = sources.root / "lenet" / "experiment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "figures": [
        {**good, "name": "mine", "kind": "pie"}, good]}))
    found = figures.figures(sources)
    assert "good" in found and "mine" not in found
    assert "lenet: the kind of a figure is 'pie'" in capsys.readouterr().err


def test_what_is_null_of_a_figure_is_as_if_it_were_not_there(sources):
    write(sources.root, result("a", experiment="mine", model="lenet5"))
    write_about(sources.root, About("mine", figures=[
        {"name": "my-losses", "shows": "mine", "kind": "losses", "runs": None}]))
    assert draw("my-losses", sources).legends[0].get_texts()[0].get_text() == "a: 1 run, 6 epochs"


def test_a_net_that_is_not_there_costs_its_figure_alone(engine, sources):
    write_about(sources.root, About("mine", figures=[
        {"name": "net", "shows": "a net", "kind": "architecture", "model": "resnet9000"}]))
    with pytest.raises(Exception, match="model: found 'resnet9000', expected one of lenet5"):
        draw("net", sources)


def test_a_damaged_description_is_left_out_with_a_word(sources, capsys):
    write(sources.root, result("a", experiment="lenet", model="lenet5"))
    (sources.root / "lenet" / "experiment.json").write_text("{")
    assert figures.figures(sources)["losses-lenet"].shows == "losses of lenet"
    assert "lenet/experiment.json: cannot be read" in capsys.readouterr().err


def test_a_demo_is_an_experiment_of_its_own(sources):
    about = About("demo/lenet-augmented", "A demo")
    write(sources.root, result("x", experiment=about.name, model="lenet5"))
    write_about(sources.root, about)
    assert list(sources.abouts)[-1] == about.name
    assert draw("losses-demo-lenet-augmented", sources).axes[0].get_lines()


def test_the_folder_of_one_experiment_is_read_alone(sources):
    assert list(Sources(sources.root / "lenet").abouts) == ["lenet"]


def test_curves_are_means_with_what_ended_early():
    runs = [result(n=6), result(n=2, state="unfinished", fold=1, start=0.3),
            result(n=3, state="diverged", diverge=3, fold=2, start=0.2)]
    [(name, losses)] = drawings.curves({"adagrad": runs}).items()
    assert name == "adagrad: 3 runs, 1 diverged, 1 unfinished"
    np.testing.assert_allclose(losses["train_loss"]["mean"], [
        0.2, 0.1, 0.1 / 3, 0.1 / 4, 0.1 / 5, 0.1 / 6])
    assert list(losses["valid_loss"]["ends"]) == [(2, 0.3, "unfinished"), (2, 0.2, "diverged")]
    assert losses["valid_loss"]["high"][0] == pytest.approx(history(1, 0.3)["valid_loss"][0])


@pytest.mark.parametrize("run, words", [
    (result(), "1 run, 6 epochs"), (result(n=3, state="unfinished"),
                                    "unfinished at epoch 3 of 500"),
    (result(n=4, state="diverged", diverge=4), "diverged in epoch 4")])
def test_one_run_in_words(run, words):
    assert drawings.describe([run]) == words


def test_figure_5_draws_what_is_there(sources):
    for fold in (0, 1):
        write(sources.root, result("adagrad", fold=fold))
    write(sources.root, result("adam", state="unfinished", n=3))
    figure = draw("figure05-optimizers", sources)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "Adagrad: 2 runs", "adam: unfinished at epoch 3 of 500"]
    assert figure._suptitle.get_text().startswith(LABEL)


def test_a_run_before_its_first_epoch_is_none(sources):
    folder = write(sources.root, result("adagrad", n=0, state="unfinished"))
    (folder / "history.csv").unlink()
    with pytest.raises(Missing, match="make optimizer-study$"):
        draw("figure05-optimizers", sources)


def test_figure_6_wants_both_variants(sources):
    write(sources.root, result("dropout", experiment="dropout-ablation"))
    with pytest.raises(Missing, match="no run of dropout-ablation/no-dropout in .*: "
                                      "make dropout-ablation ONLY=no-dropout$"):
        draw("figure06-dropout", sources)
    # the optimizer study has trained the very same net
    write(sources.root, result("adagrad", experiment="optimizer-study"))
    [ax] = draw("figure06-dropout", sources).axes
    assert len(ax.get_lines()) == 6


def test_what_steps_change_is_paired_by_seed_and_fold(sources, monkeypatch):
    step = {"kind": "change", "statement": "mirror", "before": "none", "after": "mirror"}
    write_about(sources.root, About("study", claims=[
        {"kind": "helpful", "statement": "it helps", "steps": [
            step, {**step, "statement": "all", "after": "all"}]}, {**step, "statement": "alone"}],
        figures=[{"name": "steps", "shows": "steps", "kind": "changes"}]))
    with pytest.raises(Missing, match="make study$"):
        draw("steps", sources)
    errors = {"none": (2.0, 2.2), "mirror": (1.5, 2.1, 9.0)}  # the last has no partner; no "all"
    for variant, found in errors.items():
        for fold, error in enumerate(found):
            write(sources.root, result(variant, fold=fold, n=2, experiment="study",
                                       start=(error / 48) ** 2))  # twice the half in epoch 2
    monkeypatch.setattr(plots, "step_changes", lambda groups, title: groups)
    mean, sd = -0.3, 0.2 * 2 ** 0.5  # of -0.5 and -0.1
    groups = draw("steps", sources)
    assert set(groups) == {"it helps (2 runs)", ""}
    assert set(groups["it helps (2 runs)"]) == {"mirror"} and set(groups[""]) == {"alone (2 runs)"}
    for steps in groups.values():
        for found in steps.values():
            assert found == pytest.approx((mean, sd))


def test_figures_7_and_8_need_nothing_but_convolutions(engine, sources):
    from facekp.nets import models
    from facekp.runs.folder import CONV_WEIGHTS
    from facekp.nets.weights import save_weights

    folder = write(sources.root, result("adagrad", options={"num_dense_units": 10}))
    with pytest.raises(Missing, match="make cnn14 or make optimizer-study ONLY=adagrad$"):
        draw("figure07-filters", sources)
    weights = models.MODELS["cnn14"](num_dense_units=10).weights()
    conv = {name: parameter.get_value() for name, parameter in weights.items()
            if name.startswith("conv")}
    save_weights(folder / CONV_WEIGHTS, conv)
    sheet = draw("figure07-filters", sources).axes[0].images[0].get_array()
    np.testing.assert_array_equal(sheet[:3, :3], conv["conv1.W"][0, 0])
    figure = draw("figure08-activations", sources)
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), sources.training.X[0, 0])
    assert LABEL in figure._suptitle.get_text() and len(figure.axes) == 4


def test_figure_9_shows_the_run_s_predictions_of_the_run_s_faces(sources):
    folder = write(sources.root, result("", experiment="cnn14"))
    y = np.arange(16 * 30).reshape(16, 30) % 96
    predictions(folder, y_pred_valid=y)
    with pytest.raises(Missing, match="no test.csv"):
        draw("figure09-predictions", sources)
    predictions(folder, y_pred_test=y)
    figure = draw("figure09-predictions", sources)
    [crosses] = figure.axes[15].get_lines()
    np.testing.assert_array_equal(crosses.get_xydata(), y[15].reshape(15, 2))
    sources.test.provenance = {"label": LABEL, "files": {"test.csv": "other"}}
    with pytest.raises(Missing, match="predicted other test faces"):
        draw("figure09-predictions", sources)
    sources.training.provenance["files"] = {"training.csv": "other"}
    with pytest.raises(Missing, match="was made from a test's faces, .*name the run's faces"):
        draw("figure09-predictions", sources)


def test_errors_of_the_best_net_and_of_all(sources):
    write(sources.root, result("", experiment="lenet", model="lenet5"), errors=errors(2.0))
    write(sources.root, result("adagrad"), errors=errors(1.5))
    figure = draw("errors-mean-face", sources)
    assert figure._suptitle.get_text() == (
        f"14-layer CNN, no dropout, {LABEL}, seed 0, fold 0")
    assert [text.get_text() for text in figure.axes[0].texts] == ["1.50"] * 15
    figure = draw("errors-cumulative", sources)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "LeNet-5", "14-layer CNN, no dropout"]
    assert len(figure.axes[0].get_lines()) == 2


def test_nets_of_different_data_are_told_apart(sources):
    write(sources.root, result("", experiment="lenet", model="lenet5"), errors=errors(2.0))
    other = result("adagrad")
    other.config["data"] = {"kind": "synthetic", "label": "other faces", "files": {}}
    write(sources.root, other, errors=errors(1.5))
    legend = draw("errors-cumulative", sources).legends[0].get_texts()
    assert legend[0].get_text() == f"LeNet-5 ({LABEL})"
    assert "(other faces)" in legend[1].get_text()


def test_best_and_worst_faces_are_the_validation_faces(engine, sources):
    from facekp.training.split import split

    run = result("", experiment="lenet", model="lenet5", options={})
    folder = write(sources.root, run)
    valid = split(sources.training.X, sources.training.y, Settings.from_dict(run.settings))
    predictions(folder, y_pred_valid=valid.y_valid + np.array([[1.0], [3.0]]))
    figure = draw("best-and-worst-faces", sources)
    assert [ax.get_title() for ax in figure.axes] == ["best: 1.00 px", "worst: 3.00 px"]
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), valid.X_valid[1, 0])
    labels, crosses = figure.axes[1].get_lines()
    np.testing.assert_array_equal(labels.get_xydata().ravel(), valid.y_valid[1])
    np.testing.assert_allclose(crosses.get_xydata().ravel(), valid.y_valid[1] + 3, rtol=1e-6)
    predictions(folder, y_pred_valid=valid.y_valid[:1])
    with pytest.raises(RunError, match="for other images than this run's validation images"):
        draw("best-and-worst-faces", sources)


def test_a_damaged_run_is_left_out_with_a_word(sources, capsys):
    write(sources.root, result("adam"))
    (write(sources.root, result("sgd")) / "config.json").write_text("{")
    figure = draw("figure05-optimizers", sources)
    assert len(figure.legends[0].get_texts()) == 1
    assert "sgd" in capsys.readouterr().err


def test_the_command_line(engine, sources, tmp_path, monkeypatch, capsys):
    write(sources.root, result("adam"))
    only = figures.figures
    monkeypatch.setattr(figures, "figures", lambda sources: {
        "figure05-optimizers": only(sources)["figure05-optimizers"]})
    out = tmp_path / "made" / "figures"
    assert cli.main(["figures", "--out", str(sources.root), "--figures", str(out)]) == 0
    assert f"{out / 'figure05-optimizers'}.png, .pdf: what " in capsys.readouterr().out
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert sorted(first) == ["figure05-optimizers.pdf", "figure05-optimizers.png"]
    cli.main(["figures", "--out", str(sources.root), "--figures", str(out)])
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_runs_on_synthetic_faces_stand_alone_or_not_at_all(sources):
    demo = result("sgd")
    write(sources.root / "demo", demo)
    assert [run.variant for run in sources.runs] == ["sgd"]
    real = result("adagrad")
    real.config["data"]["kind"] = "kaggle"
    write(sources.root, real)
    del sources.runs, sources.all_runs
    assert [run.variant for run in sources.runs] == ["adagrad"]


def test_figures_to_pass_on_show_synthetic_faces(tmp_path):
    run = result("", experiment="cnn14")
    run.config["data"]["files"] = {"training.csv": "0" * 64}
    describe(tmp_path)
    folder = write(tmp_path, run)
    predictions(folder, y_pred_test=np.zeros((16, 30)), y_pred_valid=np.zeros((2, 30)))
    sources = Sources(tmp_path)
    figure = draw("figure04-sample-face", sources)
    assert figure._suptitle.get_text() == "synthetic faces"
    for name in ("figure09-predictions", "best-and-worst-faces"):
        with pytest.raises(Missing, match="was made from a test's faces, the data folder holds "
                                          "synthetic faces"):
            draw(name, sources)


def test_a_damaged_file_costs_its_figures_alone(engine, sources, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "save", lambda figure, path, **options: path.write_text(""))
    folder = write(sources.root, result("", experiment="cnn14"), errors=errors(1))
    (folder / "predictions.npz").write_bytes(b"PK")
    said = []
    missing = figures.draw_all(sources, tmp_path / "figures", said.append)
    assert "figure09-predictions" in missing and "errors-mean-face" not in missing
    [line] = [line for line in said if line.startswith("missing: figure09")]
    assert "predictions.npz: cannot be read (" in line and "run the experiment again" in line


def test_a_net_that_diverged_is_not_compared(sources):
    write(sources.root, result("", experiment="lenet", model="lenet5"), errors(2.0))
    write(sources.root, result("", experiment="vggnet", model="vggnet", n=1, state="diverged",
                               diverge=1), errors(1.0))
    assert list(drawings.errors_of_nets(sources)[0]) == ["LeNet-5"]
