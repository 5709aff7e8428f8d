"""Tables as data, and the tables of runs: each run, means, levels, keypoints, provenance.

One :class:`Table` is printed as text, written as Markdown, and taken by the HTML report's template.
"""
import math
import numbers
from typing import NamedTuple, Optional

from tabulate import tabulate

from facekp.analysis.aggregate import LEVELS, Group, mean_sd, reach, settled
from facekp.errors import FacekpError
from facekp.keypoints import KEYPOINTS
from facekp.plots.keypoint_errors import words
from facekp.report import wording
from facekp.runs.checks import SIDES
from facekp.runs.version import version_of

NONE = "\u2013"
"""Stands for a number that is not there."""


class Cell(NamedTuple):
    """A cell of a table: its text, and the number that it is sorted by, if it is one."""

    text: str
    number: Optional[float] = None


class Table(NamedTuple):
    """A table: the names of its columns, and rows of Cell."""

    header: tuple
    rows: list

    @classmethod
    def of(cls, rows):
        """The table of a list of dict of str -> Cell, all with the same keys."""
        return cls(tuple(rows[0]), [list(row.values()) for row in rows])

    def only(self, *columns):
        """The table with some columns, in their own order."""
        keep = [k for k, name in enumerate(self.header) if name in columns]
        return Table(tuple(self.header[k] for k in keep),
                     [[row[k] for k in keep] for row in self.rows])

    def filled(self):
        """The table without columns in which no row has anything."""
        return self.only(*(name for name, *cells in zip(self.header, *self.rows)
                           if any(cell.text not in ("", NONE) for cell in cells)))

    def text(self):
        """The table for a terminal."""
        return tabulate([[one_line(cell.text) for cell in row] for row in self.rows],
                        self.header, disable_numparse=True)

    def markdown(self):
        """The table in Markdown, whatever a label from a file holds."""
        rows = [self.header, ["---"] * len(self.header)] + [
            [cell.text for cell in row] for row in self.rows]
        return "\n".join("| " + " | ".join(
            one_line(text).replace("\\", "\\\\").replace("|", "\\|") for text in row) + " |"
            for row in rows)


def one_line(text):
    """Text with spaces for line breaks."""
    return " ".join(text.splitlines())


def text(value):
    """A cell of text."""
    return Cell(str(value))


