"""Which optimizer is fastest? (section 5.3, figure 5)"""
from typing import NamedTuple

import numpy as np

from facekp.analysis.aggregate import LEVELS, mean_sd, reach
from facekp.analysis.statements.pairs import (by_variant, listed, paired, plural, seeds_and_folds,
                                     stopped_learning, unfinished)


class Race(NamedTuple):
    """Who reaches a loss, and when.

    Attributes
    ----------
    level : float, MSE of scaled targets
    epochs : dict of variant -> MeanSd
        Of the variants all of whose runs reach the level.
    seconds : dict like `epochs`; empty if the runs were not made by the same code on the same
        kind of machine
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
    """Processor, cores, threads and code of a run: seconds of different ones are not compared."""
    host = run.config.get("host") or {}  # a run need not say
    return host.get("cpu"), host.get("cores"), run.config.get("threads"), run.config.get("code")


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
    runs : list of facekp.runs.read.RunResult, of optimizer-study

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
        found = races(sides, column, levels)
        reached = [race for race in found if race.first]
        lines += [_ranking(race, words, sides) for race in found if reached]
        verdicts.append(_verdict(reached, words) if reached else
                        f"No optimizer has come to a {words} loss of {levels[0]:g}")
    runs = [run for side in sides.values() for run in side]
    cut = last_epoch(sides)
    limit = f", up to epoch {cut}" if any(run.settings["epochs"] > cut for run in runs) else ""
    rates = {run.settings["learning_rate"] for run in runs}
    rate = f", all at learning rate {rates.pop():g}" if len(rates) == 1 else ""
    rests_on = f" ({plural(n, 'run')} of each of {listed(sides)}{rate}{limit}){unfinished(sides)}"
    return ([f"Compared are the runs that all optimizers have: {seeds_and_folds(sides['adagrad'])};"
             " the others are in the experiment's summary.md."]
            + lines + [f"{verdict}{rests_on}." for verdict in verdicts] + stopped_learning(sides))


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
    parts = [", ".join(
        f"{name} {race.epochs[name].format(3)}"
        + (f" ({race.seconds[name].format(3)} s)" if race.seconds else "") for name in order)]
    parts += some
    for text, names in (("not reached by", never), ("not yet reached by", later),
                        ("still open for", race.open)):
        if names:
            parts.append(f"{text} {listed(names)}")
    return f"Epochs to a {words} loss of {race.level:g}: {'; '.join(filter(None, parts))}."


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
            f"epochs to {n_won} of the {plural(len(decided), 'level')} "
            + (f"decided, {still_open} more {'is' if still_open == 1 else 'are'} open"
               if still_open else "reached")
            + rivals_words(lost, "fewer") + rivals_words(tied, "as few"))
