"""The report's tables: runs, means over folds and seeds, errors by keypoint, provenance."""
import json
import math
import numbers
from typing import NamedTuple, Optional

from facekp.analysis.aggregate import mean_sd, settled
from facekp.errors import RunError
from facekp.report.figures import errors_of_nets
from facekp.keypoints import KEYPOINTS
from facekp.plots.keypoint_errors import words
from facekp.report.sources import Missing
from facekp.report.summary import state_text

ORDER = ("lenet", "vggnet", "vggnet-search", "optimizer-study", "dropout-ablation", "cnn14",
         "lenet-augmented")
"""The paper's experiments, in its order."""


NONE = "\u2013"
"""Stands for a number that is not there."""


MILLI = "\u00d710\u207b\u00b3"
"""Of a loss: in thousandths."""


class Cell(NamedTuple):
    """A cell of a table: its text, and the number that it is sorted by, if it is one."""

    text: str
    number: Optional[float] = None


class Table(NamedTuple):
    """A table: the names of its columns, and rows of Cell."""

    header: tuple
    rows: list


def text(value):
    """A cell of text."""
    return Cell(str(value))


def number(value, digits=None):
    """A cell of a number with so many decimals; a dash where it is none, as in a hostile file."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool) or not math.isfinite(value):
        return Cell(NONE)
    return Cell(f"{value:.{digits}f}" if digits is not None else f"{value:g}", float(value))


def experiments(runs):
    """Names of the runs' experiments: the paper's in its order, then others."""
    found = dict.fromkeys(run.experiment for run in runs)
    return [name for name in ORDER if name in found] + [
        name for name in found if name not in ORDER]


def runs_table(runs):
    """All runs, a row each; seeds and folds in the order of their numbers, 2 before 10.

    Parameters
    ----------
    runs : list of facekp.runs.read.RunResult

    Returns
    -------
    Table
    """
    header = ("experiment", "variant", "net", "seed", "fold", "state", "data", "training images",
              "validation images", "epochs", "best epoch", "validation RMSE, px",
              "mean face, px", "seconds an epoch")
    order = experiments(runs)
    return Table(header, [_run(run) for run in sorted(
        runs, key=lambda run: (order.index(run.experiment), run.variant, run.model, run.seed,
                               run.fold, run.attempt))])


def _run(run):
    done = run.summary or {}
    frozen = done.get("frozen_since")
    ended = {"patience": ", stopped early", "frozen": ", stopped"}.get(
        str(done.get("stopped_by")), "")
    state = run.state + (ended if run.state == "complete" else "") + (
        f", frozen since epoch {frozen}" if frozen else "")
    again = f" (run {run.attempt})" if run.attempt > 1 else ""
    return [text(run.experiment), text(run.variant), text(run.model), number(run.seed),
            Cell(f"{run.fold}{again}", run.fold), text(state), text(run.label),
            number(done.get("n_train")), number(done.get("n_valid")), number(run.epochs),
            number(done.get("best_epoch", run.best_epoch)),
            number(done.get("valid_rmse_px", run.best_valid_rmse_px), 3),
            number(done.get("mean_face_rmse_px"), 3),
            number(done.get("seconds_per_epoch", run.seconds_per_epoch), 2)]


def groups_table(groups):
    """Means and standard deviations over folds and seeds.

    Parameters
    ----------
    groups : list of facekp.analysis.aggregate.Group

    Returns
    -------
    Table
    """
    header = ("experiment", "runs of", "seeds", "folds", "state", "data", "validation RMSE, px",
              "training RMSE, dropout off, px", "best epoch", f"training loss {MILLI}",
              f"validation loss {MILLI}", "seconds an epoch")
    order = experiments([run for group in groups for run in group.runs])
    rows = []
    for group in sorted(groups, key=lambda group: order.index(group.experiment)):
        rows.append([
            text(group.experiment), text(group.name), _list(group.seeds), _list(group.folds),
            text(state_text(group)), text(group.label), _mean(group.best_valid_rmse_px),
            _mean(group.train_rmse_px),
            _epochs(mean_sd(run.best_epoch for run in settled(group.runs)))]
            + [_mean(mean_sd(1000 * run.final(column) for run in settled(group.runs)), 3)
               for column in ("train_loss", "valid_loss")]
            + [_mean(mean_sd(run.seconds_per_epoch for run in settled(group.runs)), 3)])
    return Table(header, rows)


def _list(values):
    return Cell(", ".join(map(str, values)), len(values))


def _mean(found, digits=4):
    return Cell(found.format(digits), found.mean) if found.n else Cell(NONE)


def _epochs(found):
    sd = f" \u00b1 {found.sd:.0f}" if found.n > 1 else ""
    return Cell(f"{found.mean:.0f}{sd}", found.mean) if found.n else Cell(NONE)


def keypoints_table(sources):
    """RMSE of each keypoint in px, a column a net.

    Returns
    -------
    (Table, label of the faces), or None without a complete run
    """
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

    Returns
    -------
    dict of str -> Table
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
            f"{git.get('revision') or 'no checkout'}{dirty}", str(config.get("code", "?"))]),
            []).append(run)
        files = {**_part(config["data"], "files"), **_part(config, "test_data")}
        for name, sha256 in files.items():
            data.setdefault(json.dumps([run.label, str(name), str(sha256)]), []).append(run)
    ends = ("runs", "seeds")
    return {
        "Software and machine": Table(
            ("versions", "machine", "engine", "threads", "git revision", "training code, sha256")
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
