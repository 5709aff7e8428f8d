"""What an experiment came to: its tables and answers, printed and left in its folder."""
from pathlib import Path

from tabulate import tabulate

from facekp import files
from facekp.analysis import statements
from facekp.analysis.aggregate import LEVELS, group_runs, mean_curve, mean_sd, reach, settled
from facekp.runs.read import experiment_runs, labels, warning
from facekp.runs.folder import HISTORY


def conclude(root, name, paper="", say=print, warn=warning, curves=True):
    """Print the tables of all runs of an experiment that are on disk, and write its files.

    Writes ``summary.md``, ``summary.json`` and ``curves.png`` in ``<root>/<name>``.

    Parameters
    ----------
    root : path, of the runs
    name : str, the experiment
    paper : str, what the paper says
    say : callable taking a str
    warn : callable taking a str
        Told about damaged runs, which are left out.
    curves : bool
        Whether to draw curves.png.
    """
    from facekp import plots
    runs = [run for run in experiment_runs(root, name, warn) if run.epochs]
    if not runs:
        return
    groups, folder = group_runs(runs), Path(root, name)
    folder.mkdir(parents=True, exist_ok=True)  # all its runs may be another experiment's
    label = labels(runs)
    lines = answers(root, name, runs) + statements.near_duplicates(runs)
    say(f"{name}, {label}\n\n{text(groups, lines)}")
    if paper:
        say(f"the paper: {paper}")
    with files.replacing(folder / "summary.md", "w", encoding="utf-8") as file:
        file.write(f"# {name}, {label}\n\n{text(groups, lines, 'pipe')}\n"
                   + (f"\nThe paper: {paper}.\n" if paper else ""))
    files.write_json(folder / "summary.json", {
        "experiment": name, "data": label, "paper": paper, "answers": lines,
        "groups": [as_dict(group) for group in groups]})
    say(f"tables: {folder / 'summary.md'}")
    if not curves:
        return
    plots.save(plots.learning_curves({group.name: {
        column: mean_curve(group.runs, column).mean if column != "epoch"
        else mean_curve(group.runs, column).epoch for column in HISTORY}
        for group in groups}, f"{name}, {label}"), folder / "curves.png")
    say(f"curves: {folder / 'curves.png'}")


def answers(root, name, runs):
    """The paper's statements about an experiment, answered by its runs; a list of str."""
    if name == "vggnet-search":
        return statements.search(runs)
    if name == "optimizer-study":
        return statements.optimizers(runs)
    if name == "dropout-ablation":
        return statements.dropout(runs)
    if name == "lenet-augmented":
        return statements.augmentation(runs, experiment_runs(root, "lenet"))
    return []


def text(groups, lines, style="simple"):
    """All tables of an experiment as text.

    Parameters
    ----------
    groups : list of facekp.analysis.aggregate.Group
    lines : list of str, the answers
    style : str, one of tabulate's

    Returns
    -------
    str
    """
    def table(rows):
        return tabulate(rows, headers="keys", tablefmt=style, disable_numparse=True)
    parts = ["Losses are mean squared errors of the scaled targets, after the last epoch; ± is the "
             "standard deviation over seeds and folds. Training losses are measured while the "
             "weights move, dropout on; the training RMSE is that of the best epoch's weights on "
             "all training images, dropout off.", table([losses_row(group) for group in groups]),
             "Epochs, and seconds (epochs times the median epoch), until the validation loss is "
             "first at or below:",
             table([levels_row(group) for group in groups])]
    if lines:
        parts.append("\n".join(f"* {line}" for line in lines))
    return "\n\n".join(parts)


def state_text(group):
    """How far a group's runs are: one word where all are complete."""
    states = [(f"fold {run.fold}" + (f" seed {run.seed}" if run.seed else ""), run.state)
              for run in group.runs]
    left_out = " (left out of the means)" if any(run.complete for run in group.runs) else ""
    notes = [(f"{where} {state}" if len(states) > 1 else state)
             + ("" if run.complete else left_out)
             for (where, state), run in zip(states, group.runs) if state != "complete"]
    notes += [f"{where} frozen since epoch {run.summary['frozen_since']}"
              for (where, _), run in zip(states, group.runs)
              if run.complete and "frozen_since" in run.summary]
    if group.codes > 1:
        notes.append(f"{group.codes} versions of the code")
    return "; ".join(notes) or "complete"


def losses_row(group):
    """A row of the first table: dict of column -> str."""
    epochs = mean_sd(run.epochs for run in settled(group.runs))
    return {"": group.name, "runs": f"{len(settled(group.runs))}", "epochs": epochs.format(3),
            "training loss": group.final("train_loss").format(),
            "validation loss": group.final("valid_loss").format(),
            "best validation RMSE, px": group.best_valid_rmse_px.format(),
            "training RMSE then, px": group.train_rmse_px.format(),
            "s/epoch": mean_sd(run.seconds_per_epoch for run in settled(group.runs)).format(3),
            "state": state_text(group)}


def levels_row(group):
    """A row of the second table: dict of column -> str."""
    row = {"": group.name}
    for level in LEVELS:
        reached = [at for at in (reach(run, level) for run in group.runs) if at]
        row[f"{level:g}"] = "-" if not reached else (
            f"{mean_sd(at.epoch for at in reached).format(3)}, "
            f"{mean_sd(at.seconds for at in reached).format(3)} s"
            + (f" ({len(reached)} of {len(group.runs)})" if len(reached) < len(group.runs)
               else ""))
    return row


def as_dict(group):
    """A group for summary.json; numbers as mean, sd and n."""
    return {
        "name": group.name, "variant": group.variant, "model": group.model,
        "seeds": group.seeds, "folds": group.folds, "data": group.label,
        "states": [run.state for run in group.runs],
        "epochs": [run.epochs for run in group.runs],
        **{name: group.final(name)._asdict()
           for name in ("train_loss", "valid_loss")},
        "best_valid_rmse_px": group.best_valid_rmse_px._asdict(),
        "train_rmse_px": group.train_rmse_px._asdict(),
        "levels": {f"{level:g}": [at and at._asdict() for at in
                                  (reach(run, level) for run in group.runs)]
                   for level in LEVELS},
    }
