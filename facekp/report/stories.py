"""What the runs say about each section of the paper, as Markdown with the runs' own numbers.

Each function takes :class:`facekp.report.sources.Sources` and returns text; where a run is missing
or unfinished, the text says so.
"""
import numpy as np

from facekp.analysis.aggregate import group_runs
from facekp.analysis.claims import across_nets, findings
from facekp.report import summary, tables
from facekp.report.paper_table import CAVEAT
from facekp.report.sources import Missing
from facekp.report.wording import sentences
from facekp.runs.read import labels


def data(sources):
    """Section 3: the images at hand."""
    faces = sources.training
    y = faces.y.reshape(len(faces.y), -1, 2)
    eyes = np.hypot(*(y[:, 0] - y[:, 1]).T)
    return (f"Here are {len(faces.X)} images of 96x96 pixels with all 15 keypoints: "
            f"**{faces.provenance['label']}**. Their eyes are {np.mean(eyes):.1f} px apart on "
            f"average (standard deviation {np.std(eyes):.1f} px). The paper has 7049 images of "
            "Kaggle's for training, 2140 of them with all keypoints.")


def experiment(sources, name):
    """An experiment's table, the answers to its claims, and the paper's numbers.

    Parameters
    ----------
    sources : Sources
    name : str

    Returns
    -------
    str
    """
    runs, about = sources.of(name), sources.about(name)
    if not runs:
        return f"There is no run yet: `{sources.command(name)}`."
    paper = "; ".join(row["statement"] for row in about.paper)
    scores = any(net.get("score") for net in about.nets)
    return "\n\n".join(filter(None, [
        tables.groups_table(group_runs(runs)).markdown(),
        summary.bullets(sentences(findings(sources, name))),
        f"Trained on: {tables.one_line(labels(runs))}." + f" The paper: {paper}." * bool(paper)
        + f" {CAVEAT}" * scores]))


def ranking(sources):
    """Are the nets ordered as the paper's scores order them, and what do near-duplicates hide?"""
    lines = sentences(across_nets(sources))
    return f"{summary.bullets(lines)}\n\n{CAVEAT}" if lines else "Fewer than two nets so far."


def network(sources, *places, files=("weights.npz", "conv_weights.npz")):
    """Which net is shown: the first of some places that has one of some files."""
    try:
        run = sources.first(places, *files)
    except Missing as error:
        return f"There is no trained net yet: {error}."
    return (f"The net of {run.title}, fold {run.fold}, trained on {run.label}: best epoch "
            f"{run.best_epoch} of {run.epochs}, {run.best_valid_rmse_px:.2f} px in validation.")
