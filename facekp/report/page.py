"""`make report`: all runs on one HTML page that needs nothing else, no network either.

The page's texts come from jinja2 with autoescape, its numbers as JSON, its pictures as PNG within
it. Its content security policy allows no script but the two it was written with.
"""
import base64
import contextlib
import hashlib
import io
import itertools
import re
from importlib import metadata
from pathlib import Path

import jinja2
from markupsafe import Markup

from facekp.report import tables
from facekp import files
from facekp.report import paper_table, stories, summary
from facekp.analysis.aggregate import group_runs, mean_curve
from facekp.text import shown_path
from facekp.errors import RunError
from facekp.report.figures import FIGURES
from facekp.report.markdown import to_html
from facekp.plots.curves import describe
from facekp.plots.style import COLORS, render
from facekp.runs.read import labels, of_experiment
from facekp.report.sources import Missing

COLUMNS = ("train_loss", "valid_loss", "train_loss_clean")

STATEMENTS = (
    # find_runs has said which runs are damaged
    ("Statement by statement", lambda sources: paper_table.table(sources.root, warn=str)),
    ("5.1 LeNet-5", lambda sources: stories.errors(sources, "lenet", "The paper: score 3.35.")),
    ("5.2 VGGNet", lambda sources: stories.errors(sources, "vggnet", "The paper: score 3.12.")),
    ("5.3 Optimizers", lambda sources: losses(sources, "optimizer-study")),
    ("5.3 Dropout", lambda sources: losses(sources, "dropout-ablation")),
    ("5.3 The 14-layer CNN with dropout", lambda sources: stories.errors(
        sources, "cnn14", "The paper: score 3.07730.")),
    ("5.4 Mirror images", lambda sources: stories.errors(
        sources, "lenet-augmented", "The paper: score 3.02.")),
    ("Which net is best", stories.ranking),
)
"""What the paper says and what the runs say, by section: a title and a function of Sources."""

PICTURES = {
    "Faces": ("figure09-predictions", "validation-faces", "best-and-worst-faces",
              "figure04-sample-face", "figure10-mirror-image"),
    "Errors by keypoint": ("errors-mean-face", "errors-by-keypoint", "errors-cumulative"),
    "Filters and activations": ("figure07-filters", "figure08-activations"),
    "The paper's loss figures": ("figure05-optimizers", "figure06-dropout"),
    "Architectures": ("figure01-lenet5", "figure02-vggnet", "figure03-cnn14"),
}
"""Sections of the page and the names of their figures (:data:`facekp.report.figures.FIGURES`)."""


