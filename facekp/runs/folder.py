"""The run folder: the one place that knows which files a training leaves, and how.

``config.json`` is written first, ``summary.json`` last: its presence says that the run is
complete. In between, ``checkpoint`` and ``history.csv`` are rewritten after every epoch. No file
is ever half-written (:mod:`facekp.files`).
"""
import contextlib
import csv
import itertools
import json
import os
from pathlib import Path

from facekp import files
from facekp.errors import ConfigError, FolderError, RunError
from facekp.settings import Settings

try:
    import fcntl
except ImportError:  # Windows: no lock there
    fcntl = None

HISTORY = ("epoch", "train_loss", "valid_loss", "train_loss_clean", "valid_rmse_px", "best",
           "seconds")
"""Columns of history.csv. Losses are mean squared errors of the scaled targets; seconds are those
of training and validation, without the checkpoint."""

MUST_AGREE = ("settings", "data", "test_data", "versions", "code", "engine")
"""Parts of config.json that must be the same when a run goes on."""


class Run:
    """A run's folder and its files.

    Parameters
    ----------
    folder : path
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.config = self.folder / "config.json"
        self.history = self.folder / "history.csv"
        self.checkpoint = self.folder / "checkpoint"
        self.previous_checkpoint = self.folder / "checkpoint.previous"
        self.weights = self.folder / "weights.npz"
        self.curves = self.folder / "curves.png"
        self.predictions = self.folder / "predictions.npz"
        self.faces = self.folder / "faces.png"
        self.submission = self.folder / "submission.csv"
        self.summary = self.folder / "summary.json"
        self.near_duplicates = self.folder / "near_duplicates.json"

    @property
    def complete(self):
        """bool, whether the run has written all it has to write."""
        return os.path.lexists(self.summary)  # a broken link is a fault, not a run to begin

    @property
    def holds_results(self):
        """bool, whether there is anything that a training writes after config.json."""
        return any(os.path.lexists(path) for path in (
            self.history, self.checkpoint, self.previous_checkpoint, self.weights, self.summary,
            self.predictions, self.submission))

    @contextlib.contextmanager
    def locked(self):
        """Hold the folder for this process alone; a process that died holds nothing.

        Raises
        ------
        RunError
            If another process is at work in the folder, or it cannot be written.
        """
        try:
            files.make_folder(self.folder)
            file = open(self.folder / "lock", "a+", encoding="ascii")
        except OSError as error:
            raise FolderError(f"{self.folder}: cannot be written ({error.strerror}); choose "
                              "another folder") from None
        with file:
            try:
                if fcntl:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                raise FolderError(f"{self.folder}: process {file.read().strip() or '?'} is at "
                                  "work on this run; wait for it, or choose another folder"
                                  ) from None
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            for stale in self.folder.glob(".*.tmp"):  # a killed process's, since we have the lock
                with contextlib.suppress(OSError):
                    stale.unlink()
            yield

    def begin(self, config):
        """Write config.json, or check that the run in the folder was begun with the same.

        Parameters
        ----------
        config : dict, JSON-able

        Returns
        -------
        dict, the config.json that the run was begun with

        Raises
        ------
        RunError
            If the folder holds a run with other settings, data, versions or code.
        """
        config = _as_stored(config)
        if not self.config.exists():
            if self.holds_results:
                raise FolderError(f"{self.config}: is missing, though the folder holds results: "
                                  "nobody can say of what; remove the folder, or choose another")
            files.write_json(self.config, config)
            return config
        begun = files.read_json(self.config)
        with contextlib.suppress(KeyError, TypeError, ConfigError):  # a run of an earlier version
            begun["settings"] = Settings.from_dict(begun["settings"]).as_dict()
        # The code of a complete run may have moved on: nothing is computed with it any more.
        parts = ("settings", "data") if self.complete else MUST_AGREE
        differences = _disagreements(begun, config, parts)
        if differences:
            raise FolderError(f"{self.folder}: was begun with other values: "
                              f"{'; '.join(differences)}; choose another folder, or a new one "
                              "beside it")
        return begun

    def save_checkpoint(self, arrays, meta):
        """Write all that is needed to go on; the one before it is kept as a second generation.

        Parameters
        ----------
        arrays : dict of str -> array
        meta : dict, JSON-able
        """
        fresh = self.folder / "checkpoint.new"
        files.write_arrays(fresh, arrays, meta)
        with contextlib.suppress(FileNotFoundError):
            os.replace(self.checkpoint, self.previous_checkpoint)
        os.replace(fresh, self.checkpoint)
        files.sync_folder(self.folder)

    def load_checkpoint(self, warn):
        """Read the newest checkpoint that is whole.

        Parameters
        ----------
        warn : callable taking a str
            Told about each checkpoint that cannot be used.

        Returns
        -------
        (arrays, meta), or None when there is none that can be used

        Raises
        ------
        RunError
            If a checkpoint is there and may not be read: it could be whole.
        """
        # A kill between the two renames of save_checkpoint leaves checkpoint.new whole.
        generations = (self.folder / "checkpoint.new", self.checkpoint, self.previous_checkpoint)
        found = [path for path in generations if path.exists()]
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
        for path in (self.folder / "checkpoint.new", self.checkpoint, self.previous_checkpoint):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    def write_history(self, rows):
        """Write history.csv, one row an epoch.

        Parameters
        ----------
        rows : list of dict with the keys :data:`HISTORY`
        """
        with files.replacing(self.history, "w", encoding="ascii", newline="") as file:
            writer = csv.DictWriter(file, HISTORY, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    def read_history(self):
        """Read history.csv.

        Returns
        -------
        dict of str -> list of float; NaN where a cell is empty

        Raises
        ------
        RunError
            If it is missing or not as :meth:`write_history` writes it.
        """
        try:
            with open(self.history, encoding="ascii", newline="") as file:
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
            raise RunError(f"{self.history}: cannot be read ({error or 'nothing'}); remove "
                           f"{self.folder} and run the experiment again") from None


def differing(begun, now, name=""):
    """Where two JSON values differ, as lines ``name: was ..., now is ...``.

    Parameters
    ----------
    begun, now : JSON values
    name : str

    Returns
    -------
    list of str
    """
    if isinstance(begun, dict) and isinstance(now, dict):
        return [line for key in sorted({**begun, **now})
                for line in differing(begun.get(key), now.get(key), f"{name}.{key}")]
    return [] if begun == now else [f"{name.lstrip('.')} was {begun!r}, now is {now!r}"]


def beside(folder, config):
    """The run that a user means who asks for a new one.

    An unfinished run that can go on counts as new: a new one would end with the same weights, and
    a new run that was stopped goes on with the same command.

    Parameters
    ----------
    folder : path
    config : dict, JSON-able

    Returns
    -------
    Run
        The first of `folder`, ``<folder>-2``, ``<folder>-3``, ... that holds no run, or an
        unfinished one that was begun with this config.
    """
    folder, config = Path(folder), _as_stored(config)
    for number in itertools.count(1):
        run = Run(folder if number == 1 else folder.with_name(f"{folder.name}-{number}"))
        if not run.config.exists():
            if run.holds_results:
                continue
            return run
        if not run.complete and not _disagreements(files.read_json(run.config), config,
                                                   MUST_AGREE):
            return run


def _as_stored(config):
    return json.loads(json.dumps(config))  # tuples become lists, as in the file


def _disagreements(begun, config, parts):
    return [line for part in parts
            for line in differing(begun.get(part), config.get(part), part)]
