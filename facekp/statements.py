"""The paper's statements about its experiments, measured on ours and put in words by the numbers.

Every comparison of variants is made on the (seed, fold) pairs that all of them have, trained on the
same faces; the order of the nets is one of means over all their runs.
"""
from typing import NamedTuple

import numpy as np

from facekp.aggregate import LEVELS, mean_sd, reach
from facekp.keypoints import SIZE


def paired(sides):
    """The runs of each side on the (seed, fold) pairs, on the same faces, that all sides have.

    Parameters
    ----------
    sides : dict of str -> list of facekp.results.RunResult

    Returns
    -------
    dict of str -> list of RunResult, in the same order of pairs; empty lists without a pair.
    Pairs of complete runs; where there is none, all.
    """
    tables = {name: {(run.label, run.seed, run.fold): run for run in runs
                     if run.epochs and run.attempt == 1} for name, runs in sides.items()}
    common = sorted(set.intersection(*map(set, tables.values()))) if tables else []
    complete = [pair for pair in common if all(table[pair].complete for table in tables.values())]
    return {name: [table[pair] for pair in complete or common] for name, table in tables.items()}


def by_variant(runs):
    """dict of variant -> list of runs that have at least one epoch."""
    sides = {}
    for run in runs:
        if run.epochs:
            sides.setdefault(run.variant, []).append(run)
    return sides


def unfinished(sides):
    """Which sides have runs that are not complete, as " (so far: adam epoch 42 of 500)", or ""."""
    words = []
    for name, runs in sides.items():
        epochs = [run.epochs for run in runs if not run.complete]
        if epochs:
            words.append(f"{name} epoch {span(epochs)} of {runs[0].settings['epochs']}")
    return f" (so far: {', '.join(words)})" if words else ""


def span(values):
    """Whole numbers as text: "500", or "77 to 94"."""
    values = list(values)
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"


def plural(n, word):
    """A number and its noun: "1 epoch", "2 epochs"."""
    return f"{n} {word}" + "s" * (n != 1)


def listed(words):
    """Words as an enumeration: "a", "a and b", "a, b and c"."""
    words = list(words)
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def search(runs):
    """Which learning rate and initial weights let VGGNet learn? (section 5.2)

    Parameters
    ----------
    runs : list of facekp.results.RunResult, of vggnet-search

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
            + f"{unfinished(sides)}."] + stopped_learning(sides)


class Race(NamedTuple):
    """Who reaches a loss, and when.

    Attributes
    ----------
    level : float, MSE of scaled targets
    epochs : dict of variant -> MeanSd
        Of the variants all of whose runs reach the level.
    seconds : dict like `epochs`; empty if the runs were made on different machines
    open : list of variant
        Those that have not reached it, but could still do so first: a run is unfinished.
    share : dict of variant -> (int, int)
        Of the other variants: how many of how many runs have reached it.
    """

    level: float
    epochs: dict
    seconds: dict
    open: list
    share: dict

    @property
    def first(self):
        """list of str, the variants with the fewest epochs; empty if none reaches the level."""
        best = min((at.mean for at in self.epochs.values()), default=None)
        return [name for name, at in self.epochs.items() if at.mean == best]


def races(sides, column="valid_loss", levels=LEVELS):
    """One :class:`Race` for each level of a loss; `sides` as :func:`paired` returns them.

    Up to the last epoch that all runs were to have.
    """
    limit = last_epoch(sides)
    everyone = [run for runs in sides.values() for run in runs]
    comparable = len({clocked_on(run) for run in everyone}) == 1
    found = []
    for level in levels:
        at = {name: [reach(run, level, column) for run in runs] for name, runs in sides.items()}
        at = {name: [point if point and point.epoch <= limit else None for point in points]
              for name, points in at.items()}
        epochs = {name: mean_sd(point.epoch for point in points) for name, points in at.items()
                  if points and all(points)}
        seconds = {name: mean_sd(point.seconds for point in at[name]) for name in epochs
                   } if comparable else {}
        best = min((mean.mean for mean in epochs.values()), default=limit)
        others = [name for name in sides if name not in epochs]
        rivals = [name for name in others if _earliest(sides[name], at[name]) <= best]
        share = {name: (sum(map(bool, at[name])), len(at[name])) for name in others
                 if name not in rivals}
        found.append(Race(level, epochs, seconds, rivals, share))
    return found


def last_epoch(sides):
    """The last epoch that all runs were to have, by their settings."""
    return min((run.settings["epochs"] for runs in sides.values() for run in runs), default=0)


def clocked_on(run):
    """Processor, cores and threads of a run: seconds on different ones are not compared."""
    host = run.config.get("host") or {}  # a run need not say
    return host.get("cpu"), host.get("cores"), run.config.get("threads")


def _earliest(runs, points):
    """The lowest mean number of epochs to a level that runs can still come to; inf if none."""
    return np.mean([point.epoch if point else
                    run.epochs + 1 if not (run.complete or run.diverged) else np.inf
                    for run, point in zip(runs, points)])


TRAIN_LEVELS = (0.003, 0.002, 0.001, 0.0005, 0.0002058)
"""Training losses that the optimizers are timed to; the last is where the paper's net ended."""


