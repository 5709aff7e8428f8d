"""The paper's numbers beside ours."""
import numpy as np
from pandas import DataFrame

from facekp.analysis.aggregate import group_runs, mean_sd, settled
from facekp.report.tables import versions
from facekp.report.wording import span, state
from facekp.text import clock

CAVEAT = ("The paper's scores were measured on Kaggle's test images, two thirds of which were "
          "labelled by another scheme: they are not comparable with a validation error, ours or "
          "the paper's.")


def paper_and_ours(collection, name):
    """The paper's numbers of an experiment beside ours, one row per number and group of runs: a
    pandas.DataFrame of str."""
    rows, found = [], group_runs(collection.of(name))
    for row in collection.about(name).paper:
        groups = [group for group in found if group.variant == row["variant"]]
        for group in groups:
            runs = settled(group.runs)
            rows.append({
                "the paper": row["statement"] + f" ({group.name})" * (len(groups) > 1),
                "ours": ours(runs, row["measure"]), "runs": which(runs),
                "epochs": f"{span(run.epochs for run in runs)} ({state(group.runs)})",
                "data": group.label})
        if not groups:
            rows.append({"the paper": row["statement"], "ours": "not run yet", "runs": "",
                         "epochs": "", "data": ""})
    return DataFrame(rows)


def ours(runs, name):
    """What runs have for a measure, in words."""
    if name not in MEASURES:
        return "measured in a way that is not known here"  # as of a later version
    words, measure, summed_up = MEASURES[name]
    values = [value for value in map(measure, runs) if value is not None and 0 <= value < np.inf]
    return words.format(summed_up(values), machine=machine(runs)) if values else "not measured"


def machine(runs):
    """The threads and the processors that runs had."""
    found = {(run.config.get("threads") or "?",
              (run.config.get("host") or {}).get("cpu") or "a CPU") for run in runs}
    return " or ".join(f"{threads} thread{'s' * (threads != '1')} of {cpu}"
                       for threads, cpu in sorted(found))


def which(runs):
    """How many seeds and folds runs have, and whether one version made them."""
    seeds, folds = {run.seed for run in runs}, {run.fold for run in runs}
    words = [f"{len(found)} {name}s" for name, found in (("seed", seeds), ("fold", folds))
             if len(found) > 1]
    return (", ".join(words) or f"seed {min(seeds)}, fold {min(folds)}") + versions(runs)


def ratio(run):
    """float or None, the last validation loss by the last training loss."""
    train = run.final("train_loss")
    return run.final("valid_loss") / train if train else None


MEASURES = {
    "valid_rmse_px": ("validation RMSE {} px", lambda run: run.best_valid_rmse_px,
                      lambda px: mean_sd(px).format()),
    "train_loss": ("training loss {}", lambda run: run.final("train_loss"),
                   lambda losses: mean_sd(losses).format()),
    "valid_loss": ("validation loss {}", lambda run: run.final("valid_loss"),
                   lambda losses: mean_sd(losses).format()),
    "loss_ratio": ("validation loss {} times the training loss", ratio,
                   lambda ratios: mean_sd(ratios).format(3)),
    "seconds": ("{} per run, {machine}", lambda run: run.epochs * run.seconds_per_epoch,
                lambda seconds: span(map(clock, sorted(seconds)))),
    "stopped": ("stopped after {} epochs",
                lambda run: run.epochs if run.stopped_by == "patience" else None, span),
}
"""What an experiment may name as the ``measure`` of a number of the paper's: words, a number of a
run, and how several are summed up. Seconds are epochs times the median epoch: pauses do not
count."""
