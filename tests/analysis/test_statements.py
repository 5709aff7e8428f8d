"""The paper's statements, answered from runs whose answers are known."""
import json
import re

import pytest
from run_tools import make_run

from facekp.analysis import statements
from facekp.report import paper_table
from facekp.analysis.aggregate import mean_sd
from facekp.runs.read import experiment_runs, find_runs
from facekp.analysis.statements.pairs import basis, better_or_worse, is_clear, p_value
from facekp.report.summary import conclude

NAN = float("nan")
FAST, SLOW = [.0039, .0029, .0019, .0014], [.02, .0039, .0035, .0029]


def study(tmp_path, **variants):
    for name, options in variants.items():
        for fold, valid in enumerate(options.pop("valid")):
            make_run(tmp_path / f"optimizer-study/cnn14/{name}/fold{fold}", valid, fold=fold,
                     **options)
    return statements.optimizers(find_runs(tmp_path))


def test_adagrad_is_fastest(tmp_path):
    lines = study(tmp_path, adagrad={"valid": [FAST, FAST]}, adam={"valid": [SLOW, SLOW]},
                  sgd={"valid": [[.1, NAN]] * 2, "state": "diverged", "epochs": 4})
    assert lines.pop(0) == ("Compared are the runs that all optimizers have: seed 0, folds 0 and "
                            "1; the others are in the experiment's summary.md.")
    assert lines[0] == ("Epochs to a validation loss of 0.004: adagrad 1.00 ± 0.00 (2.00 ± 0.00 s),"
                        " adam 2.00 ± 0.00 (4.00 ± 0.00 s); not reached by sgd.")
    assert "; not reached by adam and sgd." in lines[2]
    assert lines[4:6] == [f"Epochs to a validation loss of {level}: not reached by adagrad, adam "
                          "and sgd." for level in ("0.0012", "0.0010208")]
    assert lines[6].startswith("Epochs to a training loss of 0.003: adagrad 2.00")
    assert lines[-3:] == [
        "\"Adagrad converges fastest\" holds here by the validation loss: it needs the fewest "
        "epochs to 4 of the 4 levels reached (2 runs of each of adagrad, adam and sgd, "
        "all at learning rate 0.001).",
        "\"Adagrad converges fastest\" holds here by the training loss: it needs the fewest epochs "
        "to 2 of the 2 levels reached (2 runs of each of adagrad, adam and sgd, "
        "all at learning rate 0.001).",
        "sgd diverged in epoch 2 (2 of 2 runs)."]


def test_adagrad_is_not_fastest(tmp_path):
    assert study(tmp_path, adagrad={"valid": [SLOW]}, adam={"valid": [FAST]})[-2].endswith(
        "does not hold here by the validation loss: it needs the fewest epochs to 0 of the 4 "
        "levels reached; adam needs fewer to 0.004, 0.003, 0.002 and 0.0015 (1 run of each of "
        "adagrad and adam, all at learning rate 0.001).")


def test_adagrad_is_fastest_to_some_levels(tmp_path):
    lines = study(tmp_path, adagrad={"valid": [[.0035, .0032, .0031, .0025]]},
                  adam={"valid": [[.01, .0029, .0019]]})
    assert ("holds in part here by the validation loss: it needs the fewest epochs to 1 of the 3 "
            "levels reached; adam needs fewer to 0.003 and 0.002 (") in lines[-2]


def test_the_training_loss_has_a_verdict_of_its_own(tmp_path):
    lines = study(tmp_path, adagrad={"valid": [FAST], "train": [.009, .008, .007, .0021]},
                  adam={"valid": [SLOW], "train": [.009, .0029, .0019, .001]})
    assert "holds here by the validation loss" in lines[-2]
    assert ("holds in part" not in lines[-1] and "does not hold here by the training loss: it "
            "needs the fewest epochs to 0 of the 3 levels reached") in lines[-1]


