"""The class of experiments: variants, the paper's statements about them, and the resulting runs.

Each file in experiments/ has one :class:`Experiment`. Theano and numpy are imported only when there
is something to train, so that ``--help`` and errors in arguments are answered at once.
"""
import argparse
import copy
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Dict, Tuple, Union

from facekp.errors import ConfigError
from facekp.experiment import options as declared
from facekp.experiment.averages import Ensemble
from facekp.experiment.guard import guarded
from facekp.runs.about import About
from facekp.runs.place import run_at
from facekp.settings import Settings


def change(statement, before, after, **more):
    """A claim that compares the errors of two variants.

    Parameters
    ----------
    statement : str
    before, after : str, or [experiment, variant] for a variant of another experiment
    **more : see :func:`facekp.analysis.claims.change`

    Returns
    -------
    dict, one of an experiment's `claims`

    Examples
    --------
    >>> change("More filters", "narrow", "wide")["kind"]
    'change'
    """
    return {"kind": "change", "statement": statement, "before": before, "after": after, **more}


@dataclass(frozen=True)
class Variant:
    """One of the variants that an experiment compares.

    Parameters
    ----------
    settings : Settings
        The fold and the seed come from the command line.
    label : str
        Its name in tables and figures; if empty, the name of its folder is used.
    """

    settings: Settings
    label: str = ""


