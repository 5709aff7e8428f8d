"""What mirror images and batch normalization do, and what twins leak. (section 5.4)"""
from facekp.analysis.aggregate import mean_sd
from facekp.analysis.statements.pairs import (basis, better_or_worse, by_variant, finite_pairs, is_clear,
                                     paired, plural, unfinished)

CELLS = {"no mirror images": ("lenet", "no-mirror"),
         "split, then mirrored": ("split-then-mirror-no-bn", "split-then-mirror"),
         "mirrored, then split": ("mirror-then-split-no-bn", "mirror-then-split")}
"""Variants of lenet-augmented without and with batch normalization; "lenet" is that experiment."""


def augmentation(runs, baseline=()):
    """What mirror images and batch normalization do, and what twins leak (section 5.4).

    Parameters
    ----------
    runs : list of facekp.runs.read.RunResult, of lenet-augmented
    baseline : list of RunResult, of lenet: neither mirror images nor batch normalization

    Returns
    -------
    list of str
    """
    sides = by_variant(runs)
    if baseline:
        sides["lenet"] = list(baseline)
    lines = []

    def compare(words, before, after, same_images=True):
        pair = paired({name: sides.get(name, []) for name in (before, after)})
        if pair[before] and unfinished(pair):
            lines.append(f"{words}: cannot be said yet{unfinished(pair)}.")
        elif pair[before]:
            px, change = _change(pair)
            if not change.n:
                lines.append(f"{words}: cannot be said: a net diverged in its first epoch.")
                return
            verdict = (f"{better_or_worse(change)}{basis(change)}" if same_images else
                       f"on other validation images ({plural(change.n, 'run')} each)")
            lines.append(
                f"{words}: {mean_sd(px[0]).format(4)} px to {mean_sd(px[1]).format(4)} px, "
                f"{change.mean:+.3f}" + (f" ± {change.sd:.3f}" if change.n > 1 else "")
                + f" px, {verdict}{_in_training(pair)}.")

    for cell, (plain, normalized) in CELLS.items():
        compare(f"Batch normalization, {cell}", plain, normalized)
    for column, norm in ((0, "without"), (1, "with")):
        before, fair, paper = (names[column] for names in CELLS.values())
        compare(f"Mirror images, {norm} batch normalization, fair protocol", before, fair)
        compare(f"The paper's protocol instead of the fair one, {norm} batch normalization", fair,
                paper, same_images=False)
    compare("The paper's step from section 5.1 to 5.4, both together, fair protocol",
            "lenet", "split-then-mirror")
    return lines + helpful(sides) + twin_leak(sides)


def _change(pair):
    """The validation RMSE of two sides, px, run by run, and MeanSd of what it changes."""
    px = finite_pairs(*([run.best_valid_rmse_px for run in runs] for runs in pair.values()))
    return px, mean_sd(b - a for a, b in zip(*px))


def _in_training(pair):
    """What a change does on the training images, in words; empty if it was not measured."""
    before, after = (mean_sd(run.train_rmse_px for run in runs) for runs in pair.values())
    if min(before.n, after.n) < len(list(pair.values())[0]):
        return ""
    return f"; on its own training images {before.format(4)} px to {after.format(4)} px"


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
            _, change = _change(pair)
            if change.n:
                words.append((what, better_or_worse(change), basis(change)))
    if len(words) < 2:
        return []
    good = [word in ("better", "lower") for _, word, _ in words]
    bad = [word in ("worse", "higher") for _, word, _ in words]
    verdict = ("holds" if all(good) else "holds in part" if any(good) else
               "does not hold" if all(bad) else "is not confirmed")
    return [f"\"Data augmentation is helpful\" {verdict} here by the validation RMSE, fair "
            "protocol: " + "; ".join(f"{what}: {word}{rests_on}"
                                     for what, word, rests_on in words) + "."]


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
                + (", no clear difference" if leak.n > 1 and not is_clear(leak) else "")
                + f"{basis(leak, '')}.")
    return lines
