"""Findings as sentences: the one place where wording is tested."""
import json

import pytest
from run_tools import make_run

from facekp.analysis.aggregate import MeanSd
from facekp.analysis.claims import findings
from facekp.analysis.nets import across_nets
from facekp.analysis.pairs import Basis, Finding
from facekp.report import wording
from facekp.runs.about import About, write_about
from facekp.runs.read import Collection

NAN = float("nan")
PX = MeanSd(1.5, .1, 2)


def test_who_is_the_fastest(tmp_path):
    for name, valid in (("adagrad", [.0039, .0029]), ("adam", [.02, .0039])):
        make_run(tmp_path / f"study/cnn14/{name}/fold0", valid)
    make_run(tmp_path / "study/cnn14/sgd/fold0", [.1, NAN], state="diverged")
    write_about(tmp_path, About("study", variants={"adam": "Adam"}, claims=[
        {"kind": "fastest", "statement": "adagrad is fastest", "variant": "adagrad",
         "levels": {"valid_loss": [.004, .003], "train_loss": [.001]}}]))
    assert wording.sentences(findings(Collection(tmp_path), "study")) == [
        "\"adagrad is fastest\" holds by the validation loss: the fewest epochs to 2 of 2 levels; "
        "all at learning rate 0.001 (1 run each, seed 0, fold 0).",
        "\"adagrad is fastest\" is open by the training loss: the fewest epochs to 0 of 0 levels; "
        "all at learning rate 0.001 (1 run each, seed 0, fold 0)."]


def test_the_order_of_the_nets(tmp_path):
    for name, score, loss in (("a", 3., .04), ("b", 3.1, .01)):
        make_run(tmp_path / f"{name}/lenet5/fold0", [loss], model="lenet5")
        write_about(tmp_path, About(name, nets=[{"label": name, "variant": "", "score": score}]))
    assert wording.sentences(across_nets(Collection(tmp_path))) == [
        "By the paper's scores: a 3, b 3.1.",
        "By our validation RMSE, in another order than by these: b (1 run) 4.800 px, a (1 run) "
        "9.600 px.",
        "On the same validation images (1 run each, seed 0, fold 0): b 4.800 px, a 9.600 px."]


CHANGE = Finding("change", "Mirror images", "", {
    "before": PX, "after": PX, "change": MeanSd(-.25, .05, 2), "direction": "better", "p": .04,
    "train": [PX, PX]}, Basis(2))
GAP = {"noise": True, "epoch": 1, "sides": ["without", "with"], "gaps": [MeanSd(.2, NAN, 1),
       MeanSd(.05, NAN, 1)], "change": MeanSd(.15, NAN, 1), "p": NAN, "valid_loss": [PX, PX]}


@pytest.mark.parametrize("finding, sentence", [
    (CHANGE, "Mirror images: 1.500 ± 0.100 px to 1.500 ± 0.100 px (on its own training images "
     "1.500 ± 0.100 px to 1.500 ± 0.100 px), -0.250 ± 0.050 px, better (2 runs each, p = 0.04)."),
    (Finding("change", "x", "", {}, Basis(1)),
     "x: there is nothing to compare yet (1 run each)."),
    (Finding("helpful", "Good", "in part", {"steps": [CHANGE]}, Basis(2)),
     "\"Good\" holds in part by the validation error: Mirror images: better (2 runs each, p = "
     "0.04)."),
    (Finding("gap", "Narrower", "holds", GAP, Basis(1)),
     "\"Narrower\" holds by the training loss with dropout on: validation minus training loss "
     "0.200 without, 0.0500 with, narrower by 75%, after 1 epoch, as the paper measures it (1 run "
     "each)."),
    (Finding("gap", "Narrower", "open"),
     "\"Narrower\" is open: there is nothing to compare yet (0 runs each).")])
def test_the_first_sentence_of_a_finding(finding, sentence):
    assert wording.sentences([finding])[0] == sentence


def test_near_duplicates():
    [share] = wording.sentences([Finding("near-duplicates", "", "", {"shares": [.2, .25]})])
    assert share.startswith("At least 20% to 25% of the validation images ")


def test_a_claim_by_several_measures():
    def fastest(verdict, column):
        return Finding("fastest", "It wins", verdict, {"column": column})
    assert wording.verdicts([fastest("holds", "valid_loss"), fastest("not", "train_loss")]) == [
        "\"It wins\" holds by the validation loss and does not hold by the training loss"]
    assert wording.verdicts([Finding("fastest", "It wins", "open")]) == ["\"It wins\" is open"]


def test_states_are_named(tmp_path):
    make_run(tmp_path / "s/cnn14/a/fold0", [.04], epochs=3)
    make_run(tmp_path / "s/cnn14/a/fold1", [.04, NAN], fold=1, state="diverged", epochs=3)
    make_run(tmp_path / "s/cnn14/a/seed1/fold0", [.09], seed=1, state=None, epochs=3)
    make_run(tmp_path / "s/cnn14/c/fold0", [.04] * 4, summary={"frozen_since": 2})
    *a, c = Collection(tmp_path).all_runs
    assert wording.state(a) == (
        "fold 1 diverged in epoch 2; fold 0 seed 1 unfinished at epoch 1 of 3 (left out of the "
        "means)")
    assert wording.state(a[:1]) == "complete" and wording.state([c]) == "frozen since epoch 2"


def test_line_breaks_of_a_label_do_not_break_a_sentence(tmp_path):
    run = make_run(tmp_path / "study/cnn14/a/fold0", [.01], summary={
        "valid_rmse_px_twin_in_train": 1., "valid_rmse_px_no_twin": 2.})
    write_about(tmp_path, About("study", variants={"a": "x\n\n* y"}, claims=[
        {"kind": "twin leak"}]))
    assert json.loads(run.config.read_text())
    [line] = wording.sentences(findings(Collection(tmp_path), "study"))
    assert "with one, x * y: 1 px to 2 px" in line
