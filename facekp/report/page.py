"""`make report`: all runs on one HTML page that needs nothing else, no network either.

The page is the story (:mod:`facekp.report.story`) with loss curves that can be zoomed, the table of
all runs, and where all comes from. What comes from files stays text: Markdown is rendered without
HTML, links and pictures, the template escapes, and the content security policy allows no script
but the page's own.
"""
import base64
import hashlib
from pathlib import Path

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup
from pandas import DataFrame

from facekp import files
from facekp.errors import FacekpError, RunError
from facekp.plots.style import small_png
from facekp.report import charts
from facekp.report.story import paragraphs, sections
from facekp.report.tables import markdown, runs_table
from facekp.report.wording import plural
from facekp.runs.read import labels
from facekp.runs.version import version_of
from facekp.text import shown_path

RUNS = ("One row per run. Validation RMSE is that of the "
        "best epoch; the mean face is what predicting the same mean keypoints for every image "
        "gives.")


def write_report(sources, path):
    """Write the page of :class:`facekp.report.sources.Sources`, atomically; see :func:`page`."""
    path = Path(path)
    html = page(sources)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_bytes(path, html.encode(errors="backslashreplace"))  # a folder's name may be any
    print(f"{shown_path(path)}: {plural(len(sources.all_runs), 'run')}, {len(html) / 1e6:.1f} MB")


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
    told = [(section.title, section.text, charts.chart(sources.groups(name)),
             list(map(picture, section.figures))) for name, section in sections(sources).items()]
    provenance = paragraphs(*(part for title, table in provenance_tables(runs).items()
                              for part in (f"**{title}**", markdown(table))))
    scripts = [plotly_js(), template("report.js")]
    environment = jinja2.Environment(loader=jinja2.PackageLoader("facekp.report"), autoescape=True,
                                     undefined=jinja2.StrictUndefined, trim_blocks=True,
                                     lstrip_blocks=True)
    environment.filters["html"] = to_html
    return environment.get_template("report.html").render(
        title=f"facekp: {plural(len(runs), 'run')}", label=labels(runs),
        sections=[*told, ("Runs", paragraphs(RUNS, markdown(runs_table(runs))), None, ()),
                  ("Provenance", provenance, None, ())],
        css=Markup(template("report.css")), scripts=[Markup(text) for text in scripts],
        policy=policy(scripts))


def to_html(text):
    """HTML of Markdown; links and pictures stay text, since a page must load nothing."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(
        ["link", "image", "autolink", "reference", "entity", "code", "heading", "lheading"])
    parser.renderer.rules["table_open"] = lambda *args: '<div class="box" tabindex="0"><table>\n'
    parser.renderer.rules["table_close"] = lambda *args: "</table></div>\n"
    return Markup(parser.render(text))


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


def picture(figure):
    """What a figure shows, and its ``png`` (base64), or why it is ``missing``."""
    try:
        drawn = figure.draw()
    except FacekpError as error:
        return {"shows": figure.caption, "missing": str(error)}
    inches = drawn.get_size_inches()[0]
    return {"shows": figure.caption, "png": base64.b64encode(small_png(drawn)).decode(),
            "width": round(96 * 1.2 * inches), "wide": inches > 5}


# ---- provenance ---------------------------------------------------------------------------------

def provenance_tables(runs):
    """Software and machine, and data, of runs: pandas.DataFrame of str by title; equal rows
    together, with how many runs and which seeds they are of.

    The host's name and paths of the machine are left out: a report is passed on.
    """
    return {"Software and machine": _distinct((_made_with(run.config), run) for run in runs),
            "Data": _distinct(
                ({"label": run.label, "file": file, "sha256": sha256}, run) for run in runs
                for file, sha256 in {**run.config["data"]["files"],
                                     **(run.config.get("test_data") or {})}.items())}


def _made_with(config):
    versions, engine, git, host = (config.get(name) or {} for name in (
        "versions", "engine", "git", "host"))
    cores = host.get("cores", "?")
    return {"versions": ", ".join(" ".join(map(str, pair)) for pair in versions.items()),
            "machine": f"{host.get('cpu', '?')}, {cores} core{'s' * (cores != 1)}; "
                       f"{host.get('system', '?')}",
            "engine": ", ".join(" ".join(map(str, pair)) for pair in engine.items()),
            "threads": config.get("threads", "?"),
            "git revision": f"{git.get('revision') or 'no checkout'}"
                            + ", with uncommitted changes" * (git.get("dirty") is True),
            "training version": version_of(config)}


def _distinct(rows):
    table = DataFrame([{**row, "seeds": run.seed} for row, run in rows])
    if table.empty:
        return table
    names = [name for name in table if name != "seeds"]
    equal = table.astype(dict.fromkeys(names, str)).groupby(names, sort=False)["seeds"]
    return equal.agg(runs="size", seeds=lambda seeds: ", ".join(map(str, sorted(set(seeds))))
                     ).reset_index().astype(str)
