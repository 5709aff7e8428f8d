"""What the notebooks call: they hold the story, this holds the handling."""
from pathlib import Path

import numpy as np

from facekp.errors import ConfigError
from facekp.report.sources import Missing, Sources


def open_results(project=".."):
    """The runs and faces of a checkout.

    The reader's own ``runs/``, if a run of an experiment is among them that says what it is, and
    Kaggle's faces in ``data/kaggle`` where they are there; else the ``results/`` that the checkout
    brings, and a few synthetic faces, drawn at once.

    Parameters
    ----------
    project : path

    Returns
    -------
    facekp.report.sources.Sources
    """
    from facekp.data.sources import holds_kaggle_files

    project = Path(project)
    data = project / "data" / "kaggle"
    faces = data if holds_kaggle_files(data) else None
    brought = Sources(project / "results", faces)
    known = [about for name, about in brought.abouts.items() if about.title]
    own = Sources(project / "runs", faces, known)
    # those of make demo and of a quick trial have nothing that the notebooks show
    has_runs = any(run.epochs and "/" not in run.experiment and own.abouts[run.experiment].title
                   for run in own.all_runs)
    sources = own if has_runs else brought
    where = "your own runs/" if has_runs else "the results/ that come with the project"
    n = len(sources.runs)
    say(f"Numbers from {where} ({n} run{'' if n == 1 else 's'}); faces: "
        f"{'those of data/kaggle' if faces else 'synthetic'}.")
    return sources


def say(text):
    """Show Markdown."""
    from IPython.display import Markdown, display
    display(Markdown(text))


def tell(sources, *experiments):
    """Show what the runs of experiments say: tables, and answers to the paper's claims.

    Parameters
    ----------
    sources : Sources
    experiments : str, like "lenet"

    Raises
    ------
    ConfigError
        If there is no experiment of that name.
    """
    from facekp.report import stories

    for name in experiments:
        if name not in sources.abouts:
            raise ConfigError(f"experiment: found {name!r}, expected one of "
                              f"{', '.join(sources.abouts) or 'none: there is no run'}")
        say(stories.experiment(sources, name))


def tell_of_data(sources):
    """Show how many images are at hand, and how large the faces are."""
    faces = sources.training
    points = faces.y.reshape(len(faces.y), -1, 2)
    eyes = np.hypot(*(points[:, 0] - points[:, 1]).T)
    say(f"Here are {len(faces.X)} images of 96x96 pixels with all 15 keypoints: "
        f"**{faces.provenance['label']}**. Their eyes are {np.mean(eyes):.1f} px apart on average "
        f"(standard deviation {np.std(eyes):.1f} px). The paper has 7049 images of Kaggle's for "
        "training, 2140 of them with all keypoints.")


def show(sources, *names):
    """Draw figures by their names, or say what is missing.

    Parameters
    ----------
    sources : Sources
    names : str, like "figure05-optimizers" (:func:`facekp.report.figures.figures`)

    Raises
    ------
    ConfigError
        If there is no figure of that name.
    """
    from IPython.display import Image, display
    from facekp.plots.style import small_png
    from facekp.report.figures import figures

    known = figures(sources)
    for name in names:
        if name not in known:
            raise ConfigError(f"figure: found {name!r}, expected one of {', '.join(known)}")
        try:
            figure = known[name].draw()
        except Missing as error:
            say(f"*{name} is not drawn: {error}.*")
            continue
        width = figure.get_size_inches()[0]
        display(Image(small_png(figure), width=int(96 * width * 1.25), alt=known[name].shows))
