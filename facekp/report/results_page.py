"""results/README.md: all that our own runs gave on one page, numbers and figures of the paper."""
from pathlib import Path

from facekp import files
from facekp.report import paper_table
from facekp.errors import RunError
from facekp.report.figures import figures
from facekp.plots.style import small_png
from facekp.report.sources import Missing, Sources

SECTIONS = (
    ("The nets (section 2)", ("figure01-lenet5", "figure01-lenet5-classic", "figure02-vggnet",
                              "figure03-cnn14")),
    ("Faces and mirror images (3, 5.4)", ("figure04-sample-face", "figure10-mirror-image")),
    ("LeNet-5 and VGGNet (5.1, 5.2)", ("losses-lenet-vggnet",)),
    ("Five optimizers (5.3)", ("figure05-optimizers",)),
    ("Dropout (5.3)", ("figure06-dropout",)),
    ("Mirror images and batch normalization (5.4)", ("losses-augmentation",)),
    ("Filters and activations (5.3)", ("figure07-filters", "figure08-activations")),
    ("Errors by keypoint", ("errors-mean-face", "errors-by-keypoint", "errors-cumulative")),
)
"""Titles and names of figures (:func:`facekp.report.figures.figures`)."""

DEMO = "docs/images/demo_faces.png"

HEAD = """# What our own runs gave

Written by `make results`, which draws the figures too. Faces in pictures are synthetic: Kaggle's
may not be passed on. Each run's settings, versions, data and history lie in the folders beside this
page; the data of each number is named with it, and explained in [README](../README.md#results).
"""


def text(root):
    """The page.

    Parameters
    ----------
    root : path of results/, with figures/ in it

    Returns
    -------
    str, Markdown
    """
    root, known = Path(root), figures(Sources(root))
    parts = [HEAD, "## Paper and ours\n", paper_table.table(root) + "\n"]
    for title, names in SECTIONS:
        parts.append(f"## {title}\n")
        for name in names:
            if name not in known:
                continue
            there = (root / "figures" / f"{name}.png").exists()
            parts.append(f"{known[name].caption}\n\n![{known[name].shows}](figures/{name}.png)\n"
                         if there else f"{known[name].caption}: not drawn yet.\n")
    if (root.parent / DEMO).exists():
        parts.append("## Predicted faces (figure 9)\n\nOn synthetic faces, by the net of `make "
                     f"demo`:\n\n![predicted faces](../{DEMO})\n")
    return "\n".join(parts)


def write(root):
    """Draw the figures that the results allow, and write the page.

    Parameters
    ----------
    root : path of results/
    """
    root, sources = Path(root), Sources(root)
    wanted = {name for _, names in SECTIONS for name in names}
    (root / "figures").mkdir(exist_ok=True)
    for figure in figures(sources).values():
        path = root / "figures" / f"{figure.name}.png"
        if figure.name in wanted:
            try:
                content = small_png(figure.draw())
            except (Missing, RunError):
                path.unlink(missing_ok=True)
                continue
            with files.replacing(path) as file:
                file.write(content)
    with files.replacing(root / "README.md", "w", encoding="utf-8") as file:
        file.write(text(root))
