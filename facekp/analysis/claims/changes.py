"""What a change does to the validation error, and what twins leak. (section 5.4)"""
from facekp.analysis.aggregate import mean_sd
from facekp.analysis.claims.finding import HOLDS, IN_PART, NOT, OPEN, Finding, sides_of
from facekp.analysis.pairs import Basis, compared, direction, p_value, paired
from facekp.runs.checks import TWINS


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