def test_one_that_comes_at_the_same_time_is_as_fast(tmp_path):
    assert study(tmp_path, adagrad={"valid": [FAST]}, aaa={"valid": [FAST[:3] + [.0018]]})[-2] == (
        "\"Adagrad converges fastest\" holds in part here by the validation loss: it needs the "
        "fewest epochs to 1 of the 4 levels reached; aaa needs as few to 0.004, 0.003 and 0.002 "
        "(1 run of each of aaa and adagrad, all at learning rate 0.001).")


def test_runs_are_compared_up_to_the_last_epoch_that_all_were_to_have(tmp_path):
    lines = study(tmp_path, adagrad={"valid": [[.02, .01, .0039]]}, adam={"valid": [[.03, .02]]})
    assert lines[1:] == [
        f"No optimizer has come to a {loss} (1 run of each of adagrad and adam, all at learning "
        "rate 0.001, up to epoch 2)." for loss in ("validation loss of 0.004",
                                                   "training loss of 0.003")]


def test_an_optimizer_some_of_whose_runs_come_to_a_loss(tmp_path):
    lines = study(tmp_path, adagrad={"valid": [[.0039, .0035]] * 2},
                  adam={"valid": [[.02, .0039], [.02, .01]]})
    assert lines[1].endswith(": adagrad 1.00 ± 0.00 (2.00 ± 0.00 s); reached by adam in 1 of 2 "
                             "runs.")


def test_a_level_is_decided_when_one_complete_run_has_missed_it(tmp_path):
    """No fold is complete on both sides; adam's fold 0 will never come to 0.004."""
    for name, fold, losses, state in (("adagrad", 0, [.1, .1, .0039], None),
                                      ("adagrad", 1, [.1, .1, .0039], "complete"),
                                      ("adam", 0, [.1, .1, .1], "complete"),
                                      ("adam", 1, [.1], None)):
        make_run(tmp_path / f"optimizer-study/cnn14/{name}/fold{fold}", losses, fold=fold,
                 state=state, epochs=3)
    lines = statements.optimizers(find_runs(tmp_path))
    assert lines[1].endswith("; not yet reached by adam.")
    assert "holds here by the validation loss" in lines[-2]


@pytest.mark.parametrize("change", [
    {"host": {"cpu": "Another CPU", "cores": 2}}, {"threads": "2"}, {"code": "other"}])
def test_seconds_of_different_machines_or_code_are_not_compared(change, tmp_path):
    for name in ("adagrad", "adam"):
        run = make_run(tmp_path / f"optimizer-study/cnn14/{name}/fold0", FAST)
    config = json.loads(run.config.read_text())
    run.config.write_text(json.dumps({**config, **change}))
    assert statements.optimizers(find_runs(tmp_path))[1] == (
        "Epochs to a validation loss of 0.004: adagrad 1, adam 1.")


def test_runs_that_do_not_say_where_they_were_made_are_compared(tmp_path):
    for name in ("adagrad", "adam"):
        run = make_run(tmp_path / f"optimizer-study/cnn14/{name}/fold0", FAST)
        config = json.loads(run.config.read_text())
        run.config.write_text(json.dumps({**config, "host": None}))
    assert "adagrad 1 (2 s)" in statements.optimizers(find_runs(tmp_path))[1]


def test_runs_on_other_faces_are_not_compared(tmp_path):
    make_run(tmp_path / "optimizer-study/cnn14/adagrad/fold0", FAST)
    make_run(tmp_path / "optimizer-study/cnn14/adam/fold0", SLOW, label="other faces")
    assert statements.optimizers(find_runs(tmp_path)) == [
        "Which optimizer is fastest cannot be said: no fold has been trained by all."]


def test_a_second_attempt_is_not_compared(tmp_path):
    make_run(tmp_path / "optimizer-study/cnn14/adagrad/fold0", SLOW)
    make_run(tmp_path / "optimizer-study/cnn14/adagrad/fold0-2", FAST)
    make_run(tmp_path / "optimizer-study/cnn14/adam/fold0", [.02, .02, .0039, .0035])
    assert statements.optimizers(find_runs(tmp_path))[1].startswith(
        "Epochs to a validation loss of 0.004: adagrad 2 ")


