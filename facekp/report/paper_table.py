"""The nets side by side, and the paper's numbers beside ours: tables from runs alone."""
import numpy as np

from facekp.analysis.aggregate import group_runs, mean_sd, settled
from facekp.analysis.claims.nets import errors, measured, nets_of
from facekp.report import wording
from facekp.report.tables import Table, mean, number, text, versions
from facekp.runs.checks import SIDES
from facekp.text import clock

CAVEAT = ("The paper's scores were measured on Kaggle's test images, two thirds of which were "
          "labelled by another scheme: they are not comparable with a validation error, ours or "
          "the paper's.")


def nets_table(collection):
    """The nets: the paper's score, our validation error, the leak-free one, and how many runs.

    The leak-free error is that of runs whose split keeps near-duplicates together; where there is
    none, the error on those images that have no near-duplicate in training.
    """
    rows, grouped = [], nets_of(collection, grouped=True)
    for label, (score, runs) in nets_of(collection).items():
        runs, apart = measured(runs), measured(grouped[label][1])
        leak_free = errors(apart) if apart else mean_sd(run.apart(SIDES[1]) for run in runs)
        rows.append([text(label), number(score), mean(errors(runs)), mean(leak_free),
                     text(f"{len(runs)} + {len(apart)}") if apart else number(len(runs))])
    return Table(("net", "the paper's score", "our validation RMSE, px", "leak-free, px", "runs"),
                 rows)


def paper_and_ours(collection):
    """The paper's numbers beside ours, one row per number and group of runs."""
    rows = []
    for about in collection.side_by_side:
        for row in about.paper:
            groups = [group for group in group_runs(collection.of(about.name))
                      if group.variant == row["variant"]]
            for group in groups:
                name = f" ({group.name})" if len(groups) > 1 else ""
                rows.append([about.section, row["statement"] + name, ours(group, row["measure"]),
                             which(group),
                             f"{wording.span(run.epochs for run in settled(group.runs))} "
                             f"({wording.state(group.runs)})", group.label])
            if not groups:
                rows.append([about.section, row["statement"], "not run yet", "", "", ""])
    return Table(("section", "the paper", "ours", "runs", "epochs", "data"),
                 [list(map(text, row)) for row in rows])


def ours(group, name):
    """What a group has for a measure, in words."""
    if name not in MEASURES:
        return "measured in a way that is not known here"  # as of a later version
    words, measure, summed_up = MEASURES[name]
    values = [value for value in map(measure, settled(group.runs))
              if value is not None and 0 <= value < np.inf]
    return words.format(summed_up(values), machine=machine(group)) if values else "not measured"


def machine(group):
    """The threads and the processors that runs had."""
    found = {(run.config.get("threads") or "?",
              (run.config.get("host") or {}).get("cpu") or "a CPU") for run in settled(group.runs)}
    return " or ".join(f"{threads} thread{'s' * (threads != '1')} of {cpu}"
                       for threads, cpu in sorted(found))


def ratio(run):
    """float or None, the last validation loss by the last training loss."""
    train = run.final("train_loss")
    return run.final("valid_loss") / train if train else None


def times(seconds):
    """The shortest and the longest time."""
    return wording.span(map(clock, sorted(seconds)))


MEASURES = {
    "valid_rmse_px": ("validation RMSE {} px", lambda run: run.best_valid_rmse_px,
                      lambda px: mean_sd(px).format()),
    "train_loss": ("training loss {}", lambda run: run.final("train_loss"),
                   lambda losses: mean_sd(losses).format()),
    "valid_loss": ("validation loss {}", lambda run: run.final("valid_loss"),
                   lambda losses: mean_sd(losses).format()),
    "loss_ratio": ("validation loss {} times the training loss", ratio,
                   lambda ratios: mean_sd(ratios).format(3)),
    "seconds": ("{} per run, {machine}", lambda run: run.epochs * run.seconds_per_epoch, times),
    "stopped": ("stopped after {} epochs",
                lambda run: run.epochs if run.stopped_by == "patience" else None, wording.span),
}
"""What an experiment may name as the ``measure`` of a number of the paper's: words, a number of a
run, and how several are summed up. Seconds are epochs times the median epoch: pauses do not
count."""


def which(group):
    """How many seeds and folds a group's numbers are of, and whether one version made them."""
    runs = settled(group.runs)
    seeds, folds = {run.seed for run in runs}, {run.fold for run in runs}
    words = [f"{len(found)} {name}s" for name, found in (("seed", seeds), ("fold", folds))
             if len(found) > 1]
    return (", ".join(words) or f"seed {min(seeds)}, fold {min(folds)}") + versions(runs)
