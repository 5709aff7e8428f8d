"""The paper's claims as data, from runs whose answers are known."""
import json
from dataclasses import replace

import pytest
from run_tools import make_run

from facekp.analysis.aggregate import mean_sd
from facekp.analysis.claims import findings
from facekp.analysis.nets import across_nets, near_duplicates, nets_of
from facekp.analysis.pairs import direction, p_value
from facekp.runs.about import About, write_about
from facekp.runs.read import Collection

NAN = float("nan")
FAST, SLOW = [.0039, .0029, .0019, .0014], [.02, .0039, .0035, .0029]
LEVELS = {"valid_loss": [.004, .003, .002, .0015, .0012], "train_loss": [.003, .002, .001]}
FASTEST = {"kind": "fastest", "statement": "adagrad is fastest", "variant": "adagrad",
           "levels": LEVELS}
GAP = {"kind": "gap", "statement": "narrower", "without": "plain", "with": "dropout"}


def collection(root, *abouts):
    """The runs below a folder, after these experiments have described themselves."""
    for about in abouts:
        write_about(root, about)

    def warn(text):
        raise AssertionError(f"a warning: {text}")
    return Collection(root, warn)


def study(tmp_path, **variants):
    """Findings on the validation and on the training loss."""
    for name, options in variants.items():
        for fold, valid in enumerate(options.pop("valid")):
            make_run(tmp_path / f"study/cnn14/{name}/fold{fold}", valid, fold=fold, **options)
    return findings(collection(tmp_path, About("study", claims=[FASTEST])), "study")


def test_the_fastest(tmp_path):
    valid, train = study(tmp_path, adagrad={"valid": [FAST, FAST]}, adam={"valid": [SLOW, SLOW]},
                         sgd={"valid": [[.1, NAN]] * 2, "state": "diverged", "epochs": 4})
    assert valid.verdict == train.verdict == "holds"
    assert (valid.numbers["won"], valid.numbers["decided"], train.numbers["won"]) == (4, 4, 2)
    assert valid.numbers["levels"] == LEVELS["valid_loss"]
    assert {name: len(runs) for name, runs in valid.numbers["sides"].items()} == {
        "adagrad": 2, "adam": 2, "sgd": 2}
    assert valid.numbers["rate"] == .001 and valid.numbers["until"] is None
    assert (valid.basis.n, valid.basis.seeds, valid.basis.folds) == (2, (0,), (0, 1))


@pytest.mark.parametrize("adagrad, adam, verdict, lost, tied", [
    (SLOW, FAST, "not", {("adam",): [.004, .003, .002, .0015]}, {}),
    ([.0035, .0032, .0031, .0025], [.01, .0029, .0019], "in part", {("adam",): [.003, .002]}, {}),
    (FAST, FAST[:3] + [.0018], "in part", {}, {("adam",): [.004, .003, .002]})])
def test_another_is_faster_or_as_fast(adagrad, adam, verdict, lost, tied, tmp_path):
    valid, _ = study(tmp_path, adagrad={"valid": [adagrad]}, adam={"valid": [adam]})
    assert (valid.verdict, valid.numbers["lost"], valid.numbers["tied"]) == (verdict, lost, tied)


def test_the_training_loss_has_a_verdict_of_its_own(tmp_path):
    valid, train = study(tmp_path, adagrad={"valid": [FAST], "train": [.009, .008, .007, .0021]},
                         adam={"valid": [SLOW], "train": [.009, .0029, .0019, .001]})
    assert (valid.verdict, train.verdict, train.numbers["decided"]) == ("holds", "not", 3)


def test_runs_are_compared_up_to_the_last_epoch_that_all_were_to_have(tmp_path):
    valid, train = study(tmp_path, adagrad={"valid": [[.02, .01, .0039]]},
                         adam={"valid": [[.03, .02]]})
    assert valid.numbers["until"] == 2 and valid.verdict == train.verdict == "open"
    assert valid.numbers["decided"] == 0