def test_unfinished_pairs_are_compared_where_no_pair_is_complete(tmp_path):
    lines = study(tmp_path, adagrad={"valid": [FAST], "state": None, "epochs": 9},
                  adam={"valid": [SLOW], "epochs": 9})
    assert lines[1].startswith("Epochs to a validation loss of 0.004: adagrad 1 (2 s), adam 2")


def test_an_optimizer_that_learns_nothing_is_named(tmp_path):
    lines = study(tmp_path, adagrad={"valid": [FAST]},
                  adam={"valid": [[.5] * 4], "epochs": 500,
                        "summary": {"frozen_since": 1, "stopped_by": "frozen"}})
    assert lines[-1] == "adam learned nothing, to the last bit, after epoch 1 (1 of 1 run)."


def test_a_level_that_an_unfinished_run_could_reach_first_is_open(tmp_path):
    lines = study(tmp_path, adagrad={"valid": [FAST], "epochs": 500},
                  adam={"valid": [[.01, .009]], "state": None, "epochs": 500})
    assert lines[2].endswith("0.003: adagrad 2 (4 s); not yet reached by adam.")
    assert lines[3].endswith("; still open for adam.")
    assert lines[-2:] == [
        "\"Adagrad converges fastest\" holds so far by the validation loss: it needs the fewest "
        "epochs to 2 of the 2 levels decided, 2 more are open (1 run of each of adagrad and adam, "
        "all at learning rate 0.001) (so far: adam epoch 2 of 500).",
        "\"Adagrad converges fastest\" holds so far by the training loss: it needs the fewest "
        "epochs to 1 of the 1 level decided, 1 more is open (1 run of each of adagrad and adam, "
        "all at learning rate 0.001) (so far: adam epoch 2 of 500)."]


def test_only_folds_that_all_have_are_compared(tmp_path):
    lines = study(tmp_path, adagrad={"valid": [FAST, SLOW]}, adam={"valid": [SLOW]})
    assert "holds here" in lines[-1] and "(1 run of each" in lines[-1]


def test_nothing_to_compare(tmp_path):
    assert study(tmp_path / "a", adagrad={"valid": [FAST]}) == []
    assert statements.dropout([]) == [] and statements.augmentation([]) == []
    make_run(tmp_path / "b/optimizer-study/cnn14/adagrad/fold0", FAST)
    make_run(tmp_path / "b/optimizer-study/cnn14/adam/fold1", FAST, fold=1)
    assert statements.optimizers(find_runs(tmp_path / "b")) == [
        "Which optimizer is fastest cannot be said: no fold has been trained by all."]


def ablation(tmp_path, without, with_, **options):
    """Training losses, training RMSE in px (None: not measured), validation losses."""
    for name, (train, px, valid) in (("no-dropout", without), ("dropout", with_)):
        make_run(tmp_path / f"dropout-ablation/cnn14/{name}/fold0", valid, train,
                 summary={} if px is None else {"train_rmse_px": px}, **options)
    return statements.dropout(find_runs(tmp_path))


def test_dropout_narrows_the_gap(tmp_path):
    """0.8 and 0.2 after two epochs with dropout on; 0.25 and 0.16 in validation at best, 24 px are
    a loss of 0.25, 12 px one of 0.0625."""
    noisy, clean, valid = ablation(tmp_path, ([.3, .2], 12., [.25, 1.]), ([.9, .7], 0., [1., .9]))
    assert noisy == ("\"Dropout narrows the gap\" holds by the training loss with dropout on, as "
                     "the paper has it: validation minus training loss 0.800 without dropout, 0.200"
                     " with it (narrower by 75%) after 2 epochs (1 run each).")
    assert clean == ("\"Dropout narrows the gap\" does not hold by the training loss without "
                     "dropout noise, on all training images: validation minus training loss 0.188 "
                     "without dropout, 0.900 with it (wider by 380%) with the best epoch's "
                     "weights (1 run each).")
    assert valid == ("Validation loss after 2 epochs: 1 without dropout, 0.9000 with it "
                     "(1 run each).")


