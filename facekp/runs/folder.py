"""The run folder: the one place that knows which files a training leaves, and how.

``config.json`` is written first, ``summary.json`` last: its presence says that the run is
complete. In between, ``checkpoint`` and ``history.csv`` are rewritten after every epoch. No file
is ever half-written (:mod:`facekp.files`).
"""
import contextlib
import csv
import errno
import os
import platform
from pathlib import Path

from facekp import files
from facekp.errors import FolderError, RunError
from facekp.runs.config import MUST_AGREE, READABLE, as_stored, disagreements

try:
    import fcntl
except ImportError:  # Windows: no lock there
    fcntl = None

CONV_WEIGHTS = "conv_weights.npz"
"""Of a run in results/: the part of weights.npz that belongs to convolutions."""

HISTORY = ("epoch", "train_loss", "valid_loss", "train_loss_clean", "valid_rmse_px", "best",
           "seconds")
"""Columns of history.csv. Losses are mean squared errors of the scaled targets; seconds are those
of training and validation, without the checkpoint."""

PERHAPS = ("learning_rate", "averaged_loss")
"""Further columns: the learning rate, where a schedule changes it, and the validation loss of the
averaged weights, where the weights are averaged."""


class Run:
    """A run's folder (a path) and its files."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.config = self.folder / "config.json"
        self.history = self.folder / "history.csv"
        self.checkpoint = self.folder / "checkpoint"
        self.previous_checkpoint = self.folder / "checkpoint.previous"
        self.weights = self.folder / "weights.npz"
        self.averaged_weights = self.folder / "averaged_weights.npz"
        self.conv_weights = self.folder / CONV_WEIGHTS
        self.curves = self.folder / "curves.png"
        self.rates = self.folder / "rates.png"
        self.predictions = self.folder / "predictions.npz"
        self.faces = self.folder / "faces.png"
        self.submission = self.folder / "submission.csv"
        self.summary = self.folder / "summary.json"
        # A kill between the two renames of save_checkpoint leaves checkpoint.new whole.
        self._checkpoints = (self.folder / "checkpoint.new", self.checkpoint,
                             self.previous_checkpoint)
        self.near_duplicates = self.folder / "near_duplicates.json"  # of earlier versions

    @property
    def complete(self):
        """bool, whether the run has written all it has to write."""
        return os.path.lexists(self.summary)  # a broken link is a fault, not a run to begin

    @property
    def is_ensemble(self):
        """bool, whether it is the folder of an ensemble, which has no weights of its own."""
        return self.config.exists() and "members" in files.read_json(self.config)

    @property
    def holds_results(self):
        """bool, whether there is anything that a training writes after config.json."""
        return any(os.path.lexists(path) for path in (
            self.history, self.checkpoint, self.previous_checkpoint, self.weights, self.summary,
            self.predictions, self.submission))

    @contextlib.contextmanager
    def locked(self):
        """Hold the folder for this process alone; a process that died holds nothing. Raises
        FolderError if another process is at work in the folder, or it cannot be written."""
        try:
            files.make_folder(self.folder)
            file = open(self.folder / "lock", "a+", encoding="utf-8")
        except OSError as error:
            raise FolderError(f"{self.folder}: cannot be written ({error.strerror}); choose "
                              "another folder") from None
        with file:
            try:
                if fcntl:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise FolderError(f"{self.folder}: is on a file system without locks "
                                      f"({error.strerror}), where two processes could train the "
                                      "same run; choose a folder on another one") from None
                file.seek(0)
                raise FolderError(f"{self.folder}: process {file.read().strip() or '?'} is at "
                                  "work on this run; wait for it, or choose another folder"
                                  ) from None
            file.truncate(0)
            file.write(f"{os.getpid()} of {platform.node()}\n")
            file.flush()
            for stale in self.folder.glob(".*.tmp"):  # a killed process's, since we have the lock
                with contextlib.suppress(OSError):
                    stale.unlink()
            yield

    def begin(self, config):
        """Write config.json, or check that the run in the folder was begun with the same; return
        what it was begun with. Raises FolderError if the folder holds a run with other
        settings or data, or one that is not complete and was begun with other versions of the
        libraries or of what facekp computes."""
        if not self.config.exists():
            if self.holds_results:
                raise FolderError(f"{self.config}: is missing, though the folder holds results: "
                                  "nobody can say of what; remove the folder, or choose another")
            files.write_json(self.config, config)
            return as_stored(config)
        begun = files.read_json(self.config)
        differences = disagreements(begun, config, READABLE if self.complete else MUST_AGREE)
        if differences:
            raise FolderError(f"{self.folder}: was begun with other values: "
                              f"{'; '.join(differences)}; choose another folder, or a new one "
                              "beside it")
        return begun

    def save_checkpoint(self, arrays, meta):
        """Write arrays by name and a JSON-able dict, which are all that is needed to go on; the
        checkpoint before it is kept as a second generation."""
        fresh = self._checkpoints[0]
        files.write_arrays(fresh, arrays, meta)
        with contextlib.suppress(FileNotFoundError):
            os.replace(self.checkpoint, self.previous_checkpoint)
        os.replace(fresh, self.checkpoint)
        files.sync_folder(self.folder)

    def load_checkpoint(self, warn):
        """The newest checkpoint that is whole, (arrays, meta), or None; `warn` is told about each
        that cannot be used. Raises RunError if one is there and may not be read: it could be
        whole."""
        found = [path for path in self._checkpoints if path.exists()]
        for path in found:
            try:
                return files.read_arrays(path)
            except files.Damaged as error:
                warn(f"{error}; trying the one before it")
                path.unlink()  # or it would be kept as the second generation
        if found or self.history.exists():
            warn(f"{self.folder}: no checkpoint {'can be used' if found else 'is there any more'}; "
                 "starting again from epoch 1, to the same result")
        return None

    def drop_checkpoints(self):
        """Remove the checkpoints of a complete run."""
        for path in self._checkpoints:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def write_history(self, rows):
        """Write history.csv from a list of dict, one for each epoch, atomically; their keys are
        :data:`HISTORY`, and of :data:`PERHAPS` those that there are."""
        there = [name for name in PERHAPS if any(name in row for row in rows)]
        names = [*HISTORY[:-1], *there, HISTORY[-1]]
        with files.replacing(self.history, "w", encoding="ascii", newline="") as file:
            writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    def read_history(self):
        """Read history.csv: dict of str -> list of float, NaN where a cell is empty. Raises
        RunError if it is missing or not as :meth:`write_history` writes it."""
        try:
            with open(self.history, encoding="ascii", newline="") as file:
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
            raise RunError(f"{self.history}: cannot be read ({error or 'nothing'}); remove the "
                           "run's folder and run the experiment again") from None