def test_a_variant_some_of_whose_runs_come_to_a_loss_has_not_reached_it(tmp_path):
    valid, _ = study(tmp_path, adagrad={"valid": [[.02, .0039]] * 2},
                     adam={"valid": [[.0039, .0035], [.02, .01]]})
    assert (valid.verdict, valid.numbers["decided"], valid.numbers["lost"]) == ("holds", 1, {})


@pytest.mark.parametrize("adam", [{"label": "other faces"}, {"fold": 1}])
def test_runs_on_other_faces_or_folds_are_not_compared(adam, tmp_path):
    make_run(tmp_path / "study/cnn14/adagrad/fold0", FAST)
    make_run(tmp_path / f"study/cnn14/adam/fold{adam.get('fold', 0)}", SLOW, **adam)
    [found] = study(tmp_path)
    assert (found.verdict, found.numbers) == ("open", {})


def test_a_second_attempt_is_not_compared(tmp_path):
    make_run(tmp_path / "study/cnn14/adagrad/fold0", SLOW)
    make_run(tmp_path / "study/cnn14/adagrad/fold0-2", FAST)
    make_run(tmp_path / "study/cnn14/adam/fold0", [.02, .02, .0039, .0035])
    assert [run.attempt for run in study(tmp_path)[0].numbers["sides"]["adagrad"]] == [1]


def test_only_folds_that_all_have_are_compared(tmp_path):
    valid, _ = study(tmp_path, adagrad={"valid": [FAST, SLOW]}, adam={"valid": [SLOW]})
    assert valid.verdict == "holds" and valid.basis.n == 1


def test_unfinished_runs_are_not_compared(tmp_path):
    [found] = study(tmp_path, adagrad={"valid": [FAST]}, adam={"valid": [SLOW], "state": None})
    assert (found.verdict, found.numbers) == ("open", {})


def test_runs_with_another_split_are_no_variant_of_their_own(tmp_path):
    make_run(tmp_path / "study/cnn14/adagrad/grouped/fold0", SLOW, split="grouped")
    valid, _ = study(tmp_path, adagrad={"valid": [FAST]}, adam={"valid": [SLOW]})
    assert valid.verdict == "holds" and set(valid.numbers["sides"]) == {"adagrad", "adam"}


def test_nothing_to_compare(tmp_path):
    assert study(tmp_path, adagrad={"valid": [FAST]}) == []
    found = collection(tmp_path, About("study", claims=[GAP, {"kind": "twin leak"}, {
        "kind": "change", "statement": "", "before": "a", "after": ["other", ""]}]))
    assert findings(found, "study") == [] and across_nets(found) == []


@pytest.mark.parametrize("claim", [{"kind": "none"}, {"kind": "gap"}, {"kind": ["gap"]},
                                   {**FASTEST, "levels": 3}, {**GAP, "with": {}}])
def test_a_claim_that_is_none_is_left_out_with_a_word(claim, tmp_path):
    for name in ("adagrad", "adam"):
        make_run(tmp_path / f"study/cnn14/{name}/fold0", FAST)
    path, said = tmp_path / "study/experiment.json", []
    found = Collection(tmp_path, said.append)
    found.abouts["study"] = About("study", claims=[claim])
    assert findings(found, "study") == [] and len(said) == 1 and str(path) in said[0]


# ---- the gap ------------------------------------------------------------------------------------

def ablation(tmp_path, without, with_, **options):
    """Training losses, training RMSE in px (None: not measured), validation losses."""
    for name, (train, px, valid) in (("plain", without), ("dropout", with_)):
        make_run(tmp_path / f"study/cnn14/{name}/fold0", valid, train,
                 summary={} if px is None else {"train_rmse_px": px}, **options)
    return findings(collection(tmp_path, About("study", claims=[GAP])), "study")


