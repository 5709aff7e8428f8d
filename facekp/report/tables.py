"""Tables of runs, as pandas.DataFrame of str: means, levels, nets, keypoints, and
the paper's numbers beside ours.

One table is printed as text (:func:`text`) and written as Markdown (:func:`markdown`), from which
the HTML page is made, too.
"""
import math
import re

from pandas import DataFrame
from tabulate import tabulate

from facekp.analysis.aggregate import LEVELS, Group, group_runs, mean_sd, reach, settled
from facekp.analysis.nets import errors, measured, nets_of
from facekp.keypoints import KEYPOINTS
from facekp.report.wording import span, state
from facekp.runs.checks import SIDES
from facekp.runs.version import version_of
from facekp.text import clock

NONE = "\u2013"
"""Stands for a number that is not there."""

NUMBER = re.compile(rf"[-+]?\d[\d.]*(e-?\d+)?( ± .*| \(.*|, .*)?|{NONE}|", re.DOTALL)
"""A cell of a column that is aligned on the right."""


def text(table):
    """A table for a terminal."""
    return tabulate([[one_line(cell) for cell in row] for row in table.to_numpy()],
                    list(table.columns), disable_numparse=True)


def markdown(table):
    """A table in Markdown, whatever a label from a file holds; "" without a row."""
    if table.empty:
        return ""
    right = [all(map(NUMBER.fullmatch, cells)) for cells in table.to_numpy().T]
    rows = [[re.sub(r"([\\`*_|\[\]])", r"\\\1", one_line(cell)) for cell in row]
            for row in (table.columns, *table.to_numpy())]
    rows.insert(1, ["---:" if number else "---" for number in right])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def one_line(text):
    """Text with spaces for line breaks."""
    return " ".join(text.splitlines())


def number(value, digits="g"):
    """A number as text, a dash where there is none."""
    return NONE if value is None or not math.isfinite(value) else f"{value:{digits}}"


def mean(values, digits=4):
    """The mean and the deviation of a MeanSd as text, a dash where there is none."""
    return values.format(digits) if values.n else NONE


# ---- runs ---------------------------------------------------------------------------------------

MEANS = {
    "epochs": ("epochs", 3),
    "training loss": (lambda run: run.final("train_loss"), 4),
    "validation loss": (lambda run: run.final("valid_loss"), 4),
    "validation RMSE, px": ("best_valid_rmse_px", 4),
    "averaged weights, px": (lambda run: run.measured("averaged_valid_rmse_px"), 4),
    "training RMSE, dropout off, px": (lambda run: run.measured("train_rmse_px"), 4),
    "best epoch": ("best_epoch", 3),
    "mean face, px": (lambda run: run.measured("mean_face_rmse_px"), 4),
    "twin in training, px": (lambda run: run.measured("valid_rmse_px_twin_in_train"), 4),
    "no twin, px": (lambda run: run.measured("valid_rmse_px_no_twin"), 4),
    "near-duplicate in training, px": (lambda run: run.apart(SIDES[0]), 4),
    "mean face on these, px": (lambda run: run.apart(SIDES[0], "mean_face_rmse_px"), 4),
    "no near-duplicate, px": (lambda run: run.apart(SIDES[1]), 4),
    "mean face on those, px": (lambda run: run.apart(SIDES[1], "mean_face_rmse_px"), 4),
    "test RMSE, px": (lambda run: run.measured("test_rmse_px"), 4),
    "test, first scheme, px": (lambda run: run.measured("test_rmse_px_first"), 4),
    "test, second scheme, px": (lambda run: run.measured("test_rmse_px_second"), 4),
}
"""Columns of means: a number of a run, and how many digits it has."""


def groups_table(groups):
    """Means and standard deviations over folds and seeds of an experiment's groups, one row each;
    without the columns in which nothing stands."""
    table = DataFrame([_row(group, {
        "runs": str(len(settled(group.runs))), "seeds": ", ".join(map(str, group.seeds)),
        "folds": ", ".join(map(str, group.folds))}) for group in sorted(groups, key=_place)])
    return table.loc[:, ~table.isin(["", NONE]).all()]


