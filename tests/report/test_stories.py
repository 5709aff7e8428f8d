"""The notebooks' sentences hold the runs' numbers, and say what is missing."""
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from run_results import LABEL, result, write

from facekp.analysis import statements
from facekp.report import stories
from facekp.report.sources import Sources


def sources(*runs):
    found = Sources("runs")
    found.runs = list(runs)
    return found


def cells(text, name):
    """The cells of the table rows that start with `name`, by table."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
            if line.startswith(f"| {name} |")]


@pytest.mark.parametrize("story, command", [
    (lambda s: stories.errors(s, "lenet", ""), "make lenet"),
    (stories.optimizers, "make optimizer-study"), (stories.search, "make vggnet-search"),
    (stories.dropout, "make dropout-ablation ONLY=no-dropout,dropout")])
def test_without_runs_there_is_a_command(story, command):
    assert story(sources()) == f"There is no run yet: `{command}`."


def test_errors_are_means_over_seeds():
    runs = [result("", experiment="lenet", model="lenet5", seed=seed, start=start)
            for seed, start in enumerate((0.1, 0.2))]
    text = stories.errors(sources(*runs), "lenet", "The paper: 3.35.")
    [row] = cells(text, "lenet5")
    px = [48 * np.sqrt(2 * start / 6) for start in (0.1, 0.2)]
    assert row[2] == f"{np.mean(px):.3g} ± {np.std(px, ddof=1):.1f}"
    assert row[1] == "2 runs" and row[3] == "6 ± 0" and row[4].startswith("3.00")
    assert LABEL in text and "The paper: 3.35." in text and "cannot be compared" in text
    assert "twin" not in text  # no column without a number


def test_the_twins_have_their_columns():
    run = result("mirror-then-split", experiment="lenet-augmented", model="lenet5")
    run.summary.update(valid_rmse_px_twin_in_train=1.25, valid_rmse_px_no_twin=2.5)
    [row] = cells(stories.errors(sources(run), "lenet-augmented", ""), "mirror-then-split")
    assert row[5:7] == ["1.25", "2.50"]


def test_near_duplicates_have_their_columns():
    run = replace(result("", experiment="lenet", model="lenet5"), near_duplicates={
        "near_duplicates": {"n": 1, "rmse_px": .75}, "others": {"n": 2, "rmse_px": 1.5}})
    assert "near-duplicate" not in stories.errors(sources(run), "lenet", "")  # synthetic faces
    run.config["data"]["kind"] = "kaggle"
    [row] = cells(stories.errors(sources(run), "lenet", ""), "lenet5")
    assert row[5:7] == ["0.750", "1.50"]


def test_the_optimizers_losses_and_what_is_said_of_them():
    runs = [result("adagrad", n=8, start=0.00299), result("sgd", n=10, start=0.00599)]
    text = stories.optimizers(sources(*runs))
    [losses] = cells(text, "sgd")
    assert losses[2:4] == ["0.0005990", "0.001198"]
    for line in statements.optimizers(runs):
        assert f"* {line}" in text.splitlines()
    assert "0.0002058" in text and LABEL in text


def test_the_search_says_what_its_statement_says():
    runs = [result(name, n=2, start=start, experiment="vggnet-search", model="vggnet", epochs=2)
            for name, start in (("he-0.001", 0.2), ("he-0.0003", 0.1))]
    [line] = statements.search(runs)
    assert stories.search(sources(*runs)) == f"* {line}" and "he-0.0003 15.18 px" in line


def test_one_optimizer_is_no_comparison():
    assert "* " not in stories.optimizers(sources(result("adagrad")))


def test_an_optimizer_that_diverged_says_so():
    text = stories.optimizers(sources(result("rmsprop", n=3, state="diverged", diverge=2)))
    [losses] = cells(text, "rmsprop")
    assert losses[1:4] == ["diverged in epoch 3", "-", "-"]


def test_the_gap_is_what_the_statements_say():
    runs = [result("no-dropout", experiment="dropout-ablation"),
            result("dropout", experiment="dropout-ablation", start=0.2)]
    text = stories.dropout(sources(*runs))
    assert text.splitlines()[:3] == [f"* {line}" for line in statements.dropout(runs)]
    assert LABEL in text


def test_one_variant_alone_is_no_ablation():
    text = stories.dropout(sources(result("dropout", experiment="dropout-ablation")))
    assert text == "There is no run yet: `make dropout-ablation ONLY=no-dropout`."


def test_the_data_s_story():
    found = sources()
    y = np.zeros((2, 30))
    y[:, 0], y[:, 2] = (70, 64), (30, 30)  # eyes 40 and 34 px apart
    found.training = SimpleNamespace(X=np.zeros((2, 1, 96, 96)), y=y,
                                     provenance={"label": LABEL})
    text = stories.data(found)
    assert "Here are 2 images" in text and f"**{LABEL}**" in text
    assert "37.0 px apart" in text and "deviation 3.0 px" in text


def test_what_each_ingredient_is_worth():
    runs = [result(name, experiment="lenet-augmented", model="lenet5", start=start)
            for name, start in (("no-mirror", 0.1), ("split-then-mirror", 0.05))]
    plain = result("", experiment="lenet", model="lenet5", start=0.2)
    assert stories.ingredients(sources(*runs, plain)).splitlines() == [
        f"* {line}" for line in statements.augmentation(runs, [plain])]
    assert len(statements.augmentation(runs, [plain])) == 3
    assert stories.ingredients(sources()) == "There is no run yet: `make lenet-augmented`."


def test_the_order_of_the_nets():
    runs = [result("", experiment=name, model=model) for name, model in (
        ("lenet", "lenet5"), ("vggnet", "vggnet"))]
    text = stories.ranking(sources(*runs))
    assert text.startswith("* By the paper's scores: VGGNet 3.12") and "cannot be compared" in text
    assert stories.ranking(sources(runs[0])) == "Fewer than two nets so far."


def test_which_net_is_looked_into(tmp_path):
    found = Sources(tmp_path)
    assert stories.network(found).startswith("There is no trained net yet: no complete run in ")
    folder = write(tmp_path, result("adagrad"))
    (folder / "conv_weights.npz").touch()
    found = Sources(tmp_path)
    px = 48 * np.sqrt(0.2 / 6)
    assert stories.network(found) == (
        f"The net of optimizer-study, fold 0, trained on {LABEL}: best epoch 6 of 6, {px:.2f} px "
        "in validation.")
