"""What runs say, section by section: the nets, each experiment, errors, pictures.

results/README.md and the HTML page are this story as Markdown and as HTML; ``summary.md`` and the
notebooks take single sections of it.
"""
from typing import NamedTuple

from facekp.analysis.aggregate import group_runs
from facekp.analysis.claims import across_nets, findings
from facekp.analysis.claims.nets import near_duplicates
from facekp.errors import FacekpError
from facekp.report import drawings, figures
from facekp.report.paper import CAVEAT, paper_and_ours
from facekp.report.tables import (groups_table, keypoints_table, markdown, nets_table,
                                  one_line)
from facekp.report.wording import sentences
from facekp.runs.read import labels


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
    scores = any(net.get("score") for net in about.nets)
    return paragraphs(markdown(groups_table(group_runs(runs))), bullets(answers(sources, name)),
                      markdown(paper_and_ours(sources, name)),
                      f"Trained on: {one_line(labels(runs))}." + f" {CAVEAT}" * scores)


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


def bullets(found):
    """Findings as a Markdown list."""
    return "\n".join(f"* {line}" for line in sentences(found))


def paragraphs(*texts):
    """Those texts that are not empty, apart from each other."""
    return "\n\n".join(filter(None, texts))
