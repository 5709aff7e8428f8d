"""The notebooks' sentences hold the runs' numbers, and say what is missing."""
import numpy as np
import pytest
from run_results import LABEL, result

from facekp.analysis.claims import findings
from facekp.analysis.nets import across_nets
from facekp.report import story
from facekp.report.sources import Sources
from facekp.report.wording import sentences
from facekp.runs.about import About

LENET = About("lenet", "LeNet-5", variants={"": "LeNet-5"}, paper=[
    {"statement": "score 3.35", "variant": "", "measure": "valid_rmse_px"}],
    nets=[{"label": "LeNet-5", "variant": "", "score": 3.35}])
VGGNET = About("vggnet", nets=[{"label": "VGGNet", "variant": "", "score": 3.12}])
ABLATION = About("dropout-ablation", claims=[{
    "kind": "gap", "statement": "Narrower", "without": "plain", "with": "dropout"}])


def sources(*runs):
    found = Sources("runs", known=[LENET, VGGNET, ABLATION])
    found.all_runs = list(runs)
    found.abouts = {about.name: about for about in found.known}
    return found


def cells(text, name):
    """The cells by their columns of the table row that starts with `name`."""
    header, *rows = [[cell.strip() for cell in line.strip("|").split("|")]
                     for line in text.splitlines() if line.startswith("|")]
    [row] = [row for row in rows if row[0] == name]
    return dict(zip(header, row))


@pytest.mark.parametrize("name", ["lenet", "optimizer-study"])
def test_without_runs_there_is_a_command(name):
    assert story.experiment(sources(), name) == f"There is no run yet: `make {name}`."


def test_errors_are_means_over_seeds():
    runs = [result("", experiment="lenet", model="lenet5", seed=seed, start=start)
            for seed, start in enumerate((0.1, 0.2))]
    text = story.experiment(sources(*runs), "lenet")
    row = cells(text, "lenet")
    px = [48 * np.sqrt(2 * start / 6) for start in (0.1, 0.2)]
    assert row["validation RMSE, px"] == f"{np.mean(px):.4g} ± {np.std(px, ddof=1):.2f}"
    assert (row["runs"], row["best epoch"], row["mean face, px"]) == ("2", "6.00 ± 0.00",
                                                                      "3.000 ± 0.000")
    assert LABEL in text and "| score 3.35 | validation RMSE" in text and "not comparable" in text
    assert "twin" not in text and "near-duplicate" not in text  # no column without a number


def test_twins_and_near_duplicates_have_their_columns():
    run = result("x", experiment="lenet", model="lenet5")
    run.summary.update(valid_rmse_px_twin_in_train=1.25, valid_rmse_px_no_twin=2.5,
                       near_duplicates={"near_duplicates": {"n": 1, "rmse_px": .75},
                                        "others": {"n": 2, "rmse_px": 1.5}})
    row = cells(story.experiment(sources(run), "lenet"), "x")
    assert (row["twin in training, px"], row["no twin, px"]) == ("1.250", "2.500")
    assert "no near-duplicate, px" not in row  # synthetic faces
    run.config["data"]["kind"] = "kaggle"
    row = cells(story.experiment(sources(run), "lenet"), "x")
    assert (row["near-duplicate in training, px"], row["no near-duplicate, px"]) == (
        "0.7500", "1.500")


def test_a_net_that_diverged_says_so():
    text = story.experiment(sources(result("", n=3, state="diverged", diverge=2,
                                           experiment="lenet")), "lenet")
    row = cells(text, "lenet")
    assert row["state"] == "diverged in epoch 3" and "validation loss" not in row


def test_the_claims_are_answered():
    found = sources(result("plain", experiment="dropout-ablation"),
                    result("dropout", experiment="dropout-ablation", start=0.2))
    lines = sentences(findings(found, "dropout-ablation"))
    text = story.experiment(found, "dropout-ablation")
    assert len(lines) == 3 and all(f"* {line}" in text.splitlines() for line in lines)


def test_the_order_of_the_nets():
    runs = [result("", experiment=name, model=model) for name, model in (
        ("lenet", "lenet5"), ("vggnet", "vggnet"))]
    text = story.nets(sources(*runs))
    assert f"* {sentences(across_nets(sources(*runs)))[0]}\n" in text
    assert "not comparable" in text
    assert cells(text, "VGGNet")["our validation RMSE, px (runs)"].endswith(" (1)")
