"""An experiment of the paper: its runs, its command line, its score lines.

The scripts in experiments/ hold parameters; what they share is here. Theano is imported only when
there is something to train, so that ``--help`` and wrong arguments answer at once.
"""
import argparse
import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict

from facekp.data.faults import shown, shown_path
from facekp.data.values import NUMBER
from facekp.errors import ConfigError, FacekpError, RunError
from facekp.runs import Run, beside
from facekp.settings import Settings

EXIT_ERROR, EXIT_SIGINT, EXIT_SIGTERM = 2, 130, 143


@dataclass(frozen=True)
class Experiment:
    """What an experiment trains, and what the paper says came out.

    Parameters
    ----------
    name : str
        Of the run folder below ``runs/``, and of the make target.
    section : str, of the paper; empty if it is in none
    paper : str
        The paper's result, and what it was measured on; empty if there is none.
    variants : dict of str -> Settings
        The runs by the name of their folder; an empty name is no folder.
    folds : int
        How many of the folds are trained unless the user asks for another number.
    """

    name: str
    section: str
    paper: str
    variants: Dict[str, Settings]
    folds: int = 1

    def main(self, argv=None):
        """Run from the command line.

        Returns
        -------
        int, the exit code: 0, 2 for a fault the user can mend, 130 or 143 when told to stop
        """
        return guarded(lambda: self.run(self._parser().parse_args(argv)))

    def run(self, options):
        """Train all runs that the options ask for; print a score line for each."""
        if options.device:
            os.environ["FACEKP_DEVICE"] = options.device
        plan = list(self.plan(options))
        from facekp import data, plots, training  # slow: they bring Theano
        faces = data.load_training(options.data, complete_only=True)
        test = data.load_test(options.data)
        lookup = data.load_lookup(options.data, test.image_ids)
        if options.force_new:
            plan = [(beside(run.folder, training.describe(settings, faces, test, lookup)),
                     settings) for run, settings in plan]
        label = faces.provenance["label"]
        section = f" (section {self.section})" if self.section else ""
        beyond = f"; {faces.out_of_face} coordinates lie outside of their image"
        print(f"{self.name}{section} on {len(faces.X)} complete images: {label}"
              f"{beyond if faces.out_of_face else ''}")
        summaries = {run: training.train(run, settings, faces, test, lookup)
                     for run, settings in plan}
        root = Path(options.out) / self.name
        plots.save(plots.learning_curves({
            run.folder.relative_to(root).as_posix(): run.read_history() for run, _ in plan},
            f"{self.name}, {label}"), root / "curves.png")
        print()
        for run, summary in summaries.items():
            print(score_line(run, summary))
        if self.paper:
            print(f"the paper: {self.paper}")
        print(f"curves: {root / 'curves.png'}")
        for run, summary in summaries.items():
            if run.faces.exists():
                print(f"predicted faces: {run.faces}\nsubmission: {run.submission}")

    def plan(self, options):
        """The runs that the options ask for.

        Yields
        ------
        (Run, Settings)
        """
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
                    settings = replace(self.variants[name], seed=seed, fold=fold)
                    if options.epochs:
                        settings = replace(settings, epochs=options.epochs)
                    folder = Path(options.out, self.name, settings.model, name,
                                  f"seed{seed}" if seed else "", f"fold{fold}")
                    yield Run(folder), settings

    def _parser(self):
        parser = argparse.ArgumentParser(
            prog=f"experiments/{self.name.replace('-', '_')}.py",
            description=f"Section {self.section} of the paper. {self.paper}")
        self.add_arguments(parser)
        return parser

    def add_arguments(self, parser):
        """Add what all experiments understand to an argparse parser."""
        parser.add_argument("--data", type=path_name, default="data/kaggle", metavar="FOLDER",
                            help="Kaggle's files; synthetic faces where there are none "
                                 "(default: %(default)s)")
        parser.add_argument("--out", type=path_name, default="runs", metavar="FOLDER",
                            help="where run folders go (default: %(default)s)")
        parser.add_argument("--epochs", type=whole_number(1, 10**6), metavar="N",
                            help="how many at the most (default: the experiment's; facekp "
                                 "train: 100)")
        parser.add_argument("--seeds", "--seed", type=whole_numbers, default=[0], metavar="N,...",
                            help="one or more seeds (default: 0)")
        parser.add_argument("--folds", type=whole_number(1, 5), default=self.folds, metavar="N",
                            help="how many of the five folds (default: %(default)s)")
        parser.add_argument("--only", metavar="NAME,...",
                            help=f"some of: {', '.join(self.variants)}"
                            if len(self.variants) > 1 else argparse.SUPPRESS)
        parser.add_argument("--device", metavar="DEVICE",
                            help="cpu, cuda0, opencl0:0 (default: THEANO_FLAGS, else cpu)")
        parser.add_argument("--force-new", action="store_true",
                            help="start beside a complete or other run that is there, never "
                                 "over it")


