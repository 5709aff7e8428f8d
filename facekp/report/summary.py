"""What an experiment came to: its tables and answers, printed and left in its folder."""
from dataclasses import asdict
from pathlib import Path

from facekp import files
from facekp.analysis.aggregate import LEVELS, group_runs, reach
from facekp.report import stories, tables
from facekp.report.wording import sentences
from facekp.runs.read import Collection, labels, warning

NOTE = ("Losses are mean squared errors of the scaled targets, after the last epoch; ± is the "
        "standard deviation over seeds and folds. Training losses are measured while the weights "
        "move, dropout on; the training RMSE is that of the best epoch's weights on all training "
        "images, dropout off.")

PRINTED = ("variant", "runs", "epochs", "training loss", "validation loss", "validation RMSE, px",
           "averaged weights, px", "no near-duplicate, px", "training RMSE, dropout off, px",
           "seconds per epoch", "state")
"""Columns that fit into a terminal."""

LEVELS_NOTE = ("Epochs, and seconds (epochs times the median epoch), until the validation loss is "
               "first at or below:")


def conclude(root, name, say=print, warn=warning, curves=True):
    """Print the tables of all runs of an experiment that are on disk, and write ``summary.md``,
    ``summary.json`` and, if asked to, ``curves.png`` in ``<root>/<name>``.

    `warn` is told about damaged runs, which are left out.
    """
    collection, folder = Collection(root, warn), Path(root, name)
    runs = collection.of(name)
    if not runs:
        return
    groups, about = group_runs(runs), collection.about(name)
    found = stories.answers(collection, name)
    title = tables.one_line(f"{about.title or name}, {labels(runs)}")
    levels = tables.levels_table(groups)
    say("\n\n".join(filter(None, [
        title, NOTE, tables.groups_table(groups).only(*PRINTED).text(), LEVELS_NOTE, levels.text(),
        stories.bullets(found)])))
    paper = "; ".join(row["statement"] for row in about.paper)
    if paper:
        say(f"the paper: {paper}")
    folder.mkdir(parents=True, exist_ok=True)  # all its runs may be another experiment's
    with files.replacing(folder / "summary.md", "w", encoding="utf-8") as file:
        file.write("\n\n".join([f"# {title}", stories.experiment(collection, name), NOTE,
                                LEVELS_NOTE, levels.markdown()]) + "\n")
    files.write_json(folder / "summary.json", {
        "experiment": name, "data": labels(runs), "paper": paper, "answers": sentences(found),
        "findings": [as_json(asdict(finding)) for finding in found],
        "groups": [as_dict(group) for group in groups]})
    say(f"tables: {folder / 'summary.md'}")
    if curves:
        from facekp import plots
        from facekp.report.figures import curves as curves_of
        losses = curves_of({group.name: list(group.runs) for group in groups})
        plots.save(plots.loss_curves(losses, title), folder / "curves.png")
        say(f"curves: {folder / 'curves.png'}")


def as_json(value):
    """A value of JSON: what has names, like MeanSd, by them; keys as text."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key if isinstance(key, str) else ", ".join(key): as_json(part)
                for key, part in value.items()}
    return [as_json(part) for part in value] if isinstance(value, (list, tuple)) else value


def as_dict(group):
    """A group for summary.json; numbers as mean, sd and n."""
    return {
        "name": group.name, "variant": group.variant, "model": group.model,
        "seeds": group.seeds, "folds": group.folds, "data": group.label,
        "states": [run.state for run in group.runs],
        "epochs": [run.epochs for run in group.runs],
        **{name: as_json(group.mean(lambda run: run.final(name)))
           for name in ("train_loss", "valid_loss")},
        **{name: as_json(group.mean(name)) for name in ("best_valid_rmse_px", "train_rmse_px")},
        "levels": {f"{level:g}": [as_json(reach(run, level)) for run in group.runs]
                   for level in LEVELS}}
