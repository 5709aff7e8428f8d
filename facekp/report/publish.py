"""``make results``: what runs gave, as small files that a checkout can carry, and README's table.

No picture of a face and nothing that could be turned into one goes into results/; nor does the
name of the machine, or a path on it.
"""
import contextlib
import re
from pathlib import Path

import numpy as np

from facekp import files
from facekp.engine.flags import format_flags, parse_flags
from facekp.errors import RunError
from facekp.nets.weights import save_weights
from facekp.report import results_page
from facekp.report.drawings import FILTERS, KINDS
from facekp.report.figures import declared
from facekp.report.sources import Missing, Sources
from facekp.report.story import conclude
from facekp.runs.about import write_about
from facekp.runs.folder import CONV_WEIGHTS, Run
from facekp.runs.read import Collection, find_runs, warning
from facekp.runs.submission import PREDICTIONS, SHA256, keep, kept


def publish(root, out="results", readme="README.md", say=print, warn=warning):
    """Copy what is small of the runs of experiments that say what they are (experiment.json, here
    or there already); write README's table, and a page with it and the figures.

    Runs that `out` has and `root` lacks stay, as do those that are further there: complete, or
    with more epochs of an unfinished run. A run with other settings or on other data never takes
    a published one's place, which must be removed first: a short trial, or one on synthetic faces,
    lies in the same folder as the run of the paper.

    `readme` is a Markdown file with the table's markers, or None; `say` and `warn` take a str.
    """
    out = Path(out)
    collection = Collection(root, warn, Collection(out, warn).abouts.values())
    abouts = {name: about for name, about in collection.abouts.items()
              if about.title and "/" not in name}
    runs = [run for run in collection.all_runs
            if run.experiment in abouts and run.attempt == 1 and run.has_results]
    if not runs:
        raise RunError(f"{root}: holds no run of an experiment with an epoch on disk; train one "
                       "(make paper), or name another folder of runs", remedies=("runs",))
    for path in out.rglob(".*.tmp"):  # what a killed process was writing
        if re.fullmatch(r"\..+\.\d+\.tmp", path.name):
            path.unlink(missing_ok=True)
    there = {run.folder.relative_to(out): run for run in find_runs(out, warn)}
    taken = {}
    for run in runs:
        # also if the folder of the runs is one of them, or an experiment's
        place = run.place
        own = place in there and why_kept(run, there[place])
        say(f"{place.as_posix()}: {run.state}" + (f"; {out} keeps its own: {own}" if own else ""))
        if not own and run.folder.resolve() != (out / place).resolve():
            taken[place] = run
    for about in abouts.values():
        write_about(out, about)
    shown = with_filters(out, {**there, **taken}.values())
    for place, run in taken.items():
        copy_run(run, out / place, warn, run.folder == shown)
    for name in abouts:
        conclude(out, name, say=lambda text: None, warn=warn, curves=False)
    results_page.write(out)
    if readme is not None:
        results_page.write_readme(readme, out)
        say(f"{readme}: table of {out}")


def why_kept(run, published):
    """Why a published run keeps its place: a str, "" where `run` takes it."""
    other = [part for part in ("settings", "data") if run.config[part] != published.config[part]]
    if other:
        return (f"other {' and '.join(other)}; remove {published.folder} to publish this run "
                "instead")
    further = published.complete or published.epochs > run.epochs
    return published.state if further and not run.complete else ""


def with_filters(out, runs):
    """The folder of the run whose convolutions the figures of filters show; None without."""
    sources = Sources(out)
    sources.all_runs = list(runs)
    for spec in (spec for about in sources.abouts.values() for spec in declared(about)):
        if KINDS[spec["kind"]][1] == FILTERS:
            with contextlib.suppress(Missing):
                return sources.first(spec["runs"], "weights.npz", CONV_WEIGHTS).folder
    return None


def copy_run(run, folder, warn=warning, filters=False):
    """Copy the small files of a run: settings, history, result, errors, predictions, and perhaps
    the filters, the weights of the convolutions.

    What is in `folder` and not of this run is removed. summary.json goes first and comes last: a
    run that a kill left half copied is not complete.
    """
    source, target = Run(run.folder), Run(folder)
    content = {
        target.config: (files.write_json, without_paths(run.config)),
        target.history: (files.write_bytes, source.history.read_bytes()),
        target.folder / "errors.json": (files.write_json, usable(errors_of, run, warn)),
        target.folder / CONV_WEIGHTS: (save_weights,
                                       usable(convolutions, source, warn) if filters else None),
        target.folder / PREDICTIONS: (lambda path, found: keep(path.parent, *found),
                                      usable(kept, source, warn)),
        target.summary: (files.write_json, run.summary)}
    target.folder.mkdir(parents=True, exist_ok=True)
    target.summary.unlink(missing_ok=True)
    files.sync_folder(target.folder)
    for path in (target.folder / SHA256, target.submission, target.near_duplicates):
        path.unlink(missing_ok=True)  # the last two are of earlier versions
    for path, (write, value) in content.items():
        if value is None:
            path.unlink(missing_ok=True)
        else:
            write(path, value)


def usable(read, source, warn):
    """read(source), or None where a file is damaged: that costs itself alone."""
    try:
        return read(source)
    except RunError as error:
        warn(f"{error} (left out)")


def errors_of(run):
    """A run's errors by keypoint, or None.

    A net that diverged in its first epoch predicts NaN: JSON has none, and figures no place.
    """
    errors = run.errors()
    if errors and not np.isfinite(errors["rmse_px"]):
        raise RunError(f"{run.folder}: some of its predictions are no numbers")
    return errors


def convolutions(run):
    """The weights of a run's convolutions by name; None where there are no weights."""
    path = run.weights if run.weights.exists() else run.conv_weights
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files if name.startswith("conv")}
        if not found:
            raise ValueError("it holds no convolutions")
        return found
    except Exception as error:  # zipfile, zlib and numpy's parser raise a dozen kinds
        raise RunError(f"{path}: cannot be used ({error})") from None


def without_paths(config):
    """The contents of config.json without the host's name and paths on it."""
    flags = {key: value for key, value in parse_flags(config.get("theano_flags") or "").items()
             if "/" not in value and "\\" not in value}
    host = {key: value for key, value in (config.get("host") or {}).items() if key != "name"}
    return {**config, "theano_flags": format_flags(flags), "host": host}