def whole_number(low, high):
    """An argparse type: a whole number from `low` to `high`."""
    def parse(text):
        # int() would take 1_0 for ten, and the digits of any script
        value = int(text) if re.fullmatch("[0-9]{1,19}", text) else None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"found {shown(repr(text))}, expected a whole number "
                                             f"from {low} to {high}")
        return value
    return parse


def whole_numbers(text):
    """An argparse type: seeds with commas between them, each once."""
    values = [whole_number(0, 2**32 - 1)(part) for part in text.split(",")]
    for value in values:
        if values.count(value) > 1:
            raise argparse.ArgumentTypeError(f"found {value} twice, expected each seed once")
    return values


def number(text):
    """An argparse type: a decimal number; float() would take 1_0 for ten."""
    if not NUMBER.fullmatch(os.fsencode(text)):
        raise argparse.ArgumentTypeError(f"found {shown(repr(text))}, expected a number")
    return float(text)


def path_name(text):
    """An argparse type: the name of a file or folder, which an empty variable of make is not."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a name; give one, or leave "
                                         "the option out")
    return text


def score_line(run, summary):
    """One line: how good a run is, beside the mean face.

    Parameters
    ----------
    run : Run
    summary : dict, the contents of summary.json

    Returns
    -------
    str

    Raises
    ------
    RunError
        If it is not what a run leaves.
    """
    try:
        return _score_line(run, summary)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{run.summary}: holds no result of a run ({error!r}); remove "
                       f"{run.folder} and run the experiment again") from None


def _score_line(run, summary):
    if summary["state"] == "diverged":
        return f"{run.folder}: diverged in epoch {summary['epochs']} ({summary['data']})"
    line = (f"{run.folder}: validation {summary['valid_rmse_px']:.3f} px RMSE on "
            f"{summary['n_valid']} images, mean face {summary['mean_face_rmse_px']:.3f} px; "
            f"best epoch {summary['best_epoch']} of {summary['epochs']}, "
            f"{summary['seconds_per_epoch']:.2f} s each ({summary['data']})")
    if "valid_rmse_px_no_twin" in summary:
        line += (f"; {summary['valid_rmse_px_twin_in_train']:.3f} px where the mirror image was "
                 f"trained on, {summary['valid_rmse_px_no_twin']:.3f} px elsewhere")
    if "frozen_since" in summary:
        line += (f"; frozen since epoch {summary['frozen_since']}: from there on the net learned "
                 "nothing")
    return line


def guarded(command):
    """Run a command; turn faults and interruptions into one line and an exit code.

    Parameters
    ----------
    command : callable

    Returns
    -------
    int
    """
    for stream in (sys.stdout, sys.stderr):  # a name that is not UTF-8 must not end a training
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        command()
    except FacekpError as error:
        return _failed(error)
    except MemoryError:
        return _failed("out of memory; close other programs, or take a smaller batch size")
    except BrokenPipeError:  # whoever reads our output, like `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    except OSError as error:  # a full disk, a folder that cannot be written
        place = f"{shown_path(error.filename)}: " if error.filename else ""
        return _failed(f"{place}{error.strerror or error}; mend that, then give the same command "
                       "again: a training goes on from its last epoch")
    except KeyboardInterrupt as error:
        print(f"\nfacekp: {str(error) or 'interrupted'}", file=sys.stderr)
        return EXIT_SIGTERM if str(error).startswith("SIGTERM") else EXIT_SIGINT
    return 0


def _failed(error):
    """Print an error as one line, whatever the names in it hold."""
    print("facekp: error:", shown(str(error), 4000), file=sys.stderr)
    return EXIT_ERROR
