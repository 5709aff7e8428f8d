"""What one run has left, read back: its parameters, its history, its result."""
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np

from facekp import files, metrics
from facekp.errors import RunError
from facekp.runs.about import About
from facekp.runs.checks import SIDES, TWINS, check_errors, read_predictions
from facekp.runs.version import version_of

NAN = float("nan")


@dataclass(frozen=True)
class RunResult:
    """What a run has left so far.

    Parameters
    ----------
    folder : Path
    experiment, model, variant : str
        Names of folders; variant "" where the experiment has one only.
    seed, fold : int
    attempt : int
        1; 2, 3, ... for runs that were started beside another one.
    config : dict, the contents of config.json
    history : pandas.DataFrame, one row per epoch
        The columns :data:`facekp.runs.folder.HISTORY` and ``PERHAPS``; losses are mean squared
        errors of the scaled targets. NaN where nothing was measured.
    summary : dict or None
        The contents of summary.json; None while the run is not complete.
    about : About or None, what the experiment says of itself
    """

    folder: Path
    experiment: str
    model: str
    variant: str
    seed: int
    fold: int
    attempt: int
    config: dict
    history: Any
    summary: Optional[dict]
    about: Optional[About] = None

    @property
    def title(self):
        """str, of the experiment, for readers."""
        return self.about and self.about.title or self.experiment

    @property
    def base(self):
        """str, the variant without the split where that is a part of it: ``adagrad/grouped``."""
        *above, last = self.variant.split("/")
        return "/".join(above) if last == self.settings["split"] else self.variant

    @property
    def name(self):
        """str, of the variant, for readers."""
        split = f", {self.settings['split']} split" * (self.base != self.variant)
        return ((self.about or About("")).label(self.base) or self.model) + split

    @property
    def place(self):
        """Path below the folder of runs, like ``optimizer-study/cnn14/adagrad/fold0``."""
        parts = 3 + len(Path(self.variant).parts) + bool(self.seed)
        return Path(*self.folder.absolute().parts[-parts:])

    @property
    def folds(self):
        """list of int: the fold; of an ensemble, those of its runs."""
        return sorted({one["fold"] for one in (self.config.get("members") or {}).values()}
                      or {self.fold})

    @property
    def has_results(self):
        """bool, whether there is an epoch, or a result without one, as an ensemble has it."""
        return bool(self.epochs) or self.complete

    @property
    def settings(self):
        """dict, the parameters of the run (:class:`facekp.settings.Settings`)."""
        return self.config["settings"]

    @property
    def label(self):
        """str, what the images are, like "synthetic faces"."""
        return self.config["data"]["label"]

    @property
    def synthetic(self):
        """bool, whether the images were drawn."""
        return self.config["data"].get("kind") == "synthetic"

    @property
    def epochs(self):
        """int, how many epochs are on disk."""
        return len(self.history)

    @property
    def complete(self):
        """bool, whether the run has come to its end, be it by divergence."""
        return self.summary is not None

    @property
    def diverged(self):
        """bool, whether a loss is no number any more."""
        if self.complete:
            return self.summary["state"] == "diverged"
        return not np.isfinite(self.history[["train_loss", "valid_loss"]].tail(1)).to_numpy().all()

    @property
    def state(self):
        """str: "complete", "diverged in epoch 3", or "unfinished at epoch 3 of 500"."""
        if self.diverged:
            return f"diverged in epoch {self.epochs}"
        return "complete" if self.complete else (
            f"unfinished at epoch {self.epochs} of {self.settings['epochs']}")

    @property
    def frozen_since(self):
        """int or None: the epoch since which the net has learned nothing, to the last bit."""
        return (self.summary or {}).get("frozen_since")

    @property
    def stopped_by(self):
        """What ended a complete run before its last epoch: "patience", "frozen"; else ""."""
        found = (self.summary or {}).get("stopped_by")
        return found if found in ("patience", "frozen") else ""

    @property
    def whole_history(self):
        """DataFrame like `history`; of a run that stood still and was stopped, up to the last
        epoch that its settings name, the rows that are lacking like its last one."""
        if self.stopped_by != "frozen":
            return self.history
        return self.history.reindex(range(max(self.epochs, self.settings["epochs"])),
                                    method="ffill")

    @property
    def best_epoch(self):
        """int, the epoch with the lowest validation loss; 0 where there is none."""
        loss = self.history["valid_loss"].to_numpy()
        return int(np.nanargmin(loss)) + 1 if np.isfinite(loss).any() else 0

    @property
    def best_valid_rmse_px(self):
        """float, px: validation RMSE of the best epoch; NaN where there is none."""
        if self.complete and not self.epochs:  # an ensemble, of which no epoch was trained
            return self.measured("valid_rmse_px")
        return float(self.history["valid_rmse_px"].iloc[self.best_epoch - 1]
                     if self.best_epoch else NAN)

    @property
    def seconds_per_epoch(self):
        """float, the median; NaN before the first epoch."""
        return float(np.median(self.history["seconds"])) if self.epochs else NAN

    def final(self, name):
        """float, the last epoch's value of a column of the history; NaN before the first."""
        return float(self.history[name].iloc[-1]) if self.epochs else NAN

    def measured(self, name):
        """float, a number of summary.json; NaN where there is none."""
        value = (self.summary or {}).get(name)
        return NAN if value is None else float(value)

    def apart(self, side, name="rmse_px"):
        """float, px: an error on one of :data:`facekp.runs.checks.SIDES`; NaN where there is none.

        Of photographs only: drawn faces are no frames of a recording.
        """
        found = None if self.synthetic else (self.summary or {}).get("near_duplicates")
        value = found and found[side].get(name)
        return NAN if value is None else float(value)

    def errors(self):
        """Errors by keypoint on the validation images, of the best epoch's weights: a dict of
        :func:`facekp.metrics.keypoint_errors`, or None where the run left no predictions. Raises
        RunError if the file is damaged."""
        stored, predictions = self.folder / "errors.json", self.folder / "predictions.npz"
        if stored.exists():
            errors = files.read_json(stored)
            check_errors(errors, stored)
            return errors
        if not predictions.exists():
            return None
        y_valid, y_pred = read_predictions(predictions, "y_valid", "y_pred_valid")
        if y_valid is None or y_pred is None or y_valid.shape != y_pred.shape or not len(y_valid):
            raise RunError(f"{predictions}: lacks validation images; remove {self.folder} and run "
                           "the experiment again")
        return metrics.keypoint_errors(y_valid, y_pred)

    def row(self):
        """The run's row of :func:`facekp.runs.read_all`, a dict: names and labels of experiment and
        variant, settings, state, ``valid_rmse_px`` of the best epoch, its parts on images with a
        near-duplicate (or a twin, the mirror image) in training and on the others, the last losses,
        images, seconds, versions, the folder."""
        def own(*names):
            return {name: getattr(self, name) for name in names}
        return {
            **own("experiment", "title", "model", "variant"), "label": self.name,
            "split": self.settings["split"], "augment": "+".join(self.settings["augment"]),
            **own("seed", "fold", "attempt", "state", "stopped_by", "epochs", "best_epoch"),
            "valid_rmse_px": self.best_valid_rmse_px,
            **{f"valid_rmse_px_{side}": self.apart(side) for side in SIDES},
            **{name: self.measured(name) for name in (
                "train_rmse_px", "mean_face_rmse_px", *TWINS)},
            **{name: self.final(name) for name in ("train_loss", "valid_loss")},
            **{name: self.measured(name) for name in ("n_train", "n_valid")},
            "seconds_per_epoch": self.seconds_per_epoch, "data": self.label,
            "training_version": version_of(self.config), "folder": str(self.folder)}