def optimizers(runs):
    """Does Adagrad converge fastest? (section 5.3, figure 5)

    By the validation loss, and by the training loss, which is what an optimizer minimizes.

    Parameters
    ----------
    runs : list of facekp.results.RunResult, of optimizer-study

    Returns
    -------
    list of str; empty where there is nothing to compare
    """
    sides = by_variant(runs)
    if len(sides) < 2 or "adagrad" not in sides:
        return []
    sides = paired(sides)
    n = len(sides["adagrad"])
    if not n:
        return ["Which optimizer is fastest cannot be said: no fold has been trained by all."]
    lines, verdicts = [], []
    for words, column, levels in (("validation", "valid_loss", LEVELS),
                                  ("training", "train_loss", TRAIN_LEVELS)):
        reached = [race for race in races(sides, column, levels) if race.first]
        lines += [_ranking(race, words, sides) for race in reached]
        verdicts.append(_verdict(reached, words) if reached else
                        f"No optimizer has come to a {words} loss of {levels[0]:g}")
    runs = [run for side in sides.values() for run in side]
    cut = last_epoch(sides)
    limit = f", up to epoch {cut}" if any(run.settings["epochs"] > cut for run in runs) else ""
    verdicts[-1] += (f" ({plural(n, 'run')} of each of {listed(sides)}{limit})"
                     + unfinished(sides))
    return lines + [f"{verdict}." for verdict in verdicts] + stopped_learning(sides)


def _ranking(race, words, sides):
    """Who needs how long to a loss, as a sentence."""
    order = sorted(race.epochs, key=lambda name: race.epochs[name].mean)
    never, later, some = [], [], []
    for name, (n_reached, n) in race.share.items():
        if n_reached:
            some.append(f"reached by {name} in {n_reached} of {n} runs")
        elif all(run.complete or run.diverged for run in sides[name]):
            never.append(name)
        else:
            later.append(name)
    parts = ["Epochs to a " + words + f" loss of {race.level:g}: " + ", ".join(
        f"{name} {race.epochs[name].format(3)}"
        + (f" ({race.seconds[name].format(3)} s)" if race.seconds else "") for name in order)]
    parts += some
    for text, names in (("not reached by", never), ("not yet reached by", later),
                        ("still open for", race.open)):
        if names:
            parts.append(f"{text} {listed(names)}")
    return "; ".join(parts) + "."