def test_the_gap_by_two_measures(tmp_path):
    """0.8 and 0.2 after two epochs with dropout on; 0.25 and 0.16 in validation at best, 24 px are
    a loss of 0.25, 12 px one of 0.0625."""
    noisy, clean = ablation(tmp_path, ([.3, .2], 12., [.25, 1.]), ([.9, .7], 0., [1., .9]))
    assert (noisy.verdict, clean.verdict) == ("holds", "not")
    assert [side.mean for side in noisy.numbers["gaps"]] == pytest.approx([.8, .2])
    assert [side.mean for side in clean.numbers["gaps"]] == pytest.approx([.1875, .9])
    assert [side.mean for side in noisy.numbers["valid_loss"]] == [1., .9]
    assert noisy.numbers["epoch"] == 2 and noisy.numbers["sides"] == ["plain", "dropout"]


def test_a_negative_gap_is_compared_by_its_size(tmp_path):
    assert ablation(tmp_path, ([.3], None, [1.]), ([1.9], None, [1.]))[0].verdict == "not"


def test_a_gap_that_was_not_measured(tmp_path):
    _, clean = ablation(tmp_path, ([.3], None, [1.]), ([.3], 12., [1.]))
    assert clean.verdict == "open" and not clean.numbers["change"].n


def test_a_narrower_gap_that_the_folds_do_not_agree_on(tmp_path):
    for fold, (without, with_) in enumerate(((.5, .1), (.5, .7))):
        for name, gap in (("plain", without), ("dropout", with_)):
            make_run(tmp_path / f"study/cnn14/{name}/fold{fold}", [1.], [1 - gap], fold=fold)
    noisy, _ = findings(collection(tmp_path, About("study", claims=[GAP])), "study")
    assert noisy.verdict == "open" and noisy.numbers["p"] == pytest.approx(.83, abs=.005)


def test_a_run_that_stood_still_is_compared_as_if_it_had_gone_on(tmp_path):
    make_run(tmp_path / "study/cnn14/plain/fold0", [.4, .3, .2], [.1, .1, .1])
    make_run(tmp_path / "study/cnn14/dropout/fold0", [.5, .5], epochs=3,
             summary={"frozen_since": 1, "stopped_by": "frozen"})
    noisy, _ = findings(collection(tmp_path, About("study", claims=[GAP])), "study")
    assert noisy.numbers["epoch"] == 3
    assert [side.mean for side in noisy.numbers["valid_loss"]] == [.2, .5]


# ---- changes ------------------------------------------------------------------------------------

def change(before, after, **more):
    return {"kind": "change", "statement": "a change", "before": before, "after": after, **more}


HELPFUL = {"kind": "helpful", "statement": "helpful", "steps": [
    change(["lenet", ""], "mirrored"), change(["lenet", ""], "normalized")]}


def changed(tmp_path, claim, seeds=1, options=(), **losses):
    """Findings of a claim; losses by variant, one for each seed; "lenet" is the other
    experiment's."""
    for name, values in losses.items():
        place = "lenet/lenet5" if name == "lenet" else f"more/lenet5/{name}"
        for seed, loss in enumerate(values):
            make_run(tmp_path / place / (f"seed{seed}" if seed else "") / "fold0", [loss],
                     model="lenet5", seed=seed, **dict(options).get(name, {}))
    return findings(collection(tmp_path, About("more", claims=[claim])), "more")


def test_a_change_of_the_validation_error(tmp_path):
    """Losses of 0.04 and 0.01 are 9.6 and 4.8 px."""
    [found] = changed(tmp_path, change(["lenet", ""], "x"), lenet=[.04], x=[.01], options={
        "lenet": {"summary": {"train_rmse_px": 1.25}}, "x": {"summary": {"train_rmse_px": 1.5}}})
    numbers = found.numbers
    assert found.verdict == "" and numbers["direction"] == "lower" and found.basis.n == 1
    assert [numbers[name].mean for name in ("before", "after", "change")] == pytest.approx(
        [9.6, 4.8, -4.8])
    assert [side.mean for side in numbers["train"]] == [1.25, 1.5]


