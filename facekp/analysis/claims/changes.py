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
    first epoch, or, with unfinished runs in the basis, where nothing can be said yet.
    """
    pair = paired(sides_of(collection, experiment, claim["before"], claim["after"]))
    if len(pair) < 2 or not all(pair.values()):
        return []
    basis, numbers = Basis.of(pair), {}
    if not basis.unfinished:
        before, after, difference = compared(*(
            [run.best_valid_rmse_px for run in runs] for runs in pair.values()))
        train = [mean_sd(run.train_rmse_px for run in runs) for runs in pair.values()]
        other = bool(claim.get("other_images"))
        numbers = {
            "before": before, "after": after, "change": difference,
            "direction": None if other else direction(difference),
            "p": None if other else p_value(difference),
            "train": train if min(side.n for side in train) == basis.n else None
        } if difference.n else {}
    return [Finding("change", claim["statement"], "", numbers, basis)]


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
    """How much better nets are on faces whose mirror image they have seen; for each variant.

    Numbers: ``twin`` and ``other`` (MeanSd of the validation RMSE where the mirror image was
    trained on, and elsewhere, px), ``leak`` (MeanSd of the difference), ``direction``, ``p``.
    """
    found = []
    for name, runs in sides_of(collection, experiment).items():
        twin, other, leak = compared(*([run.measured(part) for run in runs] for part in TWINS))
        if leak.n:
            found.append(Finding("twin leak", name, "", {
                "twin": twin, "other": other, "leak": leak, "direction": direction(leak),
                "p": p_value(leak)}, Basis.of({name: runs})))
    return found
