"""What the notebooks call: they hold the story, this holds the handling."""
from pathlib import Path

import numpy as np

from facekp.errors import ConfigError, FacekpError
from facekp.report.sources import Sources
from facekp.report.wording import plural


def open_results(project=".."):
    """The runs and faces of a checkout, as :class:`facekp.report.sources.Sources`.

    The reader's own ``runs/``, if a run of an experiment is among them that says what it is, and
    Kaggle's faces in ``data/kaggle`` where they are there; else the ``results/`` that the checkout
    brings, and a few synthetic faces.
    """
    from facekp.data.sources import holds_kaggle_files

    project = Path(project)
    data = project / "data" / "kaggle"
    faces = data if holds_kaggle_files(data) else None
    sources, where = Sources(project / "results", faces), "the results/ that come with the project"
    own = Sources(project / "runs", faces, [one for one in sources.abouts.values() if one.title])
    # those of make demo and of a quick trial have nothing that the notebooks show
    if any(run.epochs and "/" not in run.experiment and own.abouts[run.experiment].title
           for run in own.all_runs):
        sources, where = own, "your own runs/"
    say(f"Numbers from {where} ({plural(len(sources.runs), 'run')}); faces: "
        f"{'those of data/kaggle' if faces else 'synthetic'}.")
    return sources


def say(text):
    """Show Markdown."""
    from IPython.display import Markdown, display
    display(Markdown(text))


def tell(sources, *names):
    """Show what the runs of experiments, like "lenet", say, or another section of the story
    (:func:`facekp.report.story.sections`)."""
    from facekp.report import story
    for name in names:
        say(_known("section", name, story.sections(sources)).text)


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
    """Draw figures by their names (:func:`facekp.report.figures.figures`), or say what is
    missing."""
    from IPython.display import Image, display
    from facekp.plots.style import small_png
    from facekp.report.figures import figures

    for name in names:
        found = _known("figure", name, figures(sources))
        try:
            figure = found.draw()
        except FacekpError as error:  # a damaged run, too, costs its own figures alone
            say(f"*{name} is not drawn: {error}.*")
        else:
            width = figure.get_size_inches()[0]
            display(Image(small_png(figure), width=int(96 * width * 1.25), alt=found.shows))


def _known(kind, name, known):
    """known[name]; a ConfigError that lists all names where there is none."""
    if name not in known:
        raise ConfigError(f"{kind}: found {name!r}, expected one of "
                          f"{', '.join(known) or 'none: there is no run'}")
    return known[name]
