"""results/README.md, all that our own runs gave on one page, and README's table of the nets."""
import contextlib

from facekp import files
from facekp.analysis.claims import findings
from facekp.analysis.nets import across_nets
from facekp.errors import FacekpError, RunError
from facekp.plots.style import small_png
from facekp.report import figures, story, wording
from facekp.report.sources import Sources
from facekp.report.tables import markdown, nets_table
from facekp.runs.read import Collection, labels

BEGIN, END = "<!-- results: written by make results -->", "<!-- end of results -->"

DEMO = "docs/images/demo_faces.png"

HEAD = """# What our own runs gave

Written by `make results`, which draws the figures too. Faces in pictures are synthetic: Kaggle's
may not be passed on. Each run's settings, versions, data and history lie in the folders beside this
page; the data of each number is named with it. How they are measured, what ± and p mean, and what
twins and near-duplicates are: [Results and statistics](../docs/results.md)."""


def text(sources):
    """The page."""
    parts = [HEAD]
    for section in story.sections(sources).values():
        drawn = [f"{figure.caption}\n\n![{figure.shows}](figures/{figure.name}.png)"
                 for figure in section.figures
                 if (sources.root / "figures" / f"{figure.name}.png").exists()]
        if section.text or drawn:
            parts += [f"## {section.title}", section.text, *drawn]
    if (sources.root.parent / DEMO).exists():
        parts += ["## Predicted faces (figure 9)", "On synthetic faces, by the net of `make demo`:",
                  f"![predicted faces](../{DEMO})"]
    return story.paragraphs(*parts) + "\n"


def write(root):
    """Draw those figures that are kept and that the results allow, and write the page."""
    sources = Sources(root)
    folder = sources.root / "figures"
    folder.mkdir(exist_ok=True)
    for figure in figures.figures(sources).values():
        path, content = folder / f"{figure.name}.png", None
        if figure.kept:
            with contextlib.suppress(FacekpError):
                content = small_png(figure.draw())
        if content is None:
            path.unlink(missing_ok=True)
        else:
            files.write_bytes(path, content)
    files.write_text(sources.root / "README.md", text(sources))


def front(root):
    """README's part: the nets, what the claims came to in three sentences, and a caveat. Raises
    RunError where there is no run."""
    collection = Collection(root)
    if not collection.runs:
        raise RunError(f"{root}: holds no run, so the table would be empty; name another folder of "
                       "results")
    across = {finding.kind: finding for finding in across_nets(collection)}
    answers = wording.verdicts(finding for about in collection.side_by_side
                               for finding in findings(collection, about.name))
    lines = [f"Trained and validated on: {labels(collection.runs)}."]
    if "ranking" in across:
        best, *_, last = across["ranking"].numbers["px"]
        lines.append("By our validation error the nets are "
                     f"{wording.ORDER[across['ranking'].verdict]} "
                     f"by the paper's scores: {best} is best, {last} is last.")
    if answers:
        lines.append("; ".join(answers) + ".")
    if "near-duplicates" in across:
        lines.append(f"{wording.shares(across['near-duplicates'].numbers)} of the validation "
                     "images show a person whom a training image shows a moment earlier or later; "
                     "*leak-free* is the error without those.")
    return story.paragraphs(markdown(nets_table(collection)), " ".join(lines), story.CAVEAT)


def write_readme(path, root):
    """Put README's part between the markers of a Markdown file; ConfigError where they lack."""
    files.put_between(path, BEGIN, END, front(root))
