"""`make report`: all runs on one HTML page that needs nothing else, no network either.

The page's texts come from jinja2 with autoescape, its numbers as JSON, its pictures as PNG within
it. Its content security policy allows no script but the two it was written with. Its sections
follow from what the experiments say of themselves (:class:`facekp.runs.about.About`).
"""
import base64
import hashlib
from pathlib import Path

import jinja2
from markupsafe import Markup

from facekp import files
from facekp.analysis.aggregate import group_runs
from facekp.errors import FacekpError, RunError
from facekp.plots.style import small_png
from facekp.report import charts, paper_table, stories, tables
from facekp.report.figures import ARCHITECTURES, ERRORS, FACES, FILTERS, figures
from facekp.report.markdown import to_html
from facekp.runs.read import labels
from facekp.text import shown_path


def write_report(sources, path, say=print):
    """Write the page of :class:`facekp.report.sources.Sources`, atomically; see :func:`page`."""
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

    A page needs no 2140 synthetic faces that no run was trained on. Raises DataError if there is
    no such folder.
    """
    from facekp.data import DEFAULT_FOLDER, SYNTHETIC_FOLDER, resolve
    absent = Path(data) == Path(DEFAULT_FOLDER) and not Path(data).exists()
    return None if absent and not Path(SYNTHETIC_FOLDER).exists() else resolve(data)


def page(sources):
    """The page of :class:`facekp.report.sources.Sources`, as str; RunError if there is no run."""
    runs = sources.all_runs
    if not runs:
        raise RunError(f"{shown_path(sources.root)}: holds no runs; train some first, or name the "
                       "folder that holds them")
    environment = jinja2.Environment(loader=jinja2.PackageLoader("facekp.report"), autoescape=True,
                                     undefined=jinja2.StrictUndefined, trim_blocks=True,
                                     lstrip_blocks=True)
    scripts = [plotly_js(), template("report.js")]
    shown = pictures(sources)
    experiments = [(f"experiment-{k}", heading(about), to_html(stories.experiment(sources, name)),
                    shown.get(name, ())) for k, (name, about) in enumerate(
                        sources.abouts.items(), 1)]
    others = [(f"pictures-{k}", name, shown.get(name, ())) for k, name in enumerate(
        (ERRORS, FACES, FILTERS, ARCHITECTURES), 1)]
    return environment.get_template("report.html").render(
        title=f"facekp: {len(runs)} run{'' if len(runs) == 1 else 's'}", label=labels(runs),
        sections=[("runs", "Runs"), ("means", "Means"), ("curves", "Loss curves"),
                  ("paper", "Paper and ours"), *(part[:2] for part in experiments),
                  ("nets", "Nets compared"), *(part[:2] for part in others),
                  ("provenance", "Provenance")],
        runs=tables.runs_table(runs), groups=tables.groups_table(group_runs(runs)),
        charts=loss_charts(sources), none_there=tables.NONE,
        statements=to_html(paper_table.paper_and_ours(sources).markdown()),
        experiments=experiments, nets=to_html(stories.ranking(sources)), pictures=others,
        keypoints=tables.keypoints_table(sources), provenance=tables.provenance_tables(runs),
        css=Markup(template("report.css")), scripts=[Markup(text) for text in scripts],
        policy=policy(scripts))


def template(name):
    """The text of a file in facekp/report/templates."""
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def plotly_js():
    """The library that draws the loss curves."""
    from plotly.offline import get_plotlyjs
    return get_plotlyjs()


def policy(scripts):
    """A content security policy: these scripts and what is within the page, nothing else."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
              for text in scripts]
    return ("default-src 'none'; script-src " + " ".join(f"'sha256-{text}'" for text in hashes)
            + "; style-src 'unsafe-inline'; img-src data: blob:")


def heading(about):
    """An experiment's title with its section of the paper."""
    return " ".join(filter(None, (about.section, about.title or about.name)))


def loss_charts(sources):
    """By the heading of each experiment, its loss curves (:func:`facekp.report.charts.chart`)."""
    found = {}
    for about in sources.abouts.values():
        runs = [run for run in sources.all_runs if run.experiment == about.name]
        groups = sources.groups(about.name, runs or None)
        if groups:
            found[heading(about)] = charts.chart(groups)
    return found


def pictures(sources):
    """All figures as the page's template takes them, dict of str -> list of dict by section."""
    found = {}
    for figure in figures(sources).values():
        found.setdefault(figure.section, []).append(_picture(figure))
    return found


def _picture(figure):
    """What a figure shows, and its ``png`` (base64), or why it is ``missing``."""
    try:
        drawn = figure.draw()
    except FacekpError as error:
        return {"shows": figure.caption, "missing": str(error)}
    inches = drawn.get_size_inches()[0]
    return {"shows": figure.caption, "png": base64.b64encode(small_png(drawn)).decode(),
            "width": round(96 * 1.2 * inches), "wide": inches > 5}
