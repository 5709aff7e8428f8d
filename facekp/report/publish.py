"""``make results``: what runs gave, as small files that a checkout can carry, and README's table.

No picture of a face and nothing that could be turned into one goes into results/; nor does the
name of the machine, or a path on it.
"""
import contextlib
import csv
import json
import re
from pathlib import Path

import numpy as np

from facekp import files
from facekp.report import paper_table, results_page
from facekp.runs.folder import CONV_WEIGHTS
from facekp.errors import RunError
from facekp.runs.read import SHARED, find_runs, warning
from facekp.runs.folder import Run
from facekp.report.sources import CNN14
from facekp.report.summary import conclude
from facekp.runs.about import read_about
from facekp.engine.flags import format_flags, parse_flags
from facekp.nets.weights import save_weights

INDEX = ("experiment", "model", "variant", "seed", "fold", "state", "epochs", "best_epoch",
         "best_valid_rmse_px", "seconds_per_epoch", "data")
"""Columns of results/runs.csv, a line a run."""


def publish(root, out="results", readme="README.md", say=print, warn=warning):
    """Copy what is small of all runs of the paper's experiments; write README's table, and a page
    with it and the figures.

    Runs that `out` has and `root` lacks stay, as do those that are further there: complete, or
    with more epochs of an unfinished run. A run with other settings or on other data never takes
    a published one's place, which must be removed first: a short trial, or one on synthetic faces,
    lies in the same folder as the run of the paper.

    Parameters
    ----------
    root : path, of the runs
    out : path, of the results
    readme : path of a Markdown file with the table's markers, or None
    say, warn : callables taking a str
    """
    out = Path(out)
    runs = [run for run in find_runs(root, warn) if run.attempt == 1 and run.epochs
            and read_about(root, run.experiment).title]
    if not runs:
        raise RunError(f"{root}: holds no run of an experiment with an epoch on disk; train one, "
                       "or name another folder of runs", remedies=("runs",))
    remove_temporaries(out)
    there = {run.folder.relative_to(out): run for run in find_runs(out, warn)}
    taken = []
    for run in runs:
        place = place_of(run)
        kept = place in there and why_kept(run, there[place])
        say(f"{place.as_posix()}: {run.state}" + (f"; {out} keeps its own: {kept}" if kept else ""))
        if not kept:
            taken.append(run)
    places = [place_of(run) for run in taken]
    filters = filters_run(taken + [run for place, run in there.items() if place not in places])
    for run in taken:
        copy_run(run, out / place_of(run), warn, run is filters)
    published = find_runs(out, warn)
    write_index(published, out / "runs.csv")
    for name in sorted({run.experiment for run in published}):
        conclude(out, name, say=lambda text: None, warn=warn)
    results_page.write(out)
    if readme is not None:
        paper_table.write(readme, out)
        say(f"{readme}: table of {out}")


def place_of(run):
    """Where a run lies in results/: Path ``<experiment>/<model>/[<variant>/][seed<n>/]fold<k>``,
    also if the folder of the runs is one of them, or an experiment's."""
    return Path(*run.folder.absolute().parts[-3 - bool(run.variant) - bool(run.seed):])


def remove_temporaries(folder):
    """Remove what a killed process was writing (:func:`facekp.files.replacing`)."""
    for path in list(Path(folder).rglob(".*.tmp")):
        if re.fullmatch(r"\..+\.\d+\.tmp", path.name):
            with contextlib.suppress(OSError):
                path.unlink()


def why_kept(run, published):
    """Why a published run keeps its place.

    Parameters
    ----------
    run, published : facekp.runs.read.RunResult

    Returns
    -------
    str, or "" where `run` takes its place
    """
    other = [part for part in ("settings", "data") if run.config[part] != published.config[part]]
    if other:
        return (f"other {' and '.join(other)}; remove {published.folder} to publish this run "
                "instead")
    if not run.complete and (published.complete or published.epochs > run.epochs):
        return published.state
    return ""


