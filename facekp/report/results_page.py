"""results/README.md: all that our own runs gave on one page, numbers and figures of the paper."""
from facekp import files
from facekp.errors import FacekpError
from facekp.plots.style import small_png
from facekp.report import paper_table
from facekp.report.figures import figures
from facekp.report.sources import Sources

DEMO = "docs/images/demo_faces.png"

HEAD = f"""# What our own runs gave

Written by `make results`, which draws the figures too. Faces in pictures are synthetic: Kaggle's
may not be passed on. Each run's settings, versions, data and history lie in the folders beside this
page; the data of each number is named with it.

## How the numbers are measured

* Ours is the lowest error, of all epochs, on validation images that the net was not trained on.
  It is optimistic, since the epoch is chosen by these images, and some of them have
  near-duplicates in training. A seed sets the split, the initial weights and the batches; ± is
  the standard deviation over seeds and folds. *Mean face*: the error of predicting the training
  images' mean keypoints for every face.
* {paper_table.CAVEAT}
* *Twin*: a face's mirror image. Where all images are mirrored before they are split, most
  validation images have their twin in training.
* Losses are mean squared errors of the scaled targets in the last epoch: of the training images
  while the weights moved, of the validation images at its end.
* Times are epochs times the run's median epoch, without pauses; runs that trained side by side
  slowed each other. Seconds are compared where the same version of the training ran on the same
  kind of machine.
* p is of a two-sided t test of the paired runs, corrected for their common training images
  (Nadeau & Bengio 2003), not for the number of comparisons; "better", "worse" and "clear": p <
  0.05. What rests on one run each has only a direction, "lower" or "higher".
"""


def text(sources):
    """The page."""
    parts = [HEAD, "## The nets\n", paper_table.nets_table(sources).markdown() + "\n",
             "## Paper and ours\n", paper_table.table(sources) + "\n"]
    known, titles = figures(sources).values(), {}
    for name, about in sources.abouts.items():
        titles[name] = f"{about.title or name} ({about.section})".replace(" ()", "")
    shown = {section: [figure for figure in known if figure.section == section
                       and (sources.root / "figures" / f"{figure.name}.png").exists()]
             for section in [*titles, *(figure.section for figure in known)]}
    for section, drawn in shown.items():
        if drawn:
            parts.append(f"## {titles.get(section, section)}\n")
        parts += [f"{figure.caption}\n\n![{figure.shows}](figures/{figure.name}.png)\n"
                  for figure in drawn]
    if (sources.root.parent / DEMO).exists():
        parts.append("## Predicted faces (figure 9)\n\nOn synthetic faces, by the net of `make "
                     f"demo`:\n\n![predicted faces](../{DEMO})\n")
    return "\n".join(parts)


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