def _verdict(reached, words):
    """Whether Adagrad is the first to the levels of a loss, as a sentence without its end."""
    decided = [race for race in reached if not race.open]
    still_open = len(reached) - len(decided)
    if not decided:
        return (f"\"Adagrad converges fastest\" cannot be judged yet by the {words} loss: "
                f"{plural(still_open, 'level')} {'is' if still_open == 1 else 'are'} open")
    lost, tied, n_won = {}, {}, 0
    for race in decided:
        rivals = [name for name in race.first if name != "adagrad"]
        if rivals:
            (tied if "adagrad" in race.first else lost).setdefault(
                listed(rivals), []).append(f"{race.level:g}")
        else:
            n_won += 1
    verdict = ("holds here" if n_won == len(decided) else "does not hold here" if not n_won
               else "holds in part here")
    if still_open:
        verdict = verdict.replace("here", "so far")

    def rivals_words(found, few):
        return "".join(f"; {name} {'need' if ' and ' in name else 'needs'} {few} to "
                       f"{listed(levels)}" for name, levels in found.items())
    return (f"\"Adagrad converges fastest\" {verdict} by the {words} loss: it needs the fewest "
            f"epochs to {n_won} of {plural(len(decided), 'level')}"
            + (f", {still_open} more {'is' if still_open == 1 else 'are'} open" if still_open
               else "") + rivals_words(lost, "fewer") + rivals_words(tied, "as few"))


def stopped_learning(sides):
    """Which sides' runs diverged or stand still, as sentences."""
    lines = []
    for name, runs in sides.items():
        diverged = [run.epochs for run in runs if run.diverged]
        still = [run.summary["frozen_since"] for run in runs
                 if run.complete and "frozen_since" in run.summary]
        for words, epochs in ((f"{name} diverged in epoch", diverged),
                              (f"{name} learned nothing, to the last bit, after epoch", still)):
            if epochs:
                lines.append(f"{words} {span(epochs)} ({len(epochs)} of "
                             f"{plural(len(runs), 'run')}).")
    return lines


def gaps(sides, epoch):
    """Validation minus training loss at an epoch, run by run: as the paper measures it, the
    training loss with dropout on, while the weights move.

    Parameters
    ----------
    sides : dict of :func:`paired`
    epoch : int

    Returns
    -------
    dict of variant -> list of float
    """
    return {name: [run.whole_history["valid_loss"][epoch - 1]
                   - run.whole_history["train_loss"][epoch - 1] for run in runs]
            for name, runs in sides.items()}


def noise_free_gaps(sides):
    """Validation minus training loss of the best epochs' weights, dropout off in both; of all
    training images. A dict like that of :func:`gaps`; NaN where it was not measured."""
    return {name: [(run.best_valid_rmse_px ** 2 - run.train_rmse_px ** 2) / (SIZE / 2) ** 2
                   for run in runs] for name, runs in sides.items()}


def dropout(runs):
    """Do four dropout layers narrow the gap? (section 5.3, figure 6)

    Parameters
    ----------
    runs : list of facekp.results.RunResult, of dropout-ablation

    Returns
    -------
    list of str; empty where a side is missing
    """
    sides = by_variant(runs)
    if not {"dropout", "no-dropout"} <= set(sides):
        return []
    sides = paired({name: sides[name] for name in ("no-dropout", "dropout")})
    if not sides["dropout"]:
        return ["Whether dropout narrows the gap cannot be said: no fold has been trained both "
                "ways."]
    epoch = min(len(run.whole_history["valid_loss"]) for side in sides.values() for run in side)
    valid = {name: mean_sd(run.whole_history["valid_loss"][epoch - 1] for run in side)
             for name, side in sides.items()}
    return [
        _narrows("training loss with dropout on, as the paper has it", gaps(sides, epoch),
                 f"after {plural(epoch, 'epoch')}", sides),
        _narrows("training loss without dropout noise, on all training images",
                 noise_free_gaps(sides), "with the best epoch's weights", sides),
        f"Validation loss after {plural(epoch, 'epoch')}: {valid['no-dropout'].format()} without "
        f"dropout, {valid['dropout'].format()} with it "
        f"({plural(len(sides['dropout']), 'run')} each){unfinished(sides)}."]