@pytest.mark.parametrize("folds, found", [([0, 0], 1), ([0, 1], 0), (None, 0)])
def test_an_ensemble_is_compared_on_the_images_of_its_own_fold(folds, found, tmp_path):
    make_run(tmp_path / "study/cnn14/before/fold0", [.0016])
    run = make_run(tmp_path / "study/cnn14/after/fold0", [], state="complete",
                   summary={"valid_rmse_px": 1.5})
    run.write_history([])
    config = json.loads(run.config.read_text())
    config["members"] = folds and {
        str(k): {"fold": fold} for k, fold in enumerate(folds)}
    run.config.write_text(json.dumps(config))
    of_study = collection(tmp_path, About("study", claims=[change("before", "after")]))
    answers = findings(of_study, "study")
    assert len([one for one in answers if one.numbers]) == found
    if found:
        assert answers[0].numbers["change"].mean == pytest.approx(1.5 - 48 * .04)


def test_a_change_on_other_images_has_no_direction(tmp_path):
    [found] = changed(tmp_path, change("a", "b", other_images=True), a=[.04, .04], b=[.01, .01])
    assert found.numbers["direction"] is found.numbers["p"] is found.numbers["train"] is None


def test_a_change_that_is_smaller_than_its_spread_is_no_difference(tmp_path):
    [found] = changed(tmp_path, change("a", "b"), a=[.01, .0144], b=[.0144, .01])
    assert found.numbers["direction"] == "no clear difference"
    assert found.numbers["p"] == pytest.approx(1)


def test_unfinished_runs_and_those_that_diverged_at_once_are_not_compared(tmp_path):
    assert changed(tmp_path, change("a", "b"), a=[.04], b=[.04],
                   options={"b": {"state": None, "epochs": 500}}) == []
    [never] = changed(tmp_path, change("a", "c"), c=[NAN], options={"c": {"state": "diverged"}})
    assert never.numbers == {}


@pytest.mark.parametrize("mirrored, normalized, verdict, directions", [
    ([.01], [.0025], "holds", ["lower", "lower"]), ([.01], [.0625], "in part", ["lower", "higher"]),
    ([.0625], [.09], "not", ["higher", "higher"]),
    ([.01] * 2, [.0025] * 2, "holds", ["better", "better"]),
    ([.01] * 2, [.09] * 2, "in part", ["better", "worse"]),
    ([.0625] * 2, [.09] * 2, "not", ["worse", "worse"]),
    ([.01, .09], [.09] * 2, "open", ["no clear difference", "worse"])])
def test_is_augmentation_helpful(mirrored, normalized, verdict, directions, tmp_path):
    [found] = changed(tmp_path, HELPFUL, lenet=[.04] * len(mirrored), mirrored=mirrored,
                      normalized=normalized)
    assert found.verdict == verdict
    assert [step.numbers["direction"] for step in found.numbers["steps"]] == directions


def test_one_step_alone_is_no_answer(tmp_path):
    assert changed(tmp_path, HELPFUL, lenet=[.04], mirrored=[.01]) == []


@pytest.mark.parametrize("leaks, direction, p", [
    ([1.5, 1.7], "worse", .049), ([1.5, -1.4], "no clear difference", .98),
    ([1.5], "higher", None)])
def test_what_twins_leak(leaks, direction, p, tmp_path):
    for seed, leak in enumerate(leaks):
        make_run(tmp_path / "more/lenet5/x" / (f"seed{seed}" if seed else "") / "fold0", [.01],
                 model="lenet5", seed=seed, summary={
                     "valid_rmse_px_twin_in_train": 2.0, "valid_rmse_px_no_twin": 2.0 + leak})
    [found] = changed(tmp_path, {"kind": "twin leak"}, unmeasured=[.01])
    assert found.statement.endswith(", x") and found.numbers["before"].mean == 2
    assert found.numbers["change"].mean == pytest.approx(sum(leaks) / len(leaks))
    assert found.numbers["direction"] == direction
    assert p is None or found.numbers["p"] == pytest.approx(p, abs=.005)


