"""What runs say, section by section: the nets, each experiment, errors, pictures.

results/README.md and the HTML page are this story as Markdown and as HTML; the notebooks, and an
experiment's ``summary.md`` (:func:`conclude`), take single sections of it.
"""
from pathlib import Path
from typing import NamedTuple

from facekp import files, plots
from facekp.analysis.aggregate import group_runs
from facekp.analysis.claims import findings
from facekp.analysis.nets import across_nets, near_duplicates
from facekp.errors import FacekpError
from facekp.report import drawings, figures
from facekp.report.tables import (groups_table, keypoints_table, levels_table, markdown,
                                  narrowed, nets_table, one_line, paper_and_ours, text)
from facekp.report.wording import LOSSES, sentences
from facekp.runs.read import Collection, labels, warning

CAVEAT = ("The paper's scores were measured on Kaggle's test images, two thirds of which were "
          "labelled by another scheme: they are not comparable with a validation error, ours or "
          "the paper's.")

NOTE = ("Losses are mean squared errors of the scaled targets, after the last epoch; ± is the "
        "standard deviation over seeds and folds. Training losses are measured while the weights "
        "move, dropout on; the training RMSE is that of the best epoch's weights on all training "
        "images, dropout off.")

LEVELS_NOTE = ("Epochs, and seconds (epochs times the median epoch), until the {} of {} is first "
               "at or below:")

PRINTED = ("variant", "runs", "epochs", "training loss", "validation loss", "validation RMSE, px",
           "averaged weights, px", "no near-duplicate, px", "training RMSE, dropout off, px",
           "test, first scheme, px", "test, second scheme, px", "seconds per epoch", "state")
"""Columns that fit into a terminal."""


class Section(NamedTuple):
    """A section of the story."""

    name: str      # of an experiment, or "nets", "errors", ...
    title: str
    text: str      # Markdown
    figures: list  # of facekp.report.figures.Figure


def sections(sources):
    """The story of :class:`facekp.report.sources.Sources`: dict of str -> :class:`Section`, those
    in which there is something."""
    told = [("nets", "The nets", nets(sources)),
            *((about.name, heading(about), experiment(sources, about.name))
              for about in sources.abouts.values()),
            ("errors", drawings.ERRORS, errors_by_keypoint(sources)),
            *((title, title, "") for title in drawings.OTHERS)]
    drawn = figures.figures(sources).values()
    found = [Section(*section, [figure for figure in drawn if figure.section in section[:2]])
             for section in told]
    return {section.name: section for section in found if section.text or section.figures}


def heading(about):
    """An experiment's title with its section of the paper."""
    return f"{about.title or about.name}" + f" ({about.section})" * bool(about.section)


def nets(sources):
    """The nets side by side: are they ordered as the paper's scores order them, and what do
    near-duplicates hide?"""
    table = markdown(nets_table(sources))
    return table and paragraphs(table, bullets(across_nets(sources)), CAVEAT)


def experiment(sources, name):
    """An experiment's table, the answers to its claims, and the paper's numbers beside ours."""
    runs, about = sources.of(name), sources.about(name)
    if not runs:
        return f"There is no run yet: `make {name}`."
    found = answers(sources, name)
    table, alike = narrowed(groups_table(group_runs(runs)))
    return paragraphs(
        markdown(table), alike and f"All rows: {one_line(alike)}.", *levels(found, markdown),
        bullets(found),
        markdown(paper_and_ours(sources, name)), f"Trained on: {one_line(labels(runs))}."
        + f" {CAVEAT}" * any(net.get("score") for net in about.nets))


def errors_by_keypoint(sources):
    """The error of each keypoint, a column for each net that has been trained; "" without one."""
    try:
        errors, label = drawings.errors_of_nets(sources)
    except FacekpError:  # there are none, or they are damaged: the figures say so
        return ""
    return paragraphs(f"RMSE over x and y, px, on validation images ({one_line(label)}).",
                      markdown(keypoints_table(errors)))


def answers(collection, name):
    """list of Finding, what the runs of an experiment say."""
    return findings(collection, name) + near_duplicates(collection, name)


def levels(found, render):
    """What findings on the fastest variant rest on: notes and tables, as list of str."""
    races = [finding.numbers for finding in found if finding.kind == "fastest" and finding.numbers]
    return [part for race in races for part in (
        LEVELS_NOTE.format(LOSSES[race["column"]], "runs with the same seeds and folds"),
        render(levels_table(race["sides"], race["column"], race["levels"])))]


def bullets(found):
    """Findings as a Markdown list."""
    return "\n".join(f"* {line}" for line in sentences(found))


def paragraphs(*texts):
    """Those texts that are not empty, apart from each other."""
    return "\n\n".join(filter(None, texts))


def conclude(root, name, say=print, warn=warning, curves=True):
    """Print the tables of all runs of an experiment that are on disk, and write ``summary.md``,
    ``summary.json`` and, if asked to, ``curves.png`` in ``<root>/<name>``.

    `warn` is told about damaged runs, which are left out.
    """
    collection, folder = Collection(root, warn), Path(root, name)
    runs = collection.of(name)
    if not runs:
        return
    groups = group_runs(runs)
    title = one_line(f"{collection.about(name).title or name}, {labels(runs)}")
    means, paper, found = groups_table(groups), paper_and_ours(collection, name), answers(
        collection, name)
    all_levels = levels_table({group.name: group.runs for group in groups})
    note = LEVELS_NOTE.format(LOSSES["valid_loss"], "all runs")
    say(paragraphs(
        title, NOTE, text(means[[column for column in PRINTED if column in means]]),
        *(levels(found, text) or (note, text(all_levels))), bullets(found),
        "" if paper.empty else text(paper[["the paper", "ours"]])))
    folder.mkdir(parents=True, exist_ok=True)  # all its runs may be another experiment's
    files.write_text(folder / "summary.md", paragraphs(
        f"# {title}", experiment(collection, name), NOTE, note, markdown(all_levels)) + "\n")
    files.write_json(folder / "summary.json", {
        "experiment": name, "data": labels(runs), "answers": sentences(found),
        "verdicts": {finding.statement: finding.verdict for finding in found if finding.verdict},
        "runs": [{name: value for name, value in run.row().items() if name != "folder"}
                 for run in runs]})
    say(f"tables: {folder / 'summary.md'}")
    if curves:
        losses = drawings.curves({group.name: list(group.runs) for group in groups
                                  if group.runs[0].epochs})  # of no ensemble
        plots.save(plots.loss_curves(losses, title), folder / "curves.png")
        say(f"curves: {folder / 'curves.png'}")
