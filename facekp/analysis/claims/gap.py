"""Does a variant narrow the gap between training and validation loss? (section 5.3, figure 6)"""
from facekp.analysis.aggregate import mean_sd
from facekp.analysis.claims.finding import HOLDS, NOT, OPEN, Finding, sides_of
from facekp.analysis.pairs import LEVEL, Basis, compared, p_value, paired
from facekp.keypoints import SIZE


def gap(collection, experiment, claim):
    """Is the gap narrower with something than without it, by two training losses?

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
