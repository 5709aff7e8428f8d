"""What an experiment is: its variants, what the paper says of them, which runs follow.

The files in experiments/ hold an :class:`Experiment` each. Neither Theano nor numpy is imported
before there is something to train, so that ``--help`` and wrong arguments answer at once.
"""
import argparse
import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Dict, Tuple, Union

from facekp.errors import ConfigError
from facekp.experiment import options as declared
from facekp.experiment.guard import guarded
from facekp.runs.about import About
from facekp.runs.folder import Run
from facekp.settings import Settings


@dataclass(frozen=True)
class Variant:
    """One of the things that an experiment compares.

    Parameters
    ----------
    settings : Settings
        Fold and seed are the command line's.
    label : str
        What readers call it; empty where the name of its folder is good enough.
    """

    settings: Settings
    label: str = ""


@dataclass(frozen=True)
class Experiment:
    """What is trained, and what readers of the runs need to know.

    The last four fields go to experiment.json as they are: :class:`facekp.runs.about.About` says
    what they hold.

    Parameters
    ----------
    name : str
        Of the run folder below ``runs/``; with underscores the name of the file.
    title, section, order : see About
    variants : dict of str -> Variant, or Settings where no label is needed
        By the name of their run folder; an empty name is no folder.
    folds : int
        How many of the folds are trained unless the user asks for another number.
    quick_epochs : int
        Epochs of a quick trial of the whole line.
    shares : dict of str -> (str, str)
        Variants whose runs are another experiment's, so that they are trained once:
        variant -> (experiment, variant).
    nets, paper, claims, figures : see About
    """

    name: str
    variants: Dict[str, Union[Variant, Settings]]
    title: str = ""
    section: str = ""
    order: int = 1000
    folds: int = 1
    quick_epochs: int = 3
    shares: Dict[str, Tuple[str, str]] = field(default_factory=dict)
    nets: Tuple[dict, ...] = ()
    paper: Tuple[dict, ...] = ()
    claims: Tuple[dict, ...] = ()
    figures: Tuple[dict, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "variants", {
            name: Variant(made) if isinstance(made, Settings) else made
            for name, made in self.variants.items()})
        for name in self.shares:
            if name not in self.variants:
                raise ConfigError(f"shares: found {name!r}, expected one of the variants of "
                                  f"{self.name}: {', '.join(map(repr, self.variants))}")

    def about(self):
        """What experiment.json holds: :class:`facekp.runs.about.About`."""
        return About(
            name=self.name, title=self.title, section=self.section, order=self.order,
            variants={name: variant.label for name, variant in self.variants.items()},
            shares={name: list(place) for name, place in self.shares.items()},
            nets=list(self.nets), paper=list(self.paper), claims=list(self.claims),
            figures=list(self.figures))

    def main(self, argv=None, prog=None):
        """Run from the command line.

        Parameters
        ----------
        argv : list of str or None
        prog : str or None
            What the user typed, for messages; None for the name of the file.

        Returns
        -------
        int, the exit code: 0, 2 for a fault the user can mend, 130 or 143 when told to stop
        """
        return guarded(lambda: self.run(self.parser(prog).parse_args(argv)))

    def run(self, options):
        """Train all runs that the options ask for; print what came out.

        Raises
        ------
        RunError
            At the end, if some runs failed. The others have been trained.
        """
        from facekp.experiment import runner
        runner.run(self, self.resolved(options))

    def parser(self, prog=None):
        """An argparse parser of what the experiment understands."""
        section = f"Section {self.section} of the paper. " if self.section else ""
        parser = argparse.ArgumentParser(
            prog=prog or f"experiments/{self.name.replace('-', '_')}.py",
            description=f"{section}{self.title}")
        several = f"some of: {', '.join(self.variants)}"
        declared.add(parser, *declared.OF_EXPERIMENTS,
                     only={"help": several if len(self.variants) > 1 else argparse.SUPPRESS},
                     folds={"help": f"how many of the five folds (default: {self.folds})"})
        return parser

    def resolved(self, options):
        """The options with this experiment's own folds, and what ``--quick`` stands for."""
        own = copy.copy(options)
        own.folds = options.folds or (1 if options.quick else self.folds)
        if options.quick:
            own.out, own.quick = str(Path(options.out, "quick")), False
            own.epochs = options.epochs or self.quick_epochs
        return own

    def plan(self, options):
        """The runs that the options ask for.

        Yields
        ------
        (Run, Settings)
        """
        options = self.resolved(options)
        wanted = list(self.variants) if options.only is None else options.only.split(",")
        for name in wanted:
            if wanted.count(name) > 1:
                raise ConfigError(f"only: found {name!r} twice, expected each name once")
            if name not in self.variants:
                names = ", ".join(filter(None, self.variants))
                raise ConfigError(f"only: found {name!r}, expected " + (
                    f"some of {names}" if names else "none: there is one variant"))
        for seed in options.seeds:
            for name in wanted:
                for fold in range(options.folds):
                    yield self._run(name, seed, fold, options)

    def _run(self, name, seed, fold, options):
        own = self.variants[name].settings
        settings = replace(own, seed=seed, fold=fold, split=options.split or own.split,
                           epochs=options.epochs or own.epochs)
        experiment, variant = self.shares.get(name, (self.name, name))
        # other splits are other questions: their runs lie beside the experiment's own
        folder = Path(options.out, experiment, settings.model, variant,
                      settings.split if settings.split != own.split else "",
                      f"seed{seed}" if seed else "", f"fold{fold}")
        return Run(folder), settings