def _narrows(words, found, when, sides):
    """Whether the gap is narrower with dropout, by one of the training losses, as a sentence."""
    without, with_ = found["no-dropout"], found["dropout"]
    change = mean_sd(abs(a) - abs(b) for a, b in zip(without, with_))
    without, with_ = mean_sd(without), mean_sd(with_)
    if not min(change.n, without.n, with_.n):
        return (f"Whether dropout narrows the gap by the {words} cannot be said: it was not "
                "measured, or is no number.")
    verdict = "holds" if change.mean > 0 else "does not hold"
    if change.n > 1 and abs(change.mean) < change.sd:
        verdict = "is not clear: the runs differ by more than that"
    verdict += " so far" if unfinished(sides) else ""
    share = 1 - with_.mean / without.mean if min(with_.mean, without.mean) > 0 else 0
    size = f" ({'narrower' if share > 0 else 'wider'} by {abs(share):.0%})" if share else ""
    return (f"\"Dropout narrows the gap\" {verdict} by the {words}: validation minus training "
            f"loss {without.format(3)} without dropout, {with_.format(3)} with it"
            f"{size} {when}.")


CELLS = {"no mirror images": ("lenet", "no-mirror"),
         "split, then mirrored": ("split-then-mirror-no-bn", "split-then-mirror"),
         "mirrored, then split": ("mirror-then-split-no-bn", "mirror-then-split")}
"""Variants of lenet-augmented without and with batch normalization; "lenet" is that experiment."""


def augmentation(runs, baseline=()):
    """What mirror images and batch normalization do, and what twins leak (section 5.4).

    Parameters
    ----------
    runs : list of facekp.results.RunResult, of lenet-augmented
    baseline : list of RunResult, of lenet: neither mirror images nor batch normalization

    Returns
    -------
    list of str
    """
    sides = by_variant(runs)
    if baseline:
        sides["lenet"] = list(baseline)
    lines = []

    def compare(words, before, after):
        if not (sides.get(before) and sides.get(after)):
            return
        pair = paired({name: sides[name] for name in (before, after)})
        if pair[before] and unfinished(pair):
            lines.append(f"{words}: cannot be said yet{unfinished(pair)}.")
        elif pair[before]:
            px = {name: [run.best_valid_rmse_px for run in pair[name]] for name in pair}
            change = mean_sd(b - a for a, b in zip(px[before], px[after]))
            if not change.n:
                lines.append(f"{words}: cannot be said: a net diverged in its first epoch.")
                return
            lines.append(
                f"{words}: {mean_sd(px[before]).format(4)} px to {mean_sd(px[after]).format(4)} px,"
                f" {change.mean:+.3f}" + (f" ± {change.sd:.3f}" if change.n > 1 else "")
                + f" px, {better_or_worse(change)} ({plural(change.n, 'run')} each).")

    for cell, (plain, normalized) in CELLS.items():
        compare(f"Batch normalization, {cell}", plain, normalized)
    for column, norm in ((0, "without"), (1, "with")):
        before, fair, paper = (names[column] for names in CELLS.values())
        compare(f"Mirror images, {norm} batch normalization, fair protocol", before, fair)
        compare(f"The paper's protocol, which validates on other images, instead of the fair one, "
                f"{norm} batch normalization", fair, paper)
    compare("The paper's step from section 5.1 to 5.4, both together, fair protocol",
            "lenet", "split-then-mirror")
    return lines + helpful(sides) + twin_leak(sides)


