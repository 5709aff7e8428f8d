"""Run results for tests: histories made by formula, in memory or as folders."""
import json
from pathlib import Path

import numpy as np
import pandas as pd

from facekp.runs.about import About
from facekp.runs.folder import HISTORY, PERHAPS, Run
from facekp.runs.result import RunResult
from facekp.settings import Settings

LABEL = "a test's faces"


def history(n, start=0.1, diverge=None):
    """Losses that fall as 1 / epoch; NaN from epoch `diverge` on."""
    epoch = np.arange(1.0, n + 1)
    loss = start / epoch
    if diverge:
        loss[diverge - 1:] = np.nan
    clean = np.where(epoch % 2 == 1, loss / 2, np.nan)
    best = (epoch < (diverge or n + 1)).astype(float)
    return pd.DataFrame(dict(zip(HISTORY, (epoch, loss, 2 * loss, clean, 48 * np.sqrt(2 * loss),
                                           best, np.ones(n)))), columns=[*HISTORY, *PERHAPS])


def result(variant="adagrad", n=6, state="complete", fold=0, start=0.1, diverge=None, seed=0,
           experiment="optimizer-study", model="cnn14", **settings):
    """A RunResult; `state` is complete, diverged or unfinished (of 500 epochs)."""
    summary = None if state == "unfinished" else {
        "state": state, "stopped_by": "epochs", "data": LABEL, "epochs": n, "best_epoch": n,
        "n_valid": 8, "n_train": 32, "mean_face_rmse_px": 3.0, "seconds_per_epoch": 1.0,
        "seconds": float(n), "n_params": 1, "valid_rmse_px": 1.5}
    config = {"settings": Settings(**{
                  "model": model, "seed": seed, "fold": fold, "epochs": 500, "optimizer": "adagrad",
                  "learning_rate": 0.01, "batch_size": 128, "options": {"dropout": False},
                  **settings}).as_dict(),
              "data": {"kind": "synthetic", "label": LABEL, "files": {}}}
    folder = Path(experiment, model, variant, f"seed{seed}" if seed else "", f"fold{fold}")
    return RunResult(folder, experiment, model, variant, seed, fold, 1, config,
                     history(n, start, diverge), summary, About(experiment))


def write(root, run, errors=None):
    """Write a RunResult as a folder below `root`, as results/ has it.

    Returns
    -------
    Path
    """
    files = Run(Path(root) / run.folder)
    files.folder.mkdir(parents=True)
    files.config.write_text(json.dumps(run.config))
    columns = [["" if np.isnan(v) else v for v in run.history[name]] for name in HISTORY]
    files.write_history([dict(zip(HISTORY, row)) for row in zip(*columns)])
    if run.summary is not None:
        files.summary.write_text(json.dumps(run.summary))
    if errors is not None:
        (files.folder / "errors.json").write_text(json.dumps(errors))
    return files.folder