@pytest.mark.parametrize("differences, clear", [
    ([-1.0], False), ([], False), ([1.0, 1.0], True), ([0.0, 0.0], False),
    ([1.0, 1.125], True), ([1.0, 1.15], False),
    ([2.0, 3.0, 4.0], False), ([3.0, 4.0, 5.0], True), ([-3.0, -4.0, -5.0], True)])
def test_a_difference_is_clear_by_a_corrected_t_test(differences, clear):
    """95 % points of Student's t: 12.706 for 2 and 4.303 for 3 pairs. The standard error is the
    deviation times sqrt(1/n + 1/4): of 2, 3, 4 and of 3, 4, 5 it is 0.764, and 3.29 are needed;
    of 1, 1.125 and of 1, 1.15 it is 0.0765 and 0.0919, and 0.97 and 1.17 are needed."""
    assert (direction(mean_sd(differences)) in ("better", "worse")) == clear


def test_p_of_a_difference():
    """t = 4 / sqrt(1/3 + 1/4) = 5.237 with 2 degrees of freedom: p = 1 - t / sqrt(t^2 + 2)."""
    t = 4 / (1 / 3 + 1 / 4) ** .5
    assert p_value(mean_sd([3, 4, 5])) == pytest.approx(1 - t / (t * t + 2) ** .5)
    assert p_value(mean_sd([0, 0])) == 1 and p_value(mean_sd([1, 1])) == 0


@pytest.mark.parametrize("values, word", [
    ([-3, -4, -5], "better"), ([3, 4, 5], "worse"), ([-1], "lower"), ([1], "higher"),
    ([0], "no difference"), ([], "not measured")])
def test_the_direction_of_a_change(values, word):
    assert direction(mean_sd(values)) == word


# ---- nets ---------------------------------------------------------------------------------------

def nets(tmp_path, **names):
    """Experiments of one net each, with scores."""
    return collection(tmp_path, *(About(name, nets=[
        {"label": name.upper(), "variant": "", "score": score}]) for name, score in names.items()))


def test_the_order_of_the_nets(tmp_path):
    for name, loss in (("a", .01), ("b", .0225), ("c", .04)):
        make_run(tmp_path / f"{name}/lenet5/fold0", [loss], model="lenet5")
        assert name != "a" or across_nets(nets(tmp_path, a=3.4, b=3.1, c=3.)) == []
    ranking, same = across_nets(nets(tmp_path, a=3.4, b=3.1, c=3.))
    assert ranking.verdict == "not" and list(ranking.numbers["scores"]) == ["C", "B", "A"]
    assert list(ranking.numbers["px"]) == list(same.numbers["px"]) == ["A", "B", "C"]
    assert [mean.mean for mean in same.numbers["px"].values()] == pytest.approx([4.8, 7.2, 9.6])
    assert across_nets(nets(tmp_path, a=3., b=3.1, c=3.4))[0].verdict == "holds"


def test_nets_on_the_same_images_are_those_of_common_seeds(tmp_path):
    for place, seed, loss in (("a/lenet5", 0, .01), ("a/lenet5/seed1", 1, .04),
                              ("b/lenet5/seed1", 1, .0225), ("c/lenet5/seed1", 1, .0025)):
        make_run(tmp_path / place / "fold0", [loss], model="lenet5", seed=seed)
    _, same = across_nets(nets(tmp_path, a=3., b=3.1, c=None))
    assert same.basis.seeds == (1,) and list(same.numbers["px"]) == ["C", "B", "A"]


