"""history.csv: one row for each epoch."""
import csv

from facekp import files
from facekp.errors import RunError

HISTORY = ("epoch", "train_loss", "valid_loss", "train_loss_clean", "valid_rmse_px", "best",
           "seconds")
"""Columns of history.csv. Losses are mean squared errors of the scaled targets; seconds are those
of training and validation, without the checkpoint."""

PERHAPS = ("learning_rate", "averaged_loss")
"""Further columns: the learning rate, where a schedule changes it, and the validation loss of the
averaged weights, where the weights are averaged."""


def write(path, rows):
    """Write a list of dict, one for each epoch, atomically; their keys are :data:`HISTORY`, and of
    :data:`PERHAPS` those that there are."""
    there = [name for name in PERHAPS if any(name in row for row in rows)]
    names = [*HISTORY[:-1], *there, HISTORY[-1]]
    with files.replacing(path, "w", encoding="ascii", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read(path):
    """Read history.csv: dict of str -> list of float, NaN where a cell is empty.

    Raises
    ------
    RunError
        If it is missing or not as :func:`write` writes it.
    """
    try:
        with open(path, encoding="ascii", newline="") as file:
            lines = file.read().splitlines(keepends=True)
        names, *rows = csv.reader(lines)
        if not lines[-1].endswith("\n") or any(len(row) != len(names) for row in rows):
            raise ValueError("it is cut off")
        if not set(HISTORY) <= set(names):
            raise ValueError(f"it lacks the columns {', '.join(HISTORY)}")
        columns = {name: [float(row[names.index(name)] or "nan") for row in rows]
                   for name in (*HISTORY, *PERHAPS) if name in names}
        if columns["epoch"] != list(range(1, len(rows) + 1)):
            raise ValueError("an epoch is missing")
        if not set(columns["best"]) <= {0, 1}:
            raise ValueError("best is neither 0 nor 1")
        return columns
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"{path}: cannot be read ({error or 'nothing'}); remove the run's folder "
                       "and run the experiment again") from None
