"""Does dropout narrow the gap between training and validation loss? (section 5.3, figure 6)"""
from facekp.analysis.aggregate import mean_sd
from facekp.keypoints import SIZE
from facekp.analysis.statements.pairs import (basis, by_variant, finite_pairs, is_clear, paired, plural,
                                     unfinished)


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
    runs : list of facekp.runs.read.RunResult, of dropout-ablation

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
    without, with_ = finite_pairs(found["no-dropout"], found["dropout"])
    if not without:
        return (f"Whether dropout narrows the gap by the {words} cannot be said: it was not "
                "measured, or is no number.")
    change = mean_sd(abs(a) - abs(b) for a, b in zip(without, with_))
    without, with_ = mean_sd(without), mean_sd(with_)
    verdict = "holds" if change.mean > 0 else "does not hold"
    if change.n > 1 and not is_clear(change):
        verdict = "is not clear"
    verdict += " so far" if unfinished(sides) else ""
    share = 1 - with_.mean / without.mean if min(with_.mean, without.mean) > 0 else 0
    size = f" ({'narrower' if share > 0 else 'wider'} by {abs(share):.0%})" if share else ""
    return (f"\"Dropout narrows the gap\" {verdict} by the {words}: validation minus training "
            f"loss {without.format(3)} without dropout, {with_.format(3)} with it"
            f"{size} {when}{basis(change)}.")