def test_a_negative_gap_is_compared_by_its_size(tmp_path):
    lines = ablation(tmp_path, ([.3], None, [1.]), ([1.9], None, [1.]))
    assert "does not hold by" in lines[0]  # 0.7 and -0.9


def test_a_gap_that_was_not_measured(tmp_path):
    lines = ablation(tmp_path, ([.3], None, [1.]), ([.3], 12., [1.]))
    assert lines[1] == ("Whether dropout narrows the gap by the training loss without dropout "
                        "noise, on all training images cannot be said: it was not measured, or is "
                        "no number.")


def test_a_narrower_gap_that_the_folds_do_not_agree_on(tmp_path):
    for fold, (without, with_) in enumerate(((.5, .1), (.5, .7))):
        for name, gap in (("no-dropout", without), ("dropout", with_)):
            make_run(tmp_path / f"dropout-ablation/cnn14/{name}/fold{fold}", [1.], [1 - gap],
                     fold=fold)
    [line, *_] = statements.dropout(find_runs(tmp_path))
    assert "is not clear by the training" in line
    assert line.endswith("after 1 epoch (2 runs each, p = 0.83).")


def test_gap_of_runs_that_are_not_complete_and_a_negative_gap(tmp_path):
    lines = ablation(tmp_path, ([.3], None, [1.]), ([1.1], None, [1.]), state=None, epochs=9)
    assert lines[0].startswith("\"Dropout narrows the gap\" holds so far by")
    assert "-0.100 with it after 1 epoch (" in lines[0]  # no share of a negative gap
    assert lines[2].endswith("(so far: no-dropout epoch 1 of 9, dropout epoch 1 of 9).")


def test_shares_of_batch_normalization_and_mirror_images(tmp_path):
    """Validation losses of 0.04, 0.0225 and so on are 9.6 px, 7.2 px and so on."""
    losses = {"no-mirror": .0225, "split-then-mirror": .01, "mirror-then-split": .0025}
    for name, loss in losses.items():
        make_run(tmp_path / f"lenet-augmented/lenet5/{name}/fold0", [loss], model="lenet5",
                 summary={"valid_rmse_px_twin_in_train": 2.0, "valid_rmse_px_no_twin": 3.5}
                 if name == "mirror-then-split" else {})
    make_run(tmp_path / "lenet/lenet5/fold0", [.04], model="lenet5")
    runs = find_runs(tmp_path)
    lines = statements.augmentation([run for run in runs if run.experiment != "lenet"],
                                    [run for run in runs if run.experiment == "lenet"])
    assert lines == [
        "Batch normalization, no mirror images: 9.600 px to 7.200 px, -2.400 px, "
        "lower (1 run each).",
        "Mirror images, with batch normalization, fair protocol: 7.200 px to 4.800 px, -2.400 "
        "px, lower (1 run each).",
        "The paper's protocol instead of the fair one, with batch normalization: 4.800 px to 2.400 "
        "px, -2.400 px, on other validation images (1 run each).",
        "The paper's step from section 5.1 to 5.4, both together, fair protocol: 9.600 px to 4.800 "
        "px, -4.800 px, lower (1 run each).",
        "Twin leak, mirror-then-split: 2 px where the mirror image was trained on, 3.500 px "
        "elsewhere, 1.500 px apart (1 run)."]


def test_what_batch_normalization_does_on_the_training_images(tmp_path):
    for place, px in (("lenet/lenet5", 1.25), ("lenet-augmented/lenet5/no-mirror", 1.5)):
        make_run(tmp_path / place / "fold0", [.01], model="lenet5", summary={"train_rmse_px": px})
    baseline, runs = (find_runs(tmp_path / name) for name in ("lenet", "lenet-augmented"))
    assert statements.augmentation(runs, baseline)[0].endswith(
        "(1 run each); on its own training images 1.250 px to 1.500 px.")