@dataclass(frozen=True)
class Experiment:
    """What is trained, and what readers of the runs need to know.

    The last four fields are written to experiment.json without changes.
    :class:`facekp.runs.about.About` describes them.

    Parameters
    ----------
    name : str
        The name of the folder below ``runs/``; with underscores, the name of the file.
    title, section, order : see About
    variants : dict of str -> Variant, or Settings where no label is needed
        By the name of their run folder. A variant with an empty name has no folder of its own.
    folds : int
        The number of folds that are trained, unless the user chooses another number.
    seeds : tuple of int
        The seeds, unless the user chooses others; with ``--quick``, the first one.
    quick_epochs : int
        The number of epochs with ``--quick``.
    shares : dict of str -> (str, str)
        Variants whose runs belong to another experiment, so that they are trained only once:
        variant -> (experiment, variant).
    ensembles : dict of str -> facekp.experiment.Ensemble
        Variants that are not trained: their predictions are the mean of those of other variants.
    nets, paper, claims, figures : see About
    """

    name: str
    variants: Dict[str, Union[Variant, Settings]]
    title: str = ""
    section: str = ""
    order: int = 1000
    folds: int = 1
    seeds: Tuple[int, ...] = (0,)
    quick_epochs: int = 3
    shares: Dict[str, Tuple[str, str]] = field(default_factory=dict)
    ensembles: Dict[str, Ensemble] = field(default_factory=dict)
    nets: Tuple[dict, ...] = ()
    paper: Tuple[dict, ...] = ()
    claims: Tuple[dict, ...] = ()
    figures: Tuple[dict, ...] = ()

    def __post_init__(self):
        if not re.fullmatch("[a-z0-9][a-z0-9_-]*", self.name):
            raise ConfigError(f"name: found {self.name!r}, expected small letters, digits and "
                              "hyphens: it is the name of a folder")
        if not self.variants:
            raise ConfigError(f"variants: found none in {self.name}, expected at least one")
        object.__setattr__(self, "variants", {
            name: Variant(made) if isinstance(made, Settings) else made
            for name, made in self.variants.items()})
        named = [("shares", name) for name in self.shares] + [
            ("ensembles", name) for ensemble in self.ensembles.values() for name in ensemble.of]
        for part, name in named:
            if name not in self.variants:
                raise ConfigError(f"{part}: found {name!r}, expected one of the variants of "
                                  f"{self.name}: {', '.join(map(repr, self.variants))}")
        for name, ensemble in self.ensembles.items():
            if name in self.variants or not ensemble.of:
                raise ConfigError(f"ensembles: found {name!r}, which is "
                                  f"{'also a variant' if ensemble.of else 'of no variant'} of "
                                  f"{self.name}; expected a name of its own and some variants")

    def about(self):
        """The content of experiment.json, as :class:`facekp.runs.about.About`."""
        return About(
            name=self.name, title=self.title, section=self.section, order=self.order,
            variants={name: made.label for name, made in (*self.variants.items(),
                                                          *self.ensembles.items())},
            shares={name: list(place) for name, place in self.shares.items()},
            nets=list(self.nets), paper=list(self.paper), claims=list(self.claims),
            figures=list(self.figures))

    def main(self, argv=None, prog=None):
        """Run from the command line.

        Parameters
        ----------
        argv : list of str or None
        prog : str or None
            The command that the user typed, for messages; None for the name of the file.

        Returns
        -------
        int, the exit code: 0, 2 for a fault the user can mend, 130 or 143 when told to stop
        """
        return guarded(lambda: self.run(self.parser(prog).parse_args(argv)))

    def run(self, options):
        """Train all runs that the options select, and print the results.

        Returns
        -------
        bool, whether all runs have ended; if not, a cluster trains them

        Raises
        ------
        RunError
            At the end, if some runs failed. The others are trained.
        """
        from facekp.experiment import runner
        return runner.run(self, self.resolved(options))

    def parser(self, prog=None):
        """The argparse parser for the experiment's options."""
        section = f"Section {self.section} of the paper. " if self.section else ""
        parser = argparse.ArgumentParser(
            prog=prog or f"experiments/{self.name.replace('-', '_')}.py",
            description=f"{section}{self.title}")
        several = f"some of: {', '.join(self.variants)}"
        seeds = ", ".join(map(str, self.seeds))
        declared.add(parser, *declared.OF_EXPERIMENTS,
                     only={"help": several if len(self.variants) > 1 else argparse.SUPPRESS},
                     seeds={"help": f"one or more seeds (default: {seeds})"},
                     folds={"help": f"how many of the five folds (default: {self.folds})"})
        return parser

    def resolved(self, options):
        """The options with this experiment's folds and seeds, and with ``--quick`` replaced."""
        own = copy.copy(options)
        own.seeds = options.seeds or list(self.seeds[:1] if options.quick else self.seeds)
        own.folds = options.folds or (1 if options.quick else self.folds)
        if options.quick:
            own.out, own.quick = str(Path(options.out, "quick")), False
            own.epochs = options.epochs or self.quick_epochs
        return own

    def plan(self, options):
        """The runs that the options select.

        Yields
        ------
        (Run, Settings)
        """
        options = self.resolved(options)
        known = ", ".join(filter(None, self.variants))
        expected = f"expected some of {known}" if known else "expected none: there is one variant"
        # another split in place of one after mirroring is that of another variant
        wanted = [name for name, variant in self.variants.items()
                  if options.split in (None, variant.settings.split)
                  or variant.settings.split != "after-mirroring"
                  ] if options.only is None else options.only.split(",")
        for name in wanted:
            if name not in self.variants:
                raise ConfigError(f"only: found {name or options.only!r}, {expected}")
            if wanted.count(name) > 1:
                twice = f"{name!r} twice" if name else repr(options.only)
                raise ConfigError(f"only: found {twice}, expected each name once")
        for seed in options.seeds:
            for name in wanted:
                yield from self.runs_of(name, seed, options)

    def runs_of(self, name, seed, options):
        """The (Run, Settings) of a variant's folds, with options as :meth:`resolved` gives them."""
        for fold in range(options.folds):
            yield self._run(name, seed, fold, options)

    def _run(self, name, seed, fold, options):
        own = self.variants[name].settings
        settings = replace(own, seed=seed, fold=fold, split=options.split or own.split,
                           epochs=options.epochs or own.epochs)
        experiment, variant = self.shares.get(name, (self.name, name))
        self._check_shared(name, experiment, variant)
        return run_at(options.out, experiment, variant, settings, own.split), settings

    def _check_shared(self, name, experiment, variant):
        """Runs lie where the experiment that they are shared with looks for them: be they equal."""
        from facekp.experiment import known
        if experiment == self.name or experiment not in known.files():
            return
        there = known.get(experiment).variants[variant].settings
        if there != self.variants[name].settings:
            raise ConfigError(f"shares: {self.name} and {experiment} share runs, but have "
                              "different settings for them; correct one of the files, or take "
                              f"{name!r} out of shares")
