"""Which net is best, how VGGNet is brought to learn, and what near-duplicates hide."""
import numpy as np

from facekp.analysis.aggregate import mean_sd
from facekp.data.splits import SAME
from facekp.runs.checks import SIDES
from facekp.analysis.statements.pairs import (by_variant, listed, paired, plural, seeds_and_folds, span,
                                     stopped_learning, unfinished)


def search(runs):
    """Which learning rate and initial weights let VGGNet learn? (section 5.2)

    Parameters
    ----------
    runs : list of facekp.runs.read.RunResult, of vggnet-search

    Returns
    -------
    list of str; empty with fewer than two variants
    """
    sides = paired(by_variant(runs))
    if len(sides) < 2 or not all(sides.values()):
        return []
    px = {name: mean_sd(run.best_valid_rmse_px for run in side) for name, side in sides.items()}
    order = sorted(px, key=lambda name: (px[name].n == 0, px[name].mean))
    faces = mean_sd(run.summary.get("mean_face_rmse_px") for run in sides[order[0]] if run.complete)
    epochs = span(run.settings["epochs"] for side in sides.values() for run in side)
    return [f"Validation RMSE within {epochs} epochs, by initial weights and learning rate: "
            + ", ".join(f"{name} {px[name].format(4)} px" for name in order)
            + (f"; the mean face {faces.format(4)} px" if faces.n else "")
            + f" ({plural(len(sides[order[0]]), 'run')} each){unfinished(sides)}."
            ] + stopped_learning(sides)


SCORES = (("LeNet-5 with batch normalization and mirror images", 3.02, "lenet-augmented",
           "split-then-mirror"),
          ("the 14-layer CNN with dropout", 3.0773, "dropout-ablation", "dropout"),
          ("VGGNet", 3.12, "vggnet", ""), ("LeNet-5", 3.35, "lenet", ""))
"""The paper's scores, best first: net, score, and our experiment and variant."""


def ranking(runs):
    """Are the nets ordered as the paper's scores order them? (abstract, section 5)

    Parameters
    ----------
    runs : list of facekp.runs.read.RunResult, of all experiments

    Returns
    -------
    list of str; empty with fewer than two nets
    """
    found, begun = {}, []
    for net, _, *place in SCORES:
        members = first_attempts(runs, *place)
        done = list(filter(measured, members))
        if done:
            found[net] = done
        elif members:
            begun.append(net)
    if len(found) < 2:
        return []
    px = {net: mean_sd(run.best_valid_rmse_px for run in done) for net, done in found.items()}
    ours = sorted(px, key=lambda net: px[net].mean)
    verdict = "the same order" if ours == list(px) else "another order"
    lines = [
        "By the paper's scores: " + ", ".join(
            f"{net} {score:g}" for net, score, *_ in SCORES if net in px) + ".",
        f"By our validation RMSE (mirror images in the fair protocol), {verdict}: " + ", ".join(
            f"{net} {px[net].format(4)} px ({plural(px[net].n, 'run')})" for net in ours)
        + (f"; without a complete run, and left out: {listed(begun)}" if begun else "") + "."]
    return lines + same_images(runs)


def first_attempts(runs, experiment, variant):
    """The runs of a variant that have an epoch, without those started beside another (NEW=1)."""
    return [run for run in runs if run.epochs and run.attempt == 1
            and (run.experiment, run.variant) == (experiment, variant)]


def measured(run):
    """Whether a run is complete, with a validation error that is a number."""
    return run.complete and np.isfinite(run.best_valid_rmse_px)


SAME_IMAGES = SCORES + (
    ("the 14-layer CNN without dropout", None, "optimizer-study", "adagrad"),
    ("LeNet-5 with mirror images", None, "lenet-augmented", "split-then-mirror-no-bn"))
"""Nets that are validated on the same images, if seed and fold are the same."""


def same_images(runs):
    """The nets' errors on the same validation images, best first; a list of one sentence, or none.

    Of the (seed, fold) pairs that all nets have which are there.
    """
    sides = {net: list(filter(measured, first_attempts(runs, *place)))
             for net, _, *place in SAME_IMAGES}
    sides = paired({net: side for net, side in sides.items() if side})
    if len(sides) < 2 or not all(sides.values()):
        return []
    px = {net: mean_sd(run.best_valid_rmse_px for run in side) for net, side in sides.items()}
    some = next(iter(sides.values()))
    order = ", ".join(f"{net} {px[net].format(4)} px"
                      for net in sorted(px, key=lambda net: px[net].mean))
    return [f"On the same validation images ({plural(len(some), 'run')} each, "
            f"{seeds_and_folds(some)}): {order}."]


NETS = SAME_IMAGES + (
    ("the 14-layer CNN with dropout", None, "cnn14", ""),
    ("the 14-layer CNN without dropout", None, "dropout-ablation", "no-dropout"))
"""The same, and what two experiments share, by the names that :mod:`facekp.runs.read` gives it."""


def near_duplicates(runs):
    """The errors on validation images with a near-duplicate in training, and on the others.

    The others are harder, as the mean face's error says.

    Parameters
    ----------
    runs : list of facekp.runs.read.RunResult

    Returns
    -------
    list of str; empty where no run on photographs has near-duplicates
    """
    shares, lines = [], []
    for net, _, *place in NETS:
        parts = [run.near_duplicates for run in first_attempts(runs, *place)
                 if has_near_duplicates(run)]
        if not parts:
            continue
        shares += [part["near_duplicates"]["n"] / (part["near_duplicates"]["n"]
                                                   + part["others"]["n"]) for part in parts]
        ours, faces = ([mean_sd(part[side][name] for part in parts).format() for side in SIDES]
                       for name in ("rmse_px", "mean_face_rmse_px"))
        lines.append(f"{net[0].upper()}{net[1:]}: {ours[0]} px on them, {ours[1]} px on the other "
                     f"images; the mean face {faces[0]} and {faces[1]} px "
                     f"({plural(len(parts), 'run')}).")
    if not lines:
        return []
    low, high = (f"{share:.0%}" for share in (min(shares), max(shares)))
    return [f"At least {low if low == high else f'{low} to {high}'} of the validation images very "
            "probably show a person whom a training image shows a moment earlier or later (a chain "
            f"of images whose thumbnails correlate above {SAME:g}): a random split parts the "
            "frames of one recording."] + lines


def has_near_duplicates(run):
    """Whether a run on photographs has measured errors on both kinds of validation images."""
    return (run.complete and run.near_duplicates is not None
            and run.config["data"].get("kind") != "synthetic"
            and None not in [run.near_duplicates[side]["rmse_px"] for side in SIDES])