def helpful(sides):
    """Whether "data augmentation is helpful": mirror images, and the paper's step to section 5.4.

    A list of one sentence; of none where runs are lacking or not complete.
    """
    words = []
    for what, before, after in (("mirror images alone", "lenet", "split-then-mirror-no-bn"),
                                ("with batch normalization added, as the paper did", "lenet",
                                 "split-then-mirror")):
        pair = paired({name: sides.get(name, []) for name in (before, after)})
        if pair[before] and not unfinished(pair):
            change = mean_sd(b.best_valid_rmse_px - a.best_valid_rmse_px
                             for a, b in zip(pair[before], pair[after]))
            if change.n:
                words.append((what, better_or_worse(change)))
    if len(words) < 2:
        return []
    n_better = sum(word == "better" for _, word in words)
    verdict = ("does not hold", "holds in part", "holds")[n_better]
    return [f"\"Data augmentation is helpful\" {verdict} here by the validation RMSE, fair "
            f"protocol: {'; '.join(f'{what}: {word}' for what, word in words)}."]


def better_or_worse(change):
    """A change of an error in a word; none where the runs differ by more than it."""
    if change.n > 1 and abs(change.mean) < change.sd:
        return "no clear difference"
    if not change.mean:
        return "no difference"
    return "better" if change.mean < 0 else "worse"


def twin_leak(sides):
    """How much better a net is on faces whose mirror image it has seen, in words."""
    lines = []
    for name, runs in sides.items():
        seen = [run.summary for run in runs
                if run.complete and run.summary.get("valid_rmse_px_no_twin") is not None
                and run.summary.get("valid_rmse_px_twin_in_train") is not None]
        if seen:
            twin, other, leak = (mean_sd(values) for values in zip(*(
                (s["valid_rmse_px_twin_in_train"], s["valid_rmse_px_no_twin"],
                 s["valid_rmse_px_no_twin"] - s["valid_rmse_px_twin_in_train"]) for s in seen)))
            lines.append(
                f"Twin leak, {name}: {twin.format()} px where the mirror image was trained on, "
                f"{other.format()} px elsewhere, {leak.mean:.3f}"
                + (f" ± {leak.sd:.3f}" if leak.n > 1 else "") + " px apart"
                + (", no clear difference" if leak.n > 1 and abs(leak.mean) < leak.sd else "")
                + f" ({plural(leak.n, 'run')}).")
    return lines


SCORES = (("LeNet-5 with batch normalization and mirror images", 3.02, "lenet-augmented",
           "split-then-mirror"),
          ("the 14-layer CNN with dropout", 3.0773, "dropout-ablation", "dropout"),
          ("VGGNet", 3.12, "vggnet", ""), ("LeNet-5", 3.35, "lenet", ""))
"""The paper's scores, best first: net, score, and our experiment and variant."""


def ranking(runs):
    """Are the nets ordered as the paper's scores order them? (abstract, section 5)

    Parameters
    ----------
    runs : list of facekp.results.RunResult, of all experiments

    Returns
    -------
    list of str; empty with fewer than two nets
    """
    found, begun = {}, []
    for net, _, experiment, variant in SCORES:
        members = [run for run in runs if run.epochs and run.attempt == 1
                   and (run.experiment, run.variant) == (experiment, variant)]
        done = [run for run in members if run.complete and np.isfinite(run.best_valid_rmse_px)]
        if done:
            found[net] = done
        elif members:
            begun.append(net)
    if len(found) < 2:
        return []
    px = {net: mean_sd(run.best_valid_rmse_px for run in done) for net, done in found.items()}
    ours = sorted(px, key=lambda net: px[net].mean)
    verdict = "the same order" if ours == list(px) else "another order"
    return [
        "By the paper's scores: " + ", ".join(
            f"{net} {score:g}" for net, score, *_ in SCORES if net in px) + ".",
        f"By our validation RMSE, {verdict}: " + ", ".join(
            f"{net} {px[net].format(4)} px ({plural(px[net].n, 'run')})" for net in ours)
        + (f"; without a complete run, and left out: {listed(begun)}" if begun else "") + "."]
