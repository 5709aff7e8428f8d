"""The paper's claims, and what our runs say of them, as data.

An experiment declares its claims (:class:`facekp.runs.about.About`); each is a dict with its
``kind``, one of :data:`KINDS`, the paper's words (``statement``), and what that kind needs. Every
comparison of variants is made on the (seed, fold) pairs that all of them have, trained on the same
faces. :mod:`facekp.report.wording` puts findings in words.
"""
from facekp.analysis.aggregate import mean_sd, reach
from facekp.analysis.pairs import (HOLDS, IN_PART, LEVEL, NOT, OPEN, Basis, Finding, compared,
                                   direction, p_value, paired, sides_of)
from facekp.keypoints import SIZE
from facekp.runs.checks import TWINS


def findings(collection, experiment, claims=None):
    """What the runs of a collection (facekp.runs.read.Collection) say of an experiment's claims, or
    of the claims given: a list of :class:`Finding`. Of a claim that is none, the collection's
    `warn` is told."""
    found = []
    for claim in collection.about(experiment).claims if claims is None else claims:
        try:
            found += KINDS[claim["kind"]](collection, experiment, claim)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            collection.warn(
                f"{collection.root / experiment}/experiment.json: claim {claim.get('kind')!r} is "
                f"left out ({error!r}): expected one of {', '.join(KINDS)}, with all that it needs")
    return found