def test_nets_on_the_same_images_are_those_of_common_seeds(tmp_path):
    for seed, loss in ((0, .01), (1, .04)):
        make_run(tmp_path / "lenet/lenet5" / (f"seed{seed}" if seed else "") / "fold0", [loss],
                 model="lenet5", seed=seed)
    make_run(tmp_path / "optimizer-study/cnn14/adagrad/seed1/fold0", [.0225], seed=1)
    make_run(tmp_path / "vggnet/vggnet/seed1/fold0", [.0025], model="vggnet", seed=1)
    assert statements.ranking(find_runs(tmp_path))[2] == (
        "On the same validation images (1 run each, seed 1, fold 0): VGGNet 2.400 px, the 14-layer "
        "CNN without dropout 7.200 px, LeNet-5 9.600 px.")


@pytest.mark.parametrize("mirrored, normalized, verdict", [
    (.01, .0025, "holds here"), (.01, .0625, "holds in part here"),
    (.0625, .09, "does not hold here")])
def test_is_augmentation_helpful(mirrored, normalized, verdict, tmp_path):
    make_run(tmp_path / "lenet/lenet5/fold0", [.04], model="lenet5")
    for name, loss in (("split-then-mirror-no-bn", mirrored), ("split-then-mirror", normalized)):
        make_run(tmp_path / f"lenet-augmented/lenet5/{name}/fold0", [loss], model="lenet5")
    runs = find_runs(tmp_path)
    words = ["lower" if loss < .04 else "higher" for loss in (mirrored, normalized)]
    assert statements.augmentation(runs[1:], runs[:1])[-1] == (
        f"\"Data augmentation is helpful\" {verdict} by the validation RMSE, fair protocol: mirror "
        f"images alone: {words[0]} (1 run each); with batch normalization added, as the paper did: "
        f"{words[1]} (1 run each).")


@pytest.mark.parametrize("mirrored, normalized, verdict, words", [
    ((.01, .01), (.0025, .0025), "holds", ("better", "better")),
    ((.01, .01), (.09, .09), "holds in part", ("better", "worse")),
    ((.0625, .0625), (.09, .09), "does not hold", ("worse", "worse")),
    ((.01, .09), (.09, .09), "is not confirmed", ("no clear difference", "worse"))])
def test_augmentation_by_several_seeds(mirrored, normalized, verdict, words, tmp_path):
    """Without it 0.04, 9.6 px; 0.01 is 4.8 px."""
    for seed in (0, 1):
        for place, loss in (("lenet/lenet5", .04),
                            ("lenet-augmented/lenet5/split-then-mirror-no-bn", mirrored[seed]),
                            ("lenet-augmented/lenet5/split-then-mirror", normalized[seed])):
            make_run(tmp_path / place / (f"seed{seed}" if seed else "") / "fold0", [loss],
                     model="lenet5", seed=seed)
    runs = find_runs(tmp_path)
    [line] = [line for line in statements.augmentation(
        [run for run in runs if run.experiment != "lenet"],
        [run for run in runs if run.experiment == "lenet"]) if "helpful" in line]
    assert f" {verdict} here " in line
    assert re.search(rf"alone: {words[0]} \(2 runs each, p .*\); .* did: {words[1]} \(2 runs", line)


def test_nets_that_are_not_complete_are_not_compared(tmp_path):
    make_run(tmp_path / "lenet-augmented/lenet5/no-mirror/fold0", [.04], model="lenet5")
    make_run(tmp_path / "lenet-augmented/lenet5/split-then-mirror/fold0", [.04], model="lenet5",
             state=None, epochs=500)
    assert statements.augmentation(find_runs(tmp_path)) == [
        "Mirror images, with batch normalization, fair protocol: cannot be said yet (so far: "
        "split-then-mirror epoch 1 of 500)."]


