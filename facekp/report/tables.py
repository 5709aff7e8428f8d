"""Tables as data, and the tables of runs: each run, means, levels, keypoints, provenance.

One :class:`Table` is printed as text, written as Markdown, and taken by the HTML report's template.
"""
import json
import math
import numbers
from typing import NamedTuple, Optional

from tabulate import tabulate

from facekp.analysis.aggregate import LEVELS, mean_sd, reach, settled
from facekp.errors import RunError
from facekp.keypoints import KEYPOINTS
from facekp.plots.keypoint_errors import words
from facekp.report import wording
from facekp.report.sources import Missing
from facekp.runs.checks import SIDES
from facekp.runs.result import version_of

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

    def only(self, *columns):
        """The table with some columns, in their own order."""
        keep = [k for k, name in enumerate(self.header) if name in columns]
        return Table(tuple(self.header[k] for k in keep),
                     [[row[k] for k in keep] for row in self.rows])

    def filled(self):
        """The table without columns in which no row has anything."""
        return self.only(*(name for k, name in enumerate(self.header)
                           if any(row[k].text not in ("", NONE) for row in self.rows)))

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
    """A cell of a MeanSd with so many digits; of whole numbers without decimals for 0."""
    if not found.n:
        return Cell(NONE)
    whole = f"{found.mean:.0f}" + (f" \u00b1 {found.sd:.0f}" if found.n > 1 else "")
    return Cell(found.format(digits) if digits else whole, found.mean)


def in_order(runs):
    """Runs in the order of the experiments, then of seeds and folds: 2 before 10."""
    return sorted(runs, key=lambda run: (run.about.order if run.about else math.inf,
                                         run.experiment, run.variant, run.model, run.seed,
                                         run.fold, run.attempt))


def runs_table(runs):
    """All runs, one row per run."""
    header = ("experiment", "variant", "net", "seed", "fold", "state", "data", "training images",
              "validation images", "epochs", "best epoch", "validation RMSE, px",
              "mean face, px", "seconds per epoch")
    return Table(header, [_run(run) for run in in_order(runs)])


def _run(run):
    done = run.summary or {}
    ended = {"patience": ", stopped early", "frozen": ", stopped"}.get(run.stopped_by, "")
    again = f" (run {run.attempt})" if run.attempt > 1 else ""
    return [text(run.title), text(run.name), text(run.model), number(run.seed),
            Cell(f"{run.fold}{again}", run.fold),
            text(wording.state([run]) + ended * (run.state == "complete")), text(run.label),
            number(done.get("n_train")), number(done.get("n_valid")), number(run.epochs),
            number(done.get("best_epoch", run.best_epoch)),
            number(done.get("valid_rmse_px", run.best_valid_rmse_px), 3),
            number(done.get("mean_face_rmse_px"), 3),
            number(done.get("seconds_per_epoch", run.seconds_per_epoch), 2)]


MEASURES = {
    "epochs": ("epochs", 3),
    "training loss": (lambda run: run.final("train_loss"), 4),
    "validation loss": (lambda run: run.final("valid_loss"), 4),
    "validation RMSE, px": ("best_valid_rmse_px", 4),
    "training RMSE, dropout off, px": ("train_rmse_px", 4),
    "best epoch": ("best_epoch", 0),
    "mean face, px": (lambda run: run.measured("mean_face_rmse_px"), 4),
    "twin in training, px": (lambda run: run.measured("valid_rmse_px_twin_in_train"), 4),
    "no twin, px": (lambda run: run.measured("valid_rmse_px_no_twin"), 4),
    "near-duplicate in training, px": (lambda run: run.apart(SIDES[0]), 4),
    "no near-duplicate, px": (lambda run: run.apart(SIDES[1]), 4),
    "seconds per epoch": ("seconds_per_epoch", 3),
}
"""Columns of means: a name, a number of a run, and its digits (0: a whole number)."""