ALIKE = ("seeds", "folds", "epochs", "mean face, px", "state")
"""Columns that say nothing about the difference of groups where all cells are alike."""


def narrowed(table):
    """A table of groups without what its readers need not compare.

    Parameters
    ----------
    table : pandas.DataFrame of str, see :func:`groups_table`

    Returns
    -------
    pandas.DataFrame
        Without columns in px that repeat one on their left, as the error on images without
        near-duplicates does where the split is grouped; and without those of `ALIKE` whose cells
        are all alike, if there are several rows; and without the data, if there is one kind.
    str
        What those are: ``seeds 0, 1; epochs 100``; "" if there are none.
    """
    repeated = [name for k, name in enumerate(table) if name.endswith("px") and any(
        table[name].equals(table[other]) for other in table.columns[:k])]
    one = [name for name in table if table[name].nunique() == 1]
    table = table.drop(columns=repeated + ["data"] * ("data" in one))
    alike = [name for name in ALIKE if name in table and name in one and len(table) > 1]
    return table.drop(columns=alike), "; ".join(f"{name} {table[name].iloc[0]}" for name in alike)


def runs_table(runs):
    """The same of each run, one row per run."""
    groups = [Group(run.experiment, run.model, run.variant, run.name, (run,)) for run in runs]
    return DataFrame([{"experiment": run.title, **_row(group, {
        "net": run.model, "seed": str(run.seed),
        "fold": ", ".join(map(str, run.folds)) + f" (run {run.attempt})" * (run.attempt > 1),
        "training images": number(run.measured("n_train")),
        "validation images": number(run.measured("n_valid"))})}
        for group in sorted(groups, key=_place) for run in group.runs])


def _row(group, who):
    return {"variant": group.name, **who, **{
        name: mean(group.mean(measure), digits) for name, (measure, digits) in MEANS.items()},
        "seconds per epoch": _seconds([(run, run.seconds_per_epoch)
                                       for run in settled(group.runs)]),
        "state": state(group.runs) + versions(group.runs), "data": group.label}


def _seconds(times):
    """The mean of the seconds of runs, apart for each device; `times` are pairs of both."""
    found = {}
    for run, seconds in times:
        device = (run.config.get("engine") or {}).get("device", "cpu")
        found.setdefault(device, []).append(seconds)
    return ", ".join(mean(mean_sd(found[device]), 3) + f" ({device})" * (len(found) > 1)
                     for device in sorted(found))


def _place(group):
    """In the order of the experiments, then of seeds and folds: 2 before 10."""
    run = group.runs[0]
    return (run.about.order if run.about else math.inf, run.experiment, run.variant, run.model,
            run.seed, run.fold, run.attempt)


def versions(runs):
    """", 2 versions of the training" where runs differ in it; else empty."""
    n = len({version_of(run.config) for run in runs})
    return f", {n} versions of the training" if n > 1 else ""


def levels_table(sides, column="valid_loss", levels=LEVELS):
    """Epochs and seconds until a loss is first at or below each level; `sides` are runs by the
    variants' names."""
    return DataFrame([{"variant": name, **{
        f"{level:g}": _reached(runs, level, column) for level in levels}}
        for name, runs in sides.items()])


def _reached(runs, level, column):
    reached = [(run, reach(run, level, column)) for run in runs]
    at = [(run, found) for run, found in reached if found]
    if not at:
        return NONE
    epochs = mean_sd(found.epoch for _, found in at)
    seconds = _seconds([(run, found.seconds) for run, found in at])
    some = f" ({len(at)} of {len(runs)})" if len(at) < len(runs) else ""
    return f"{epochs.format(3)}, {seconds} s{some}"


# ---- nets ---------------------------------------------------------------------------------------

def nets_table(collection):
    """The nets: the paper's score, our validation error and the leak-free one, each with the number
    of its runs.

    The leak-free error is that of runs whose split keeps near-duplicates together; where there is
    none, the error on those images that have no near-duplicate in training.
    """
    def with_runs(px):
        return mean(px) + f" ({px.n})" * bool(px.n)
    rows, grouped = [], nets_of(collection, grouped=True)
    for label, (score, runs) in nets_of(collection).items():
        runs, apart = measured(runs), measured(grouped[label][1])
        if score is None and not runs and not apart:  # neither the paper nor anyone here has it
            continue
        leak_free = errors(apart) if apart else mean_sd(run.apart(SIDES[1]) for run in runs)
        rows.append({"net": label, "the paper's score": number(score),
                     "our validation RMSE, px (runs)": with_runs(errors(runs)),
                     "leak-free RMSE, px (runs)": with_runs(leak_free)})
    return DataFrame(rows)


