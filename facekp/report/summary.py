"""What an experiment came to: its tables and answers, printed and left in its folder."""
from pathlib import Path

from facekp import files
from facekp.analysis.aggregate import group_runs
from facekp.report import story, tables
from facekp.report.paper import paper_and_ours
from facekp.report.wording import sentences
from facekp.runs.read import Collection, labels, warning

NOTE = ("Losses are mean squared errors of the scaled targets, after the last epoch; ± is the "
        "standard deviation over seeds and folds. Training losses are measured while the weights "
        "move, dropout on; the training RMSE is that of the best epoch's weights on all training "
        "images, dropout off.")

PRINTED = ("variant", "runs", "epochs", "training loss", "validation loss", "validation RMSE, px",
           "averaged weights, px", "no near-duplicate, px", "training RMSE, dropout off, px",
           "test, first scheme, px", "test, second scheme, px", "seconds per epoch", "state")
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
    title = tables.one_line(f"{about.title or name}, {labels(runs)}")
    means, levels = tables.groups_table(groups), tables.levels_table(groups)
    paper, found = paper_and_ours(collection, name), story.answers(collection, name)
    say(story.paragraphs(
        title, NOTE, tables.text(means[[column for column in PRINTED if column in means]]),
        LEVELS_NOTE, tables.text(levels), story.bullets(found),
        "" if paper.empty else tables.text(paper[["the paper", "ours"]])))
    folder.mkdir(parents=True, exist_ok=True)  # all its runs may be another experiment's
    files.write_text(folder / "summary.md", story.paragraphs(
        f"# {title}", story.experiment(collection, name), NOTE, LEVELS_NOTE,
        tables.markdown(levels)) + "\n")
    files.write_json(folder / "summary.json", {
        "experiment": name, "data": labels(runs), "answers": sentences(found),
        "verdicts": {finding.statement: finding.verdict for finding in found if finding.verdict},
        "runs": [{name: value for name, value in run.row().items() if name != "folder"}
                 for run in runs]})
    say(f"tables: {folder / 'summary.md'}")
    if curves:
        from facekp import plots
        from facekp.report.drawings import curves as curves_of
        losses = curves_of({group.name: list(group.runs) for group in groups
                            if group.runs[0].epochs})  # of no ensemble
        plots.save(plots.loss_curves(losses, title), folder / "curves.png")
        say(f"curves: {folder / 'curves.png'}")
