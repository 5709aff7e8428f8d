"""Every figure: those that experiments declare, those of all nets, and those of the data alone.

An experiment declares a figure by its name, what it shows and its kind, one of
:data:`facekp.report.drawings.KINDS` (:class:`facekp.runs.about.About`). Besides, a kind takes
``runs``, a list of experiments or of variants (``experiment/variant``); without it the experiment's
own are meant.
"""
import re
from functools import partial
from pathlib import Path
from typing import Callable, NamedTuple

from facekp import plots
from facekp.errors import FacekpError
from facekp.report.drawings import FACES, KINDS, OF_ALL, draw_losses
from facekp.runs.read import warning
from facekp.text import shown


class Figure(NamedTuple):
    """A figure: the name of its files, what it shows, its place, and the function that draws it.

    `section` is the name of an experiment, or a title in :mod:`facekp.report.drawings`. ``draw()``
    returns a matplotlib figure or raises :class:`facekp.report.sources.Missing`, or another error
    of facekp where a run is damaged.
    Published results keep a picture of those that are `kept`: what somebody has declared, and what
    is not drawn from the data alone.
    """

    name: str
    shows: str
    section: str
    draw: Callable
    kept: bool = True

    @property
    def caption(self):
        """str, what it shows, with its number in the paper if it has one"""
        number = re.match(r"figure0*(\d+)-", self.name)
        return f"Figure {number[1]}: {self.shows}" if number else (
            self.shows[:1].upper() + self.shows[1:])


def figures(sources):
    """All figures of Sources by name, the paper's in its order and then the others.

    An experiment that declares no curves has its losses drawn all the same.
    """
    found = {}
    for about in sources.abouts.values():
        specs = declared(about)
        for spec in specs:
            draw, section = KINDS[spec["kind"]]
            found.setdefault(spec["name"], Figure(spec["name"], spec["shows"],
                                                  section or about.name,
                                                  partial(draw, sources, spec)))
        if not {"losses", "gap"} & {spec["kind"] for spec in specs}:
            name = f"losses-{about.name.replace('/', '-')}"
            found.setdefault(name, Figure(
                name, f"losses of {about.title or about.name}", about.name,
                partial(draw_losses, sources, {"runs": [about.name]}), kept=False))
    for name, shows, section, draw in OF_ALL:
        found[name] = Figure(name, shows, section, partial(draw, sources), section != FACES)
    numbered = sorted(name for name in found if name.startswith("figure"))
    return {name: found[name] for name in [*numbered, *found]}


def declared(about):
    """The figures that an experiment (About) declares, as dicts with ``runs``; says which of them
    are of a kind that is not known, as those of a later version."""
    for spec in about.figures:
        if spec["kind"] not in KINDS:
            warning(f"{about.name}: the kind of a figure is {shown(spec['kind'])!r}, expected one "
                    f"of {', '.join(KINDS)}; the figure is left out")
    return [{"runs": [about.name],
             **{name: value for name, value in spec.items() if value is not None}}
            for spec in about.figures if spec["kind"] in KINDS]


def draw_all(sources, folder, say=print):
    """Write every figure that can be drawn as PNG and PDF into a folder, made if need be.

    Names those that cannot be drawn, and why, and returns the list of their names.
    """
    folder, missing = Path(folder), {}
    folder.mkdir(parents=True, exist_ok=True)
    for figure in figures(sources).values():
        try:
            drawn = figure.draw()
        except FacekpError as error:  # one damaged run does not cost the other figures
            missing[figure.name] = error
            continue
        plots.save(drawn, folder / f"{figure.name}.pdf")
        plots.save(drawn, folder / f"{figure.name}.png", dpi=300)
        say(f"{folder / figure.name}.png, .pdf: {figure.shows}")
    for name, error in missing.items():
        older = " (the files of that name are older ones)" * (folder / f"{name}.png").exists()
        say(f"missing: {name}: {error}{older}")
    return list(missing)
