"""Which variant is the first to reach a loss? (section 5.3, figure 5)"""
from typing import NamedTuple

from facekp.analysis.aggregate import mean_sd, reach
from facekp.analysis.claims.finding import HOLDS, IN_PART, NOT, OPEN, Finding, sides_of
from facekp.analysis.pairs import Basis, paired
from facekp.runs.version import version_of


class Race(NamedTuple):
    """Who reaches a loss, and when; each variant is in one of epochs, some, never."""

    level: float   # MSE of scaled targets
    epochs: dict   # variant -> MeanSd, where all runs reach the level
    seconds: dict  # like epochs; empty if runs are of other versions, or other kinds of machines
    some: dict     # variant -> how many of how many runs reach it, where some do
    never: list    # no run reaches it

    @property
    def first(self):
        """list of str, the variants with the fewest epochs; empty if none reaches the level."""
        best = min((at.mean for at in self.epochs.values()), default=None)
        return [name for name, at in self.epochs.items() if at.mean == best]


def fastest(collection, experiment, claim):
    """Does a variant converge fastest? One finding for each loss: the validation loss, or the
    training loss, which is what an optimizer minimizes.

    Claim: ``variant``, and ``levels``, lists of losses by the column of the history. Numbers:
    ``column``, ``races`` (list of :class:`Race`), ``until`` (the last epoch that all runs were to
    have, or None where it is each run's own), ``rate`` (the learning rate of all, or None); how
    many levels are ``decided`` and ``won``; those ``lost`` and ``tied`` by rivals' names.
    """
    sides = sides_of(collection, experiment)
    hero = collection.about(experiment).label(claim["variant"])
    if len(sides) < 2 or hero not in sides:
        return []
    sides = paired(sides)
    if not sides[hero]:
        return [Finding("fastest", claim["statement"], OPEN)]
    runs = [run for side in sides.values() for run in side]
    until = min(run.settings["epochs"] for run in runs)
    rates = {run.settings["learning_rate"] for run in runs}
    found = []
    for column in sorted(claim["levels"], reverse=True):  # the validation loss before the other
        races = [race_to(level, sides, column, until) for level in claim["levels"][column]]
        found.append(Finding("fastest", claim["statement"], *_verdict(races, hero, {
            "column": column, "races": races,
            "until": until if any(run.settings["epochs"] > until for run in runs) else None,
            "rate": min(rates) if len(rates) == 1 else None}), Basis.of(sides)))
    return found


def race_to(level, sides, column, until):
    """Who reaches a loss, up to an epoch; `sides` as :func:`paired` returns them."""
    comparable = len({clocked_on(run) for runs in sides.values() for run in runs}) == 1
    at = {name: [point for point in (reach(run, level, column) for run in runs)
                 if point and point.epoch <= until] for name, runs in sides.items()}
    there = [name for name in sides if len(at[name]) == len(sides[name])]
    return Race(
        level, {name: mean_sd(point.epoch for point in at[name]) for name in there},
        {name: mean_sd(point.seconds for point in at[name]) for name in there if comparable},
        {name: (len(at[name]), len(sides[name])) for name in sides
         if at[name] and name not in there}, [name for name in sides if not at[name]])


def clocked_on(run):
    """Processor, cores, threads and version of a run: seconds of different ones are not
    compared."""
    host = run.config.get("host") or {}  # a run need not say
    return host.get("cpu"), host.get("cores"), run.config.get("threads"), version_of(run.config)


def _verdict(races, hero, numbers):
    """The verdict, and `numbers` with what it rests on."""
    decided = [race for race in races if race.first]
    lost, tied, won = {}, {}, 0
    for race in decided:
        rivals = tuple(name for name in race.first if name != hero)
        if rivals:
            (tied if hero in race.first else lost).setdefault(rivals, []).append(race.level)
        else:
            won += 1
    verdict = (OPEN if not decided else HOLDS if won == len(decided) else IN_PART if won else NOT)
    return verdict, {**numbers, "won": won, "lost": lost, "tied": tied, "decided": len(decided)}
