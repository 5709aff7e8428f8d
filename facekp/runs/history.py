"""history.csv: one row for each epoch."""
import csv

from facekp import files
from facekp.errors import RunError

HISTORY = ("epoch", "train_loss", "valid_loss", "train_loss_clean", "valid_rmse_px", "best",
           "seconds")
"""Columns of history.csv. Losses are mean squared errors of the scaled targets; seconds are those
of training and validation, without the checkpoint."""


def write(path, rows):
    """Write a list of dict with the keys :data:`HISTORY`, one for each epoch, atomically."""
    with files.replacing(path, "w", encoding="ascii", newline="") as file:
        writer = csv.DictWriter(file, HISTORY, extrasaction="ignore", lineterminator="\n")
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
                   for name in HISTORY}
        if columns["epoch"] != list(range(1, len(rows) + 1)):
            raise ValueError("an epoch is missing")
        if not set(columns["best"]) <= {0, 1}:
            raise ValueError("best is neither 0 nor 1")
        return columns
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"{path}: cannot be read ({error or 'nothing'}); remove the run's folder "
                       "and run the experiment again") from None