def test_nets_without_a_complete_run_are_left_out(tmp_path):
    make_run(tmp_path / "a/lenet5/fold0", [.01], model="lenet5")
    make_run(tmp_path / "a/lenet5/fold1", [.09], model="lenet5", fold=1, state=None)
    make_run(tmp_path / "b/lenet5/fold0", [.0225], model="lenet5", state=None)
    make_run(tmp_path / "c/lenet5/fold0", [NAN], model="lenet5", state="diverged")
    make_run(tmp_path / "d/lenet5/fold0", [.04], model="lenet5")
    ranking, _ = across_nets(nets(tmp_path, a=3.4, b=3.2, c=3.1, d=3.))
    assert ranking.numbers["left_out"] == ["C", "B"]
    assert {name: mean.n for name, mean in ranking.numbers["px"].items()} == {"A": 1, "D": 1}


def test_grouped_runs_are_those_without_a_leak(tmp_path):
    make_run(tmp_path / "a/lenet5/fold0", [.01], model="lenet5")
    make_run(tmp_path / "a/lenet5/grouped/fold1", [.04], model="lenet5", fold=1, split="grouped")
    found = nets(tmp_path, a=3.)
    assert [run.name for run in found.of("a")] == ["a", "a, grouped split"]
    assert [run.fold for run in nets_of(found)["A"][1]] == [0]
    assert [run.fold for run in nets_of(found, grouped=True)["A"][1]] == [1]


def near(folder, n, px, n_others, others_px, **options):
    return make_run(folder, [.01], summary={"near_duplicates": {
        "near_duplicates": {"n": n, "rmse_px": px, "mean_face_rmse_px": 2.5},
        "others": {"n": n_others, "rmse_px": others_px, "mean_face_rmse_px": 3.5}}}, **options)


def test_what_near_duplicates_hide(tmp_path):
    near(tmp_path / "a/cnn14/fold0", 20, .8, 80, 1.6)
    near(tmp_path / "a/cnn14/fold1", 25, .9, 75, 1.8, fold=1)
    near(tmp_path / "a/cnn14/fold0-2", 90, 9., 10, 9.)
    near(tmp_path / "a/cnn14/fold2", 90, 9., 10, 9., fold=2, state=None)
    make_run(tmp_path / "b/cnn14/fold0", [.01])  # nobody counted them there
    near(tmp_path / "c/cnn14/fold0", 0, None, 100, 1.5)
    found = nets(tmp_path, a=3., b=3.1, c=3.2)
    [finding] = near_duplicates(found)
    assert finding.numbers["shares"] == [.2, .25]
    assert near_duplicates(found, "b") == [] and near_duplicates(found, "c") == []


def test_near_duplicates_of_an_experiment_that_shares_the_runs(tmp_path):
    near(tmp_path / "a/cnn14/x/fold0", 1, 1., 3, 2.)
    found = collection(tmp_path, About("b", variants={"": "B"}, shares={"": ["a", "x"]}))
    assert near_duplicates(found, "b")[0].numbers["shares"] == [.25, .25]


def test_synthetic_faces_are_no_recordings(tmp_path):
    run = near(tmp_path / "a/cnn14/fold0", 1, 1., 3, 2.)
    config = json.loads(run.config.read_text())
    config["data"]["kind"] = "synthetic"
    run.config.write_text(json.dumps(config))
    assert near_duplicates(nets(tmp_path, a=3.)) == []


def test_variants_go_by_their_labels(tmp_path):
    for name in ("adagrad", "adam"):
        make_run(tmp_path / f"study/cnn14/{name}/fold0", FAST)
    about = About("study", variants={"adam": "Adam", "adagrad": "Adagrad"}, claims=[FASTEST])
    [valid, _] = findings(collection(tmp_path, about), "study")
    assert set(valid.numbers["sides"]) == {"Adam", "Adagrad"}
    assert replace(about, variants={}).label("adam") == "adam"