def write_report(sources, path, say=print):
    """Write the page of a folder of runs, atomically.

    Parameters
    ----------
    sources : facekp.report.sources.Sources
    path : path
    say : callable taking a str

    Raises
    ------
    RunError
        If there is no run in the folder.
    """
    path = Path(path)
    html = page(sources)
    path.parent.mkdir(parents=True, exist_ok=True)
    # a folder's name need not be UTF-8
    with files.replacing(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(html)
    n = len(sources.all_runs)
    say(f"{shown_path(path)}: {n} run{'' if n == 1 else 's'}, {len(html) / 1e6:.1f} MB")


def faces_at_hand(data):
    """A folder of data; None, for a few synthetic faces, if it is the default one and not there.

    A page needs no 2140 synthetic faces that no run was trained on.

    Raises
    ------
    DataError
        If there is no such folder.
    """
    from facekp.data import DEFAULT_FOLDER, SYNTHETIC_FOLDER, resolve
    absent = Path(data) == Path(DEFAULT_FOLDER) and not Path(data).exists()
    return None if absent and not Path(SYNTHETIC_FOLDER).exists() else resolve(data)


def page(sources):
    """The page.

    Parameters
    ----------
    sources : facekp.report.sources.Sources

    Returns
    -------
    str
    """
    runs = sources.all_runs
    if not runs:
        raise RunError(f"{shown_path(sources.root)}: holds no runs; make some (make lenet), or "
                       "name their folder with OUT=")
    environment = jinja2.Environment(loader=jinja2.PackageLoader("facekp.report"), autoescape=True,
                                     undefined=jinja2.StrictUndefined, trim_blocks=True,
                                     lstrip_blocks=True)
    scripts = {"plotly": plotly_js(), "own": template("report.js")}
    return environment.get_template("report.html").render(
        title=f"facekp: {len(runs)} run{'' if len(runs) == 1 else 's'}", label=labels(runs),
        runs=tables.runs_table(runs), groups=tables.groups_table(group_runs(runs)),
        curves=curves(runs), none_there=tables.NONE,
        statements=[(title, to_html(story(sources))) for title, story in STATEMENTS],
        pictures=pictures(sources), keypoints=tables.keypoints_table(sources),
        provenance=tables.provenance_tables(runs), ambiguities=to_html(ambiguities()),
        css=Markup(template("report.css")),
        scripts={name: Markup(text) for name, text in scripts.items()},
        policy=policy(scripts.values()))


def template(name):
    """The text of a file in facekp/templates."""
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def ambiguities():
    """README's section of that name: from the checkout, else from the installed metadata.

    Returns
    -------
    str, Markdown
    """
    readme = Path(__file__).resolve().parents[2] / "README.md"
    found = _ambiguities_of(readme.read_text(encoding="utf-8") if readme.exists() else "")
    if not found:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found = _ambiguities_of(metadata.metadata("facekp").get_payload() or "")
    return found or "README.md has them."


def _ambiguities_of(text):
    found = re.search(r"^## Ambiguities and choices\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return found.group(1) if found else ""


def plotly_js():
    """The library that draws the loss curves."""
    from plotly.offline import get_plotlyjs
    return get_plotlyjs()


def policy(scripts):
    """A content security policy: these scripts and what is within the page, nothing else.

    Parameters
    ----------
    scripts : iterable of str

    Returns
    -------
    str
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in scripts)
    return (f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
            "img-src data: blob:")


def losses(sources, experiment):
    """An experiment's last losses, and epochs and seconds to fixed ones, as Markdown."""
    runs = [run for run in of_experiment(sources.runs, experiment) if run.epochs]
    if not runs:
        return stories.missing(sources, experiment)
    return f"Trained on: {labels(runs)}.\n\n" + summary.text(group_runs(runs), [], "pipe")


def curves(runs):
    """The loss curves of each experiment: means over seeds and folds, lowest and highest.

    Parameters
    ----------
    runs : list of facekp.runs.read.RunResult

    Returns
    -------
    list of dict
        ``name`` of the experiment; ``groups``: a list of dict with ``name``, ``note``, ``color``,
        and by column of the history ``epoch``, ``mean``, ``low``, ``high``, ``n``.
    """
    found = []
    for experiment in tables.experiments(runs):
        groups = group_runs(run for run in of_experiment(runs, experiment) if run.epochs)
        several = len({group.label for group in groups}) > 1
        colors = itertools.cycle(COLORS)
        if groups:
            found.append({"name": experiment, "groups": [{
                "name": group.name, "color": next(colors),
                "note": describe(group.runs) + (f"; {group.label}" if several else ""),
                **{column: _curve(group.runs, column) for column in COLUMNS}}
                for group in groups]})
    return found


def _curve(runs, column):
    curve = mean_curve(runs, column)
    some = curve.n > 0
    return {"epoch": curve.epoch[some].tolist(), "n": curve.n[some].tolist(),
            **{name: [float(f"{value:.5g}") for value in getattr(curve, name)[some]]
               for name in ("mean", "low", "high")}}


def pictures(sources):
    """Figures as PNG, by section; what cannot be drawn is named with the reason.

    Returns
    -------
    dict of str -> list of dict with ``name``, ``shows``, and ``png`` (base64), ``width`` (px) and
    ``wide`` (bool), or ``missing``
    """
    known = {figure.name: figure for figure in FIGURES}
    return {section: [_picture(known[name], sources) for name in names]
            for section, names in PICTURES.items()}


def _picture(figure, sources):
    number = figure.name[6:8].lstrip("0") if figure.name.startswith("figure") else None
    found = {"name": figure.name, "shows": (f"Figure {number}: " if number else "") + figure.shows}
    try:
        drawn = figure.draw(sources)
    except (Missing, RunError) as error:
        return {**found, "missing": str(error)}
    wide = drawn.get_size_inches()[0] > 5
    file = io.BytesIO()
    width = round(96 * 1.2 * drawn.get_size_inches()[0])
    render(drawn, file, "png", dpi=130 if wide else 200)
    return {**found, "png": base64.b64encode(file.getvalue()).decode(), "width": width,
            "wide": wide}