def keypoints_table(nets):
    """RMSE of each keypoint in px, one column per net; `nets` are errors by keypoint
    (:func:`facekp.metrics.keypoint_errors`) by the nets' names."""
    return DataFrame([{"keypoint": name.replace("_", " "), **{
        net: number(found["keypoint_rmse_px"].get(name), ".2f") for net, found in nets.items()}}
        for name in KEYPOINTS] + [{"keypoint": "all", **{
            net: number(found["rmse_px"], ".2f") for net, found in nets.items()}}])


# ---- the paper -----------------------------------------------------------------------------------

def paper_and_ours(collection, name):
    """The paper's numbers of an experiment beside ours, one row per number and group of runs: a
    pandas.DataFrame of str."""
    rows, found = [], group_runs(collection.of(name))
    for row in collection.about(name).paper:
        groups = [group for group in found if group.variant == row["variant"]]
        for group in groups:
            runs = settled(group.runs)
            rows.append({
                "the paper": row["statement"] + f" ({group.name})" * (len(groups) > 1),
                "ours": _ours(runs, row["measure"]), "runs": _which(runs),
                "epochs": f"{span(run.epochs for run in runs)} ({state(group.runs)})",
                "data": group.label})
        if not groups:
            rows.append({"the paper": row["statement"], "ours": "not run yet", "runs": "",
                         "epochs": "", "data": ""})
    return DataFrame(rows)


def _ours(runs, name):
    """What runs have for a measure, in words."""
    if name not in MEASURES:
        return "measured in a way that is not known here"  # as of a later version
    words, measure, summed_up = MEASURES[name]
    values = [value for value in map(measure, runs) if value is not None and 0 <= value < math.inf]
    return words.format(summed_up(values), machine=_machine(runs)) if values else "not measured"


def _machine(runs):
    """The threads and the processors that runs had."""
    found = {(run.config.get("threads") or "?",
              (run.config.get("host") or {}).get("cpu") or "a CPU") for run in runs}
    return " or ".join(f"{threads} thread{'s' * (threads != '1')} of {cpu}"
                       for threads, cpu in sorted(found))


def _which(runs):
    """How many seeds and folds runs have, and whether one version made them."""
    seeds, folds = {run.seed for run in runs}, {run.fold for run in runs}
    words = [f"{len(found)} {name}s" for name, found in (("seed", seeds), ("fold", folds))
             if len(found) > 1]
    return (", ".join(words) or f"seed {min(seeds)}, fold {min(folds)}") + versions(runs)


def _ratio(run):
    """float or None, the last validation loss by the last training loss."""
    train = run.final("train_loss")
    return run.final("valid_loss") / train if train else None


MEASURES = {
    "valid_rmse_px": ("validation RMSE {} px", lambda run: run.best_valid_rmse_px,
                      lambda px: mean_sd(px).format()),
    "train_loss": ("training loss {}", lambda run: run.final("train_loss"),
                   lambda losses: mean_sd(losses).format()),
    "valid_loss": ("validation loss {}", lambda run: run.final("valid_loss"),
                   lambda losses: mean_sd(losses).format()),
    "loss_ratio": ("validation loss {} times the training loss", _ratio,
                   lambda ratios: mean_sd(ratios).format(3)),
    "seconds": ("{} per run, {machine}", lambda run: run.epochs * run.seconds_per_epoch,
                lambda seconds: span(seconds, clock)),
    "stopped": ("stopped after {} epochs",
                lambda run: run.epochs if run.stopped_by == "patience" else None, span),
}
"""What an experiment may name as the ``measure`` of a number of the paper's: words, a number of a
run, and how several are summed up. Seconds are epochs times the median epoch: pauses do not
count."""