def test_starts_of_vggnet(tmp_path):
    """Losses of 0.04, 0.01 and 0.0225: 9.6, 4.8 and 7.2 px."""
    for name, losses in (("he-0.001", [.04, .04]), ("he-0.0001", [.04, .01])):
        make_run(tmp_path / f"vggnet-search/vggnet/{name}/fold0", losses, model="vggnet",
                 summary={"mean_face_rmse_px": 3.16})
        if name == "he-0.001":
            assert statements.search(find_runs(tmp_path)) == []
    make_run(tmp_path / "vggnet-search/vggnet/glorot-0.001/fold0", [NAN], model="vggnet",
             state="diverged", epochs=2, summary={"mean_face_rmse_px": 3.16})
    assert statements.search(find_runs(tmp_path)) == [
        "Validation RMSE within 2 epochs, by initial weights and learning rate: he-0.0001 4.800 "
        "px, he-0.001 9.600 px, glorot-0.001 - px; the mean face 3.160 px (1 run each).",
        "glorot-0.001 diverged in epoch 1 (1 of 1 run)."]


def test_the_nets_in_the_papers_order(tmp_path):
    for place, loss in (("lenet/lenet5", .01), ("vggnet/vggnet", .0225),
                        ("lenet-augmented/lenet5/split-then-mirror", .04)):
        make_run(tmp_path / f"{place}/fold0", [loss], model=place.split("/")[1])
        if loss == .01:
            assert statements.ranking(find_runs(tmp_path)) == []  # one net is no order
    assert statements.ranking(find_runs(tmp_path)) == [
        "By the paper's scores: LeNet-5 with batch normalization and mirror images 3.02, VGGNet "
        "3.12, LeNet-5 3.35.",
        "By our validation RMSE (mirror images in the fair protocol), another order: LeNet-5 4.800 "
        "px (1 run), VGGNet 7.200 px (1 run), LeNet-5 with batch normalization and mirror images "
        "9.600 px (1 run).",
        "On the same validation images (1 run each, seed 0, fold 0): LeNet-5 4.800 px, VGGNet 7.200 "
        "px, LeNet-5 with batch normalization and mirror images 9.600 px."]


def test_nets_without_a_complete_run_are_not_ranked(tmp_path):
    make_run(tmp_path / "lenet/lenet5/fold0", [.01], model="lenet5")
    make_run(tmp_path / "lenet/lenet5/fold1", [.09], model="lenet5", fold=1, state=None)
    make_run(tmp_path / "vggnet/vggnet/fold0", [.0225], model="vggnet", state=None)
    make_run(tmp_path / "dropout-ablation/cnn14/dropout/fold0", [NAN], state="diverged")
    make_run(tmp_path / "lenet-augmented/lenet5/split-then-mirror/fold0", [.04], model="lenet5")
    assert statements.ranking(find_runs(tmp_path)) == [
        "By the paper's scores: LeNet-5 with batch normalization and mirror images 3.02, LeNet-5 "
        "3.35.",
        "By our validation RMSE (mirror images in the fair protocol), another order: LeNet-5 4.800 "
        "px (1 run), LeNet-5 with batch normalization and mirror images 9.600 px (1 run); without "
        "a complete run, and left out: "
        "the 14-layer CNN with dropout and VGGNet.",
        "On the same validation images (1 run each, seed 0, fold 0): LeNet-5 4.800 px, LeNet-5 with "
        "batch normalization and mirror images 9.600 px."]


def test_a_net_that_diverged_at_once_is_not_compared(tmp_path):
    for name, loss, state in (("no-mirror", NAN, "diverged"), ("split-then-mirror", .04,
                                                               "complete")):
        make_run(tmp_path / f"lenet-augmented/lenet5/{name}/fold0", [loss], model="lenet5",
                 state=state)
    assert statements.augmentation(find_runs(tmp_path)) == [
        "Mirror images, with batch normalization, fair protocol: cannot be said: a net diverged "
        "in its first epoch."]


