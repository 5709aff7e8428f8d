"""The paper's statements about its experiments, measured on ours and put in words by the numbers.

Every comparison is made on the (seed, fold) pairs that all its sides have.
"""
from typing import NamedTuple

from facekp.aggregate import LEVELS, MeanSd, mean_sd, reach, settled


def paired(sides):
    """The runs of each side on the (seed, fold) pairs that all sides have.

    Parameters
    ----------
    sides : dict of str -> list of facekp.results.RunResult

    Returns
    -------
    dict of str -> list of RunResult, in the same order of pairs; empty lists without a pair.
    Pairs of complete runs; where there is none, all.
    """
    tables = {name: {(run.seed, run.fold): run for run in runs if run.epochs and run.attempt == 1}
              for name, runs in sides.items()}
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
    epochs, seconds : dict of variant -> MeanSd
        Of the variants all of whose runs reach the level.
    open : list of variant
        Those that have not reached it, but could still do so first: a run is unfinished.
    """

    level: float
    epochs: dict
    seconds: dict
    open: list

    @property
    def first(self):
        """list of str, the variants with the fewest epochs; empty if none reaches the level."""
        best = min((at.mean for at in self.epochs.values()), default=None)
        return [name for name, at in self.epochs.items() if at.mean == best]


def races(sides, column="valid_loss", levels=LEVELS):
    """One :class:`Race` for each level of a loss; `sides` as :func:`paired` returns them."""
    found = []
    for level in levels:
        epochs, seconds = {}, {}
        for name, runs in sides.items():
            reached = [reach(run, level, column) for run in runs]
            if reached and all(reached):
                epochs[name] = mean_sd(at.epoch for at in reached)
                seconds[name] = mean_sd(at.seconds for at in reached)
        best = min((at.mean for at in epochs.values()), default=float("inf"))
        rivals = [name for name, runs in sides.items() if name not in epochs and any(
            not run.complete and not run.diverged and run.epochs < best for run in runs)]
        found.append(Race(level, epochs, seconds, rivals))
    return found


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
        if reached:
            verdicts.append(_verdict(reached, words))
    if verdicts:
        verdicts[-1] += f" ({plural(n, 'run')} of each of {listed(sides)}){unfinished(sides)}"
    return lines + [f"{verdict}." for verdict in verdicts] + stopped_learning(sides)


def _ranking(race, words, sides):
    """Who needs how long to a loss, as a sentence."""
    ranking = sorted(race.epochs, key=lambda name: race.epochs[name].mean)
    never = [name for name in sides if name not in race.epochs and name not in race.open]
    return (f"Epochs to a {words} loss of {race.level:g}: " + ", ".join(
        f"{name} {race.epochs[name].format(3)} ({race.seconds[name].format(3)} s)"
        for name in ranking) + (f"; not reached by {listed(never)}" if never else "")
        + (f"; still open for {listed(race.open)}" if race.open else "") + ".")


def _verdict(reached, words):
    """Whether Adagrad is the first to the levels of a loss, as a sentence without its end."""
    decided = [race for race in reached if not race.open]
    lost = {}
    for race in decided:
        if "adagrad" not in race.first:
            lost.setdefault(listed(race.first), []).append(f"{race.level:g}")
    n_lost = sum(map(len, lost.values()))
    verdict = ("cannot be judged yet" if not decided else "holds here" if not lost
               else "does not hold here" if n_lost == len(decided) else "holds in part here")
    still_open = len(reached) - len(decided)
    if decided and still_open:
        verdict = verdict.replace("here", "so far")
    if not decided:
        return (f"\"Adagrad converges fastest\" {verdict} by the {words} loss: "
                f"{plural(still_open, 'level')} {'is' if still_open == 1 else 'are'} open")
    return (f"\"Adagrad converges fastest\" {verdict} by the {words} loss: it needs the fewest "
            f"epochs to {len(decided) - n_lost} of {plural(len(decided), 'level')}"
            + (f", {still_open} more {'is' if still_open == 1 else 'are'} open" if still_open
               else "")
            + "".join(f"; {name} {'need' if ' and ' in name else 'needs'} fewer to {listed(levels)}"
                      for name, levels in lost.items()))


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


class Gap(NamedTuple):
    """Losses of a variant at an epoch, and validation minus training loss.

    Attributes
    ----------
    epoch, clean_epoch : int
        The loss without dropout noise is not measured in every epoch.
    train, valid, gap : MeanSd
        Training loss as the paper measures it: with dropout on, while the weights move.
    clean, clean_gap : MeanSd
        Training loss without dropout noise.
    """

    epoch: int
    clean_epoch: int
    train: MeanSd
    valid: MeanSd
    gap: MeanSd
    clean: MeanSd
    clean_gap: MeanSd


def gaps(sides):
    """The gap of each side at the last epoch that all have; `sides` from :func:`paired`."""
    epoch = min(len(run.whole_history["valid_loss"]) for runs in sides.values() for run in runs)
    clean_epoch = 1 if epoch < 5 else epoch - epoch % 5  # facekp.handlers.CleanLoss

    def at(runs, column, epoch):
        return [run.whole_history[column][epoch - 1] for run in runs]

    def difference(runs, column, epoch):
        return mean_sd(valid - train for valid, train in zip(at(runs, "valid_loss", epoch),
                                                             at(runs, column, epoch)))
    return {name: Gap(epoch, clean_epoch, mean_sd(at(runs, "train_loss", epoch)),
                      mean_sd(at(runs, "valid_loss", epoch)),
                      difference(runs, "train_loss", epoch),
                      mean_sd(at(runs, "train_loss_clean", clean_epoch)),
                      difference(runs, "train_loss_clean", clean_epoch))
            for name, runs in sides.items()}


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
    found = gaps(sides)
    lines = []
    for words, key, epoch in (("training loss with dropout on, as the paper has it", "gap",
                               found["dropout"].epoch),
                              ("training loss without dropout noise", "clean_gap",
                               found["dropout"].clean_epoch)):
        without, with_ = (getattr(found[name], key) for name in ("no-dropout", "dropout"))
        verdict = "holds" if abs(with_.mean) < abs(without.mean) else "does not hold"
        verdict += " so far" if unfinished(sides) else ""
        share = 1 - with_.mean / without.mean if min(with_.mean, without.mean) > 0 else None
        change = "" if share is None else (
            f" ({'narrower' if share > 0 else 'wider'} by {abs(share):.0%})")
        lines.append(
            f"\"Dropout narrows the gap\" {verdict} by the {words}: validation minus training "
            f"loss {without.format(3)} without dropout, {with_.format(3)} with it"
            f"{change} after {plural(epoch, 'epoch')}.")
    valid = {name: gap.valid for name, gap in found.items()}
    lines.append(f"Validation loss after {plural(found['dropout'].epoch, 'epoch')}: "
                 f"{valid['no-dropout'].format()} without dropout, {valid['dropout'].format()} "
                 f"with it{unfinished(sides)}.")
    return lines


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
            lines.append(
                f"{words}: {mean_sd(px[before]).format(4)} px to {mean_sd(px[after]).format(4)} px,"
                f" {change.mean:+.3f}" + (f" ± {change.sd:.3f}" if change.n > 1 else "")
                + f" px, {better_or_worse(change)} ({plural(change.n, 'run')} each).")

    for cell, (plain, normalized) in CELLS.items():
        compare(f"Batch normalization, {cell}", plain, normalized)
    for column, norm in ((0, "without"), (1, "with")):
        before, fair, paper = (names[column] for names in CELLS.values())
        compare(f"Mirror images, {norm} batch normalization, fair protocol", before, fair)
        compare(f"The paper's protocol instead of the fair one, {norm} batch normalization",
                fair, paper)
    compare("The paper's step from section 5.1 to 5.4, both together, fair protocol",
            "lenet", "split-then-mirror")
    return lines + twin_leak(sides)


def better_or_worse(change):
    """A change of an error in a word; none where the runs differ by more than it."""
    if change.n > 1 and abs(change.mean) < change.sd:
        return "no clear difference"
    return "better" if change.mean < 0 else "worse"


def twin_leak(sides):
    """How much better a net is on faces whose mirror image it has seen, in words."""
    lines = []
    for name, runs in sides.items():
        seen = [run.summary for run in runs
                if run.complete and run.summary.get("valid_rmse_px_no_twin") is not None]
        if seen:
            twin, other, leak = (mean_sd(values) for values in zip(*(
                (s["valid_rmse_px_twin_in_train"], s["valid_rmse_px_no_twin"],
                 s["valid_rmse_px_no_twin"] - s["valid_rmse_px_twin_in_train"]) for s in seen)))
            lines.append(
                f"Twin leak, {name}: {twin.format()} px where the mirror image was trained on, "
                f"{other.format()} px elsewhere, {leak.mean:.3f} px apart "
                f"({plural(leak.n, 'run')}).")
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
    found = {}
    for net, _, experiment, variant in SCORES:
        members = [run for run in runs if run.epochs and run.attempt == 1
                   and (run.experiment, run.variant) == (experiment, variant)]
        if members:
            found[net] = members
    if len(found) < 2:
        return []
    px = {net: mean_sd(run.best_valid_rmse_px for run in settled(members))
          for net, members in found.items()}
    ours = sorted(px, key=lambda net: px[net].mean)
    verdict = "the same order" if ours == list(px) else "another order"
    return [
        "By the paper's scores: " + ", ".join(
            f"{net} {score:g}" for net, score, *_ in SCORES if net in px) + ".",
        f"By our validation RMSE, {verdict}: " + ", ".join(
            f"{net} {px[net].format(4)} px" for net in ours) + f"{unfinished(found)}."]