def groups_table(groups):
    """Means and standard deviations over folds and seeds."""
    first = {id(group.runs[0]): group for group in groups}
    groups = [first[id(run)] for run in in_order(group.runs[0] for group in groups)]
    header = ("experiment", "variant", "runs", "seeds", "folds", *MEASURES, "state", "data")
    table = Table(header, [[
        text(group.runs[0].title), text(group.name), number(len(settled(group.runs))),
        _list(group.seeds), _list(group.folds),
        *(mean(group.mean(measure), digits) for measure, digits in MEASURES.values()),
        text(wording.state(group.runs) + versions(group.runs)), text(group.label)]
        for group in groups]).filled()
    one = len({group.experiment for group in groups}) == 1
    return table.only(*table.header[1:]) if one else table


def versions(runs):
    """", 2 versions of the training" where runs differ in it; else empty."""
    n = len({version_of(run.config) for run in runs})
    return f", {n} versions of the training" if n > 1 else ""


def levels_table(groups, levels=LEVELS):
    """Epochs and seconds until the validation loss is first at or below a level."""
    rows = []
    for group in groups:
        rows.append([text(group.name)])
        for level in levels:
            reached = [at for at in (reach(run, level) for run in group.runs) if at]
            some = f" ({len(reached)} of {len(group.runs)})" * (len(reached) < len(group.runs))
            epochs, seconds = map(mean_sd, zip(*reached)) if reached else (mean_sd([]),) * 2
            rows[-1].append(Cell(f"{epochs.format(3)}, {seconds.format(3)} s{some}", epochs.mean)
                            if reached else Cell(NONE))
    return Table(("variant", *(f"{level:g}" for level in levels)), rows)


def _list(values):
    return Cell(", ".join(map(str, values)), len(values))


def keypoints_table(sources):
    """RMSE of each keypoint in px, one column per net.

    Returns
    -------
    (Table, label of the faces), or None without a complete run
    """
    from facekp.report.figures import errors_of_nets
    try:
        errors, label = errors_of_nets(sources)
    except (Missing, RunError):
        return None
    rows = [[text(words(name))] + [number(net["keypoint_rmse_px"].get(name), 2)
                                   for net in errors.values()] for name in KEYPOINTS]
    rows.append([text("all")] + [number(net["rmse_px"], 2) for net in errors.values()])
    return Table(("keypoint", *errors), rows), label


def provenance_tables(runs):
    """What the runs were made with, and from; equal ones together.

    The host's name and paths of the machine are left out: a report is passed on.
    """
    made, data = {}, {}
    for run in runs:
        config = run.config
        git, host, engine = (_part(config, name) for name in ("git", "host", "engine"))
        cores = str(host.get("cores", "?"))
        dirty = ", with uncommitted changes" if git.get("dirty") is True else ""
        made.setdefault(json.dumps([
            _pairs(_part(config, "versions")),
            f"{host.get('cpu', '?')}, {cores} core{'s' * (cores != '1')}; "
            f"{host.get('system', '?')}",
            _pairs(engine), str(config.get("threads", "?")),
            f"{git.get('revision') or 'no checkout'}{dirty}", str(version_of(config))]),
            []).append(run)
        files = {**_part(config["data"], "files"), **_part(config, "test_data")}
        for name, sha256 in files.items():
            data.setdefault(json.dumps([run.label, str(name), str(sha256)]), []).append(run)
    ends = ("runs", "seeds")
    return {
        "Software and machine": Table(
            ("versions", "machine", "engine", "threads", "git revision", "training version")
            + ends, _distinct(made)),
        "Data": Table(("label", "file", "sha256") + ends, _distinct(data)),
    }


def _part(config, name):
    value = config.get(name)
    return value if isinstance(value, dict) else {}


def _pairs(mapping):
    return ", ".join(f"{key} {value}" for key, value in mapping.items())


def _distinct(found):
    return [[text(value) for value in json.loads(key)] + [
        number(len(runs)), _list(sorted({run.seed for run in runs}))]
        for key, runs in found.items()]
