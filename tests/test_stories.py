"""The notebooks' sentences hold the runs' numbers, and say what is missing."""
from types import SimpleNamespace

import numpy as np
import pytest
from run_results import LABEL, history, result, write

from facekp import stories
from facekp.sources import Sources


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
    (stories.optimizers, "make optimizer-study"),
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


def test_the_fastest_optimizer_is_the_first_at_the_lowest_common_level():
    # validation losses 2 * start / epoch: at 0.0015 after 4 and 8 epochs, 0.0012 after 5 and 10;
    # only the first comes to 0.0010208
    text = stories.optimizers(sources(result("adagrad", n=8, start=0.00299),
                                      result("sgd", n=10, start=0.00599)))
    assert ("At a validation loss of 0.0012 the first is **adagrad**, after 5 epochs; then sgd "
            "(10).") in text
    losses, speed = cells(text, "sgd")
    assert losses[2:4] == ["0.0005990", "0.001198"]
    assert speed == ["sgd", "3", "4", "6", "8", "10", "-"]


def test_a_fold_that_never_comes_there_leaves_no_mean():
    runs = [result("adagrad", n=8, start=0.003), result("adagrad", n=1, start=0.003, fold=1)]
    text = stories.optimizers(sources(*runs))
    assert cells(text, "adagrad")[1] == ["adagrad"] + ["-"] * 6
    assert "No two optimizers have come to a common loss level yet." in text


def test_an_optimizer_that_diverged_says_so():
    text = stories.optimizers(sources(result("rmsprop", n=3, state="diverged", diverge=2)))
    losses, speed = cells(text, "rmsprop")
    assert losses[1:4] == ["diverged in epoch 3", "-", "-"] and set(speed[1:]) == {"-"}


def dropout_runs(noisy, clean, n=5):
    """A pair of runs; the dropout one with these training losses at epoch 5, validation 0.04."""
    runs = [result("no-dropout", experiment="dropout-ablation", n=n),
            result("dropout", experiment="dropout-ablation", n=5)]
    runs[1].history["train_loss"][4] = noisy
    runs[1].history["train_loss_clean"][4] = clean
    return runs


def test_the_gap_in_both_measures():
    assert history(5)["valid_loss"][4] == pytest.approx(0.04)
    # without dropout: training 0.02 and 0.01; ratios 2 and 4
    text = stories.dropout(sources(*dropout_runs(noisy=0.05, clean=0.008)))
    assert cells(text, "dropout")[0][2:] == ["0.05000", "0.008000", "0.04000", "0.80", "5.00"]
    assert "**narrows the gap: 2.00 without, 0.80 with it**" in text
    assert "**does not narrow the gap: 4.00 without, 5.00 with it**" in text


def test_the_gap_is_taken_where_both_runs_have_come():
    text = stories.dropout(sources(*dropout_runs(noisy=0.05, clean=0.008, n=9)))
    assert text.startswith("At epoch 5, the last one that all runs have")
    assert cells(text, "no-dropout")[0][2:5] == ["0.02000", "0.01000", "0.04000"]


def test_one_variant_alone_is_no_ablation():
    text = stories.dropout(sources(dropout_runs(1, 1)[1]))
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


def augmented(variant, px, **summary):
    """A run of section 5.4 whose best validation error is `px`."""
    run = result(variant, experiment="lenet-augmented", model="lenet5")
    run.history["valid_rmse_px"][:] = px
    run.summary.update(summary)
    return run


def test_what_each_ingredient_is_worth():
    text = stories.ingredients(sources(
        augmented("split-then-mirror", 1.5), augmented("split-then-mirror-no-bn", 1.75),
        augmented("no-mirror", 1.25), augmented("mirror-then-split", 1.01,
                                                valid_rmse_px_twin_in_train=0.75,
                                                valid_rmse_px_no_twin=2.01)))
    assert text.splitlines() == [
        "* With batch normalization and mirror images: 1.50 px in validation (6 epochs).",
        "* Without batch normalization: 1.75 px in validation (6 epochs), +0.25 px.",
        "* Without mirror images: 1.25 px in validation (6 epochs), -0.25 px.",
        "* Mirrored before the split instead of after it: 1.01 px in validation (6 epochs), "
        "-0.49 px.",
        "* There, images whose mirror image was trained on have an error of 0.750 px, the others "
        "2.01 px."]


def test_ingredients_that_are_not_there_are_not_compared():
    text = stories.ingredients(sources(augmented("split-then-mirror", 1.5)))
    assert len(text.splitlines()) == 1
    assert stories.ingredients(sources(augmented("no-mirror", 1.5))) == (
        "There is no run yet: `make lenet-augmented`.")


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