@pytest.mark.parametrize("leaks, words", [
    ((1.5, 1.7), "1.600 ± 0.141 px apart (2 runs, p = 0.049)."),
    ((1.5, -1.4), "0.050 ± 2.051 px apart, no clear difference (2 runs, p = 0.98).")])
def test_a_twin_leak_that_the_seeds_do_not_agree_on(leaks, words, tmp_path):
    for seed, leak in enumerate(leaks):
        make_run(tmp_path / "lenet-augmented/lenet5/mirror-then-split" / (
            f"seed{seed}" if seed else "") / "fold0", [.01], model="lenet5", seed=seed, summary={
                "valid_rmse_px_twin_in_train": 2.0, "valid_rmse_px_no_twin": 2.0 + leak})
    [line] = statements.augmentation(find_runs(tmp_path))
    assert line.endswith(words)


def test_a_run_that_stood_still_is_compared_as_if_it_had_gone_on(tmp_path):
    still = {"frozen_since": 1, "stopped_by": "frozen"}
    make_run(tmp_path / "dropout-ablation/cnn14/no-dropout/fold0", [.4, .3, .2], [.1, .1, .1])
    make_run(tmp_path / "dropout-ablation/cnn14/dropout/fold0", [.5, .5], epochs=3, summary=still)
    assert statements.dropout(find_runs(tmp_path))[-1] == (
        "Validation loss after 3 epochs: 0.2000 without dropout, 0.5000 with it (1 run each).")


@pytest.mark.parametrize("differences, clear", [
    ([-1.0], False), ([], False), ([1.0, 1.0], True), ([0.0, 0.0], False),
    ([1.0, 1.125], True), ([1.0, 1.15], False),
    ([2.0, 3.0, 4.0], False), ([3.0, 4.0, 5.0], True), ([-3.0, -4.0, -5.0], True)])
def test_a_difference_is_clear_by_a_corrected_t_test(differences, clear):
    """95 % points of Student's t: 12.706 for 2 and 4.303 for 3 pairs. The standard error is the
    deviation times sqrt(1/n + 1/4): of 2, 3, 4 and of 3, 4, 5 it is 0.764, and 3.29 are needed;
    of 1, 1.125 and of 1, 1.15 it is 0.0765 and 0.0919, and 0.97 and 1.17 are needed."""
    assert is_clear(mean_sd(differences)) == clear


def test_what_a_comparison_rests_on():
    """t = 4 / sqrt(1/3 + 1/4) = 5.237 with 2 degrees of freedom: p = 1 - t / sqrt(t^2 + 2)."""
    t = 4 / (1 / 3 + 1 / 4) ** .5
    assert p_value(mean_sd([3, 4, 5])) == pytest.approx(1 - t / (t * t + 2) ** .5)
    assert basis(mean_sd([3, 4, 5])) == " (3 runs each, p = 0.035)"
    assert basis(mean_sd([1])) == " (1 run each)"
    assert basis(mean_sd([0, 0])) == " (2 runs each, p = 1)"
    assert basis(mean_sd([1, 1])) == " (2 runs each, p < 0.001)"


def test_a_clear_change_and_its_words():
    assert better_or_worse(mean_sd([-3, -4, -5])) == "better"
    assert better_or_worse(mean_sd([3, 4, 5])) == "worse"
    assert better_or_worse(mean_sd([-1])) == "lower" and better_or_worse(mean_sd([1])) == "higher"
    assert better_or_worse(mean_sd([0])) == "no difference"
    assert better_or_worse(mean_sd([])) == "not measured"