def fastest(collection, experiment, claim):
    """Is a variant the first to reach each of some losses? (section 5.3, figure 5) One finding for
    the validation loss, and one for the training loss, which is what an optimizer minimizes.

    Claim: ``variant``, and ``levels``, lists of losses by the column of the history. Numbers:
    ``column``, ``levels`` and ``sides`` (the runs compared, by variant); ``until`` (the last epoch
    that all runs were to have, or None where it is each run's own), ``rate`` (the learning rate of
    all, or None); how many levels are ``decided`` and ``won``; those ``lost`` and ``tied`` by
    rivals' names.
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
        lost, tied, won, decided = {}, {}, 0, 0
        for level in claim["levels"][column]:
            first = first_at(level, sides, column, until)
            rivals = tuple(name for name in first if name != hero)
            decided += bool(first)
            won += first == [hero]
            if rivals:
                (tied if hero in first else lost).setdefault(rivals, []).append(level)
        found.append(Finding(
            "fastest", claim["statement"],
            OPEN if not decided else HOLDS if won == decided else IN_PART if won else NOT, {
                "column": column, "levels": claim["levels"][column], "sides": sides, "won": won,
                "lost": lost, "tied": tied, "decided": decided,
                "until": until if any(run.settings["epochs"] > until for run in runs) else None,
                "rate": min(rates) if len(rates) == 1 else None}, Basis.of(sides)))
    return found


def first_at(level, sides, column, until):
    """list of str, the sides all of whose runs reach a loss up to an epoch, in the fewest epochs on
    average; `sides` as :func:`paired` returns them."""
    epochs = {}
    for name, runs in sides.items():
        at = [reach(run, level, column) for run in runs]
        if all(point and point.epoch <= until for point in at):
            epochs[name] = mean_sd(point.epoch for point in at).mean
    return [name for name in epochs if epochs[name] == min(epochs.values())]


def gap(collection, experiment, claim):
    """Is the gap between training and validation loss narrower with something than without it?
    (section 5.3, figure 6) One finding for each of two training losses.

    As the paper measures it, the training loss is that of the batches, with dropout on, while the
    weights move: after the last epoch that all runs have. Without dropout noise, it is that of the
    best epoch's weights on all training images.

    Claim: ``without`` and ``with``, variants. Numbers: ``noise`` (bool), ``epoch`` (int), ``sides``
    (the two labels), ``gaps`` (MeanSd of each: validation minus training loss), ``change`` (MeanSd
    of what the size of the gap loses), ``p``, ``valid_loss`` (MeanSd of each, after that epoch).
    """
    sides = sides_of(collection, experiment, claim["without"], claim["with"])
    if not all(sides.values()):
        return []
    sides = paired(sides)
    without, with_ = sides.values()
    if not without:
        return [Finding("gap", claim["statement"], OPEN)]
    epoch = min(len(run.whole_history) for run in without + with_)

    def at_epoch(column, run):
        return run.whole_history[column].iloc[epoch - 1]

    def noisy(run):
        return at_epoch("valid_loss", run) - at_epoch("train_loss", run)

    def noise_free(run):
        px = run.best_valid_rmse_px, run.measured("train_rmse_px")
        return (px[0] ** 2 - px[1] ** 2) / (SIZE / 2) ** 2
    found = []
    for noise, measure in ((True, noisy), (False, noise_free)):
        gaps = [[measure(run) for run in side] for side in (without, with_)]
        *_, change = compared(*(map(abs, side) for side in reversed(gaps)))
        unclear = not change.n or change.n > 1 and not p_value(change) < LEVEL
        found.append(Finding(
            "gap", claim["statement"],
            OPEN if unclear else HOLDS if change.mean > 0 else NOT, {
                "noise": noise, "epoch": epoch, "sides": list(sides), "change": change,
                "gaps": list(compared(*gaps)[:2]), "p": p_value(change),
                "valid_loss": [mean_sd(at_epoch("valid_loss", run) for run in side)
                               for side in sides.values()]}, Basis.of(sides)))
    return found


def change(collection, experiment, claim):
    """What changes between two variants.

    Claim: ``before`` and ``after``, variants, or [experiment, variant]; ``other_images`` is true
    where the two are validated on different images. Numbers: ``before``, ``after`` and ``change``
    (MeanSd of the validation RMSE, px), ``direction`` and ``p`` (None on other images), ``train``
    (two MeanSd of the RMSE on the training images, px, or None); none where a net diverged in its
    first epoch.
    """
    pair = paired(sides_of(collection, experiment, claim["before"], claim["after"]),
                  ensembles=True)
    if len(pair) < 2 or not all(pair.values()):
        return []
    basis = Basis.of(pair)
    numbers = _changed(*([run.best_valid_rmse_px for run in runs] for runs in pair.values()))
    if numbers:
        train = [mean_sd(run.measured("train_rmse_px") for run in runs) for runs in pair.values()]
        numbers["train"] = train if min(side.n for side in train) == basis.n else None
        if claim.get("other_images"):
            numbers.update(direction=None, p=None)
    return [Finding("change", claim["statement"], "", numbers, basis)]


def _changed(before, after):
    """The numbers of a change between paired numbers; {} where no pair is measured."""
    before, after, difference = compared(before, after)
    return {"before": before, "after": after, "change": difference, "train": None,
            "direction": direction(difference), "p": p_value(difference)} if difference.n else {}


def helpful(collection, experiment, claim):
    """Do steps of a kind lower the validation error?

    Claim: ``steps``, claims of :func:`change`. Numbers: ``steps``, what that finds; no finding
    while one is lacking.
    """
    steps = [found for step in claim["steps"] for found in change(collection, experiment, step)
             if found.numbers]
    if len(steps) < len(claim["steps"]):
        return []
    words = [step.numbers["direction"] for step in steps]
    good = [word in ("better", "lower") for word in words]
    bad = [word in ("worse", "higher") for word in words]
    verdict = HOLDS if all(good) else IN_PART if any(good) else NOT if all(bad) else OPEN
    return [Finding("helpful", claim["statement"], verdict, {"steps": steps}, steps[0].basis)]


def twin_leak(collection, experiment, claim):
    """How much worse nets are on validation images without a twin, the mirror image, in training
    than on those with one: a finding of kind "change" for each variant."""
    found = []
    for name, runs in sides_of(collection, experiment).items():
        numbers = _changed(*([run.measured(part) for run in runs] for part in TWINS))
        if numbers:
            found.append(Finding("change", "Validation images without a twin in training instead "
                                 f"of those with one, {name}", "", numbers,
                                 Basis.of({name: runs})))
    return found


KINDS = {"fastest": fastest, "gap": gap, "change": change, "helpful": helpful,
         "twin leak": twin_leak}
"""Kinds of claims by name: functions of (Collection, name of the experiment, claim) that return a
list of :class:`Finding`, empty where there is nothing to say yet."""