def number(value, digits=None):
    """A cell of a number with so many decimals; a dash where it is none, as in a hostile file."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not math.isfinite(value):
        return Cell(NONE)
    return Cell(f"{value:.{digits}f}" if digits is not None else f"{value:g}", float(value))


def mean(found, digits=4):
    """A cell of a MeanSd with so many digits."""
    return Cell(found.format(digits), found.mean) if found.n else Cell(NONE)


MEANS = {
    "epochs": ("epochs", 3),
    "training loss": (lambda run: run.final("train_loss"), 4),
    "validation loss": (lambda run: run.final("valid_loss"), 4),
    "validation RMSE, px": ("best_valid_rmse_px", 4),
    "averaged weights, px": (lambda run: run.measured("averaged_valid_rmse_px"), 4),
    "training RMSE, dropout off, px": ("train_rmse_px", 4),
    "best epoch": ("best_epoch", 3),
    "mean face, px": (lambda run: run.measured("mean_face_rmse_px"), 4),
    "twin in training, px": (lambda run: run.measured("valid_rmse_px_twin_in_train"), 4),
    "no twin, px": (lambda run: run.measured("valid_rmse_px_no_twin"), 4),
    "near-duplicate in training, px": (lambda run: run.apart(SIDES[0]), 4),
    "mean face on these, px": (lambda run: run.apart(SIDES[0], "mean_face_rmse_px"), 4),
    "no near-duplicate, px": (lambda run: run.apart(SIDES[1]), 4),
    "mean face on those, px": (lambda run: run.apart(SIDES[1], "mean_face_rmse_px"), 4),
    "seconds per epoch": ("seconds_per_epoch", 3),
}
"""Columns of means: a number of a run, and how many digits it has."""


def groups_table(groups):
    """Means and standard deviations over folds and seeds, one row per group."""
    table = Table.of([_row(group, {
        "runs": number(len(settled(group.runs))), "seeds": _list(group.seeds),
        "folds": _list(group.folds)}) for group in sorted(groups, key=_place)]).filled()
    one = len({group.experiment for group in groups}) == 1
    return table.only(*table.header[1:]) if one else table


def runs_table(runs):
    """The same of each run, one row per run."""
    groups = [Group(run.experiment, run.model, run.variant, run.name, (run,)) for run in runs]
    return Table.of([_row(group, {
        "net": text(run.model), "seed": number(run.seed),
        "fold": Cell(f"{run.fold} (run {run.attempt})" if run.attempt > 1 else f"{run.fold}",
                     run.fold),
        "training images": number(run.measured("n_train")),
        "validation images": number(run.measured("n_valid"))})
        for group in sorted(groups, key=_place) for run in group.runs])


def _row(group, who):
    return {"experiment": text(group.runs[0].title), "variant": text(group.name), **who,
            **{name: mean(group.mean(measure), digits)
               for name, (measure, digits) in MEANS.items()},
            "state": text(wording.state(group.runs) + versions(group.runs)),
            "data": text(group.label)}


def _place(group):
    """In the order of the experiments, then of seeds and folds: 2 before 10."""
    run = group.runs[0]
    return (run.about.order if run.about else math.inf, run.experiment, run.variant, run.model,
            run.seed, run.fold, run.attempt)


def versions(runs):
    """", 2 versions of the training" where runs differ in it; else empty."""
    n = len({version_of(run.config) for run in runs})
    return f", {n} versions of the training" if n > 1 else ""


def levels_table(groups):
    """Epochs and seconds until the validation loss is first at or below a level."""
    return Table.of([{"variant": text(group.name),
                      **{f"{level:g}": _reached(group.runs, level) for level in LEVELS}}
                     for group in groups])


def _reached(runs, level):
    at = [found for found in (reach(run, level) for run in runs) if found]
    if not at:
        return Cell(NONE)
    epochs, seconds = map(mean_sd, zip(*at))
    some = f" ({len(at)} of {len(runs)})" if len(at) < len(runs) else ""
    return Cell(f"{epochs.format(3)}, {seconds.format(3)} s{some}", epochs.mean)


def _list(values):
    return Cell(", ".join(map(str, values)), len(values))


def keypoints_table(sources):
    """(Table, label of the faces), RMSE of each keypoint in px, one column per net; or None."""
    from facekp.report.figures import errors_of_nets
    try:
        errors, label = errors_of_nets(sources)
    except FacekpError:  # there are none, or they are damaged
        return None
    px = {net: {**found["keypoint_rmse_px"], "all": found["rmse_px"]}
          for net, found in errors.items()}
    return Table.of([{"keypoint": text(words(name)), **{
        net: number(found.get(name), 2) for net, found in px.items()}}
        for name in (*KEYPOINTS, "all")]), label


def provenance_tables(runs):
    """What the runs were made with, and from; equal ones together.

    The host's name and paths of the machine are left out: a report is passed on.
    """
    made, data = [], []
    for run in runs:
        made_with = {name: value for name, value in run.config.items() if isinstance(value, dict)}
        versions, git, host, engine, test = (made_with.get(name, {}) for name in (
            "versions", "git", "host", "engine", "test_data"))
        cores = host.get("cores", "?")
        dirty = ", with uncommitted changes" if git.get("dirty") is True else ""
        made.append((run, _pairs(versions), f"{host.get('cpu', '?')}, {cores} core"
                     f"{'s' * (cores != 1)}; {host.get('system', '?')}", _pairs(engine),
                     run.config.get("threads", "?"),
                     f"{git.get('revision') or 'no checkout'}{dirty}", version_of(run.config)))
        files = {**run.config["data"].get("files", {}), **test}
        data += [(run, run.label, *file) for file in files.items()]
    return {"Software and machine": _distinct(("versions", "machine", "engine", "threads",
                                               "git revision", "training version"), made),
            "Data": _distinct(("label", "file", "sha256"), data)}


def _pairs(mapping):
    return ", ".join(f"{key} {value}" for key, value in mapping.items())


def _distinct(header, rows):
    found = {}
    for run, *values in rows:
        found.setdefault(tuple(map(str, values)), []).append(run)
    return Table((*header, "runs", "seeds"), [
        [*map(text, values), number(len(runs)), _list(sorted({run.seed for run in runs}))]
        for values, runs in found.items()])
