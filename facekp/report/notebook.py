"""What the notebooks call: they hold the story, this holds the handling."""
from pathlib import Path

from facekp.errors import ConfigError
from facekp.report.sources import Missing, Sources


def open_results(project=".."):
    """The runs and faces of a checkout.

    The reader's own ``runs/``, if a run of the paper's experiments is among them, and Kaggle's
    faces in ``data/kaggle`` where they are there; else the ``results/`` that the checkout brings,
    and a few synthetic faces, drawn at once.

    Parameters
    ----------
    project : path

    Returns
    -------
    facekp.report.sources.Sources
    """
    from facekp.data.sources import holds_kaggle_files
    from facekp.experiment.paper import PUBLISHED

    project = Path(project)
    data = project / "data" / "kaggle"
    faces = data if holds_kaggle_files(data) else None
    sources = Sources(project / "runs", faces)
    # those of make demo and of a quick trial have nothing that the notebooks show
    has_runs = any(run.experiment in PUBLISHED and run.epochs for run in sources.all_runs)
    if not has_runs:
        sources = Sources(project / "results", faces)
    where = "your own runs/" if has_runs else "the results/ that come with the project"
    n = len(sources.runs)
    say(f"Numbers from {where} ({n} run{'' if n == 1 else 's'}); faces: "
        f"{'those of data/kaggle' if faces else 'synthetic'}.")
    return sources


def say(text):
    """Show Markdown."""
    from IPython.display import Markdown, display
    display(Markdown(text))


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