def test_a_change_that_is_smaller_than_its_spread_is_no_difference(tmp_path):
    for seed, (before, after) in enumerate(((.01, .0144), (.0144, .01))):
        for name, loss in (("no-mirror", before), ("split-then-mirror", after)):
            make_run(tmp_path / f"lenet-augmented/lenet5/{name}" / (f"seed{seed}" if seed else "")
                     / "fold0", [loss], model="lenet5", seed=seed)
    [line] = statements.augmentation(find_runs(tmp_path))
    assert line.endswith(" px, no clear difference (2 runs each, p = 1).")


def test_no_level_is_decided_yet(tmp_path):
    lines = study(tmp_path, adagrad={"valid": [[.01, .0035]], "epochs": 500},
                  adam={"valid": [[.01]], "state": None, "epochs": 500})
    assert lines[-2:] == [
        "\"Adagrad converges fastest\" cannot be judged yet by the validation loss: 1 level is "
        "open (1 run of each of adagrad and adam, all at learning rate 0.001) (so far: adam "
        "epoch 1 of 500).",
        "No optimizer has come to a training loss of 0.003 (1 run of each of adagrad and adam, all "
        "at learning rate 0.001) (so far: adam epoch 1 of 500)."]


def near(run, n, px, n_others, others_px):
    run.near_duplicates.write_text(json.dumps({
        "near_duplicates": {"n": n, "rmse_px": px, "mean_face_rmse_px": 2.5},
        "others": {"n": n_others, "rmse_px": others_px, "mean_face_rmse_px": 3.5}}))


def test_what_near_duplicates_hide(tmp_path):
    place = tmp_path / "optimizer-study/cnn14/adagrad"
    near(make_run(place / "fold0", [.01]), 20, .8, 80, 1.6)
    near(make_run(place / "fold1", [.01], fold=1), 25, .9, 75, 1.8)
    near(make_run(place / "fold0-2", [.01]), 90, 9., 10, 9.)
    near(make_run(place / "fold2", [.01], fold=2, state=None), 90, 9., 10, 9.)
    make_run(tmp_path / "lenet/lenet5/fold0", [.01], model="lenet5")  # nobody counted them there
    near(make_run(tmp_path / "vggnet/vggnet/fold0", [.01], model="vggnet"), 0, None, 100, 1.5)
    said = [
        "At least 20% to 25% of the validation images very probably show a person whom a "
        "training image shows a moment earlier or later (a chain of images whose thumbnails "
        "correlate above 0.95): a random split parts the frames of one recording.",
        "The 14-layer CNN without dropout: 0.8500 ± 0.0707 px on them, 1.700 ± 0.141 px on the "
        "other images; the mean face 2.500 ± 0.000 and 3.500 ± 0.000 px (2 runs)."]
    assert statements.near_duplicates(find_runs(tmp_path)) == said
    assert statements.near_duplicates(experiment_runs(tmp_path, "dropout-ablation")) == said
    assert statements.near_duplicates(find_runs(tmp_path / "lenet")) == []
    assert "\n\nNear-duplicates; a test's faces:\n\n* At least" in paper_table.table(tmp_path)
    conclude(tmp_path, "optimizer-study", say=lambda text: None)
    assert f"* {said[1]}\n" in (tmp_path / "optimizer-study/summary.md").read_text()


def test_near_duplicates_by_the_name_of_an_experiment_that_shares_its_runs(tmp_path):
    near(make_run(tmp_path / "dropout-ablation/cnn14/dropout/fold0", [.01]), 1, 1., 3, 2.)
    assert statements.near_duplicates(experiment_runs(tmp_path, "cnn14"))[1].startswith(
        "The 14-layer CNN with dropout: 1 px on them, 2 px ")


def test_synthetic_faces_are_no_recordings(tmp_path):
    run = make_run(tmp_path / "lenet/lenet5/fold0", [.01], model="lenet5")
    near(run, 1, 1., 3, 2.)
    config = json.loads(run.config.read_text())
    config["data"]["kind"] = "synthetic"
    run.config.write_text(json.dumps(config))
    assert statements.near_duplicates(find_runs(tmp_path)) == []