def filters_run(runs):
    """The complete 14-layer CNN whose convolutions the figures of filters show; None without."""
    for place in CNN14:
        place = SHARED.get(place, place)
        for run in runs:
            if (run.experiment, run.variant) == place and run.complete and any(
                    path.exists() for path in (Run(run.folder).weights, run.folder / CONV_WEIGHTS)):
                return run
    return None


def copy_run(run, folder, warn=warning, filters=False):
    """Copy the small files of a run: settings, history, result, errors, submission.

    What is in `folder` and not of this run is removed. summary.json goes first and comes last: a
    run that a kill left half copied is not complete.

    Parameters
    ----------
    run : facekp.runs.read.RunResult
    folder : path
    warn : callable taking a str
        Told about predictions or weights that cannot be used.
    filters : bool
        Whether to copy the convolutions' weights too.
    """
    source, target = Run(run.folder), Run(folder)
    # read before anything is removed: `folder` may be the run's own
    errors = errors_of(run, warn)
    weights = convolutions(run, warn) if filters else None
    submission = None
    if source.submission.exists():
        submission = source.submission.read_bytes()
    target.folder.mkdir(parents=True, exist_ok=True)
    remove(target.summary)
    files.sync_folder(target.folder)
    files.write_json(target.config, without_paths(run.config))
    target.write_history([dict(zip(run.history, row), epoch=k + 1, best=int(row[-2]))
                          for k, row in enumerate(zip(*run.history.values()))])
    replace_or_remove(folder / "errors.json", errors, files.write_json)
    replace_or_remove(target.near_duplicates, run.near_duplicates, files.write_json)
    replace_or_remove(folder / CONV_WEIGHTS, weights, save_weights)
    replace_or_remove(target.submission, submission, write_bytes)
    if run.summary is not None:
        files.write_json(target.summary, run.summary)


def replace_or_remove(path, content, write):
    """Write a file, or remove it where there is nothing to write."""
    if content is None:
        remove(path)
    else:
        write(path, content)


def remove(path):
    """Remove a file that need not be there."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def write_bytes(path, content):
    """Write a file, atomically."""
    with files.replacing(path) as file:
        file.write(content)


def errors_of(run, warn):
    """A run's errors by keypoint; None where it left none, or they are no numbers.

    A net that diverged in its first epoch predicts NaN: JSON has none, and figures no place.
    """
    try:
        errors = run.errors()
        json.dumps(errors, allow_nan=False)
    except RunError as error:
        warn(str(error))
        return None
    except ValueError:
        warn(f"{run.folder}: some of its predictions are no numbers; errors.json is left out")
        return None
    return errors


def convolutions(run, warn):
    """The weights of a run's convolutions by name; None where they cannot be read."""
    path = Run(run.folder).weights
    path = path if path.exists() else run.folder / CONV_WEIGHTS
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files if name.startswith("conv")}
        if not found:
            raise ValueError("it holds no convolutions")
        return found
    except Exception as error:  # zipfile, zlib and numpy's parser raise a dozen kinds
        warn(f"{path}: cannot be used ({error}); {CONV_WEIGHTS} is left out")
        return None


def without_paths(config):
    """The contents of config.json without the host's name and paths on it.

    Parameters
    ----------
    config : dict

    Returns
    -------
    dict
    """
    flags = {key: value for key, value in parse_flags(config.get("theano_flags") or "").items()
             if "/" not in value and "\\" not in value}
    host = {key: value for key, value in (config.get("host") or {}).items() if key != "name"}
    return {**config, "theano_flags": format_flags(flags), "host": host}


def write_index(runs, path):
    """Write a line for each run: where it is, how far it came, how good it is."""
    with files.replacing(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(INDEX)
        for run in runs:
            writer.writerow([run.experiment, run.model, run.variant, run.seed, run.fold, run.state,
                             run.epochs, run.best_epoch, f"{run.best_valid_rmse_px:.4f}",
                             f"{run.seconds_per_epoch:.3f}", run.label])
