"""results/README.md, all that our own runs gave on one page, and README's table of the nets."""
from pathlib import Path

from facekp import files
from facekp.analysis.claims import across_nets, findings
from facekp.errors import ConfigError, FacekpError
from facekp.plots.style import small_png
from facekp.report import stories, wording
from facekp.report.figures import figures
from facekp.report.paper_table import CAVEAT, nets_table, paper_and_ours
from facekp.report.sources import Sources
from facekp.runs.read import Collection, labels, warning

BEGIN, END = "<!-- results: written by make results -->", "<!-- end of results -->"

DEMO = "docs/images/demo_faces.png"

HEAD = """# What our own runs gave

Written by `make results`, which draws the figures too. Faces in pictures are synthetic: Kaggle's
may not be passed on. Each run's settings, versions, data and history lie in the folders beside this
page; the data of each number is named with it. How they are measured, what ± and p mean, and what
twins and near-duplicates are: [Results and statistics](../docs/results.md)."""


def text(sources):
    """The page."""
    shown = {}
    for figure in figures(sources).values():
        if (sources.root / "figures" / f"{figure.name}.png").exists():
            shown.setdefault(figure.section, []).append(
                f"{figure.caption}\n\n![{figure.shows}](figures/{figure.name}.png)")
    parts = [HEAD, "## The nets", nets_table(sources).markdown(), stories.ranking(sources),
             "## Paper and ours", paper_and_ours(sources).markdown()]
    for name, about in sources.abouts.items():
        section = f" ({about.section})" if about.section else ""
        parts += [f"## {about.title or name}{section}", stories.experiment(sources, name),
                  *shown.pop(name, ())]
    for title, drawn in shown.items():
        parts += [f"## {title}", *drawn]
    if (sources.root.parent / DEMO).exists():
        parts += ["## Predicted faces (figure 9)", "On synthetic faces, by the net of `make demo`:",
                  f"![predicted faces](../{DEMO})"]
    return "\n\n".join(parts) + "\n"


def write(root):
    """Draw the figures that the results allow, and write the page."""
    sources = Sources(root)
    (sources.root / "figures").mkdir(exist_ok=True)
    for figure in figures(sources).values():
        path = sources.root / "figures" / f"{figure.name}.png"
        try:
            content = small_png(figure.draw())
        except FacekpError:
            path.unlink(missing_ok=True)
            continue
        with files.replacing(path) as file:
            file.write(content)
    with files.replacing(sources.root / "README.md", "w", encoding="utf-8") as file:
        file.write(text(sources))


def front(root, warn=warning):
    """README's part: the nets, what the claims came to in three sentences, and a caveat."""
    collection = Collection(root, warn)
    across = {finding.kind: finding for finding in across_nets(collection)}
    answers = wording.verdicts(finding for about in collection.side_by_side
                               for finding in findings(collection, about.name))
    lines = []
    if "ranking" in across:
        best, *_, last = across["ranking"].numbers["px"]
        order = wording.ORDER[across["ranking"].verdict]
        lines.append(f"By our validation error the nets have {order} as by the paper's scores: "
                     f"{best} is best, {last} is last.")
    if answers:
        lines.append("; ".join(answers) + ".")
    if "near-duplicates" in across:
        lines.append(f"{wording.shares(across['near-duplicates'].numbers)} of the validation "
                     "images show a person whom a training image shows a moment earlier or later; "
                     "*leak-free* is the error without those.")
    faces = f"Trained and validated on: {labels(collection.runs)}."
    return "\n\n".join(filter(None, [nets_table(collection).markdown(),
                                     " ".join([faces] + lines), CAVEAT]))


def write_readme(path, root, warn=warning):
    """Put README's part between the markers of a Markdown file; ConfigError where they lack."""
    content = Path(path).read_text(encoding="utf-8")
    if content.count(BEGIN) != 1 or content.count(END) != 1:
        raise ConfigError(f"{path}: expected the lines {BEGIN} and {END}, once each, where the "
                          "table goes; put them back")
    before, rest = content.split(BEGIN)
    after = rest.split(END)[1]
    with files.replacing(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n\n{front(root, warn)}\n\n{END}{after}")
