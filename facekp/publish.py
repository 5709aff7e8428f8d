"""``make results``: what runs gave, as small files that a checkout can carry, and README's table.

No picture of a face and nothing that could be turned into one goes into results/; nor does the
name of the machine, or a path on it.
"""
import csv
from pathlib import Path

import numpy as np

from facekp import paper_table, results_page, storage
from facekp.activations import CONV_WEIGHTS
from facekp.errors import RunError
from facekp.paper import PUBLISHED
from facekp.results import SHARED, find_runs, warning
from facekp.runs import Run
from facekp.sources import CNN14
from facekp.summary import conclude
from facekp.theano_flags import format_flags, parse_flags
from facekp.weights import save_weights

INDEX = ("experiment", "model", "variant", "seed", "fold", "state", "epochs", "best_epoch",
         "best_valid_rmse_px", "seconds_per_epoch", "data")
"""Columns of results/runs.csv, a line a run."""


def publish(root, out="results", readme="README.md", say=print, warn=warning):
    """Copy what is small of all runs of the paper's experiments; write README's table, and a page
    with it and the figures.

    Runs that `out` has and `root` lacks stay, as do those that are further there: complete, or
    with more epochs of an unfinished run.

    Parameters
    ----------
    root : path, of the runs
    out : path, of the results
    readme : path of a Markdown file with the table's markers, or None
    say, warn : callables taking a str
    """
    out = Path(out)
    runs = [run for run in find_runs(root, warn)
            if run.experiment in PUBLISHED and run.attempt == 1 and run.epochs]
    if not runs:
        raise RunError(f"{root}: holds no run of {', '.join(PUBLISHED)} with an epoch on disk; "
                       "train one (make paper), or name another folder with OUT=")
    there = {run.folder.relative_to(out): run for run in find_runs(out, warn)}
    for run in runs:
        place = run.folder.relative_to(root)
        if place in there and not run.complete and (
                there[place].complete or there[place].epochs > run.epochs):
            say(f"{place.as_posix()}: {run.state}; {out} keeps its own: {there[place].state}")
            continue
        copy_run(run, out / place, warn)
        say(f"{place.as_posix()}: {run.state}")
    copy_conv_weights(runs, root, out)
    published = find_runs(out, warn)
    write_index(published, out / "runs.csv")
    for name in PUBLISHED:
        conclude(out, name, say=lambda text: None, warn=warn)
    results_page.write(out)
    if readme is not None:
        paper_table.write(readme, out)
        say(f"{readme}: table of {out}")


def copy_run(run, folder, warn=warning):
    """Copy the small files of a run: settings, history, result, errors, submission.

    Parameters
    ----------
    run : facekp.results.RunResult
    folder : path
    warn : callable taking a str
        Told about predictions that cannot be read.
    """
    source, target = Run(run.folder), Run(folder)
    target.folder.mkdir(parents=True, exist_ok=True)
    storage.write_json(target.config, without_paths(run.config))
    target.write_history([dict(zip(run.history, row), epoch=k + 1, best=int(row[-2]))
                          for k, row in enumerate(zip(*run.history.values()))])
    try:
        errors = run.errors()
    except RunError as error:
        warn(str(error))
        errors = None
    if errors is not None:
        storage.write_json(folder / "errors.json", errors)
    if source.submission.exists():
        with storage.replacing(target.submission) as file:
            file.write(source.submission.read_bytes())
    if run.summary is not None:
        storage.write_json(target.summary, run.summary)


def without_paths(config):
    """The contents of config.json without the host's name and paths on it.

    Parameters
    ----------
    config : dict

    Returns
    -------
    dict
    """
    flags = {key: value for key, value in parse_flags(config.get("theano_flags", "")).items()
             if "/" not in value and "\\" not in value}
    host = {key: value for key, value in config.get("host", {}).items() if key != "name"}
    return {**config, "theano_flags": format_flags(flags), "host": host}


def copy_conv_weights(runs, root, out):
    """Copy the convolutions of one complete 14-layer CNN, for the figures of filters."""
    for place in CNN14:
        place = SHARED.get(place, place)
        for run in runs:
            weights = Run(run.folder).weights
            if (run.experiment, run.variant) == place and run.complete and weights.exists():
                with np.load(weights) as arrays:
                    save_weights(Path(out) / run.folder.relative_to(root) / CONV_WEIGHTS, {
                        name: arrays[name] for name in arrays.files if name.startswith("conv")})
                return


def write_index(runs, path):
    """Write a line for each run: where it is, how far it came, how good it is."""
    with storage.replacing(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(INDEX)
        for run in runs:
            writer.writerow([run.experiment, run.model, run.variant, run.seed, run.fold, run.state,
                             run.epochs, run.best_epoch, f"{run.best_valid_rmse_px:.4f}",
                             f"{run.seconds_per_epoch:.3f}", run.label])
