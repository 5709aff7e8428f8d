"""An experiment of the paper: its runs, its command line, its score lines.

The scripts in experiments/ hold parameters; what they share is here. Theano is imported only when
there is something to train, so that ``--help`` and wrong arguments answer at once.
"""
import argparse
import gc
import os
import sys
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict

from facekp.experiment.arguments import path_name, whole_number, whole_numbers
from facekp.text import shown, shown_path
from facekp.errors import ConfigError, FacekpError, RunError
from facekp.runs.read import read_run, warning
from facekp.runs.folder import Run, beside
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
        """Train all runs that the options ask for; print what came out.

        Raises
        ------
        RunError
            At the end, if some runs failed. The others have been trained.
        """
        if options.device:
            os.environ["FACEKP_DEVICE"] = options.device
        plan = list(self.plan(options))
        from facekp import data
        from facekp.analysis import near_duplicates
        from facekp.report import summary
        faces = data.load_training(options.data, complete_only=True)
        test = data.load_test(options.data)
        tables = faces, test, data.load_lookup(options.data, test.image_ids)
        if options.force_new:
            from facekp.training import train as training  # slow: it brings Theano
            plan = [(beside(run.folder, training.describe(settings, *tables)), settings)
                    for run, settings in plan]
        section = f" (section {self.section})" if self.section else ""
        beyond = f"; {faces.out_of_face} coordinates lie outside of their image"
        print(f"{self.name}{section} on {len(faces.X)} complete images: "
              f"{faces.provenance['label']}{beyond if faces.out_of_face else ''}")
        if min(options.jobs, len(plan)) > 1:
            from facekp.experiment.launch import local as parallel
            failures = parallel.train_all(plan, options.jobs, options.data)
        else:
            failures = train_in_turn(plan, tables)
        print()
        for run, _ in plan:
            if run.complete and run not in failures:
                try:
                    print(score_line(run, read_run(run.folder).summary))
                except RunError as error:
                    failures[run] = str(error)
        near_duplicates.record([part for part in plan if part[0] not in failures], faces)
        summary.conclude(options.out, self.name, self.paper, warn=lambda text: warning(text) if not
                         any(reason in text for reason in failures.values()) else None)
        for run in [run for run, _ in plan if run.faces.exists()][:3]:
            print(f"predicted faces: {run.faces}\nsubmission: {run.submission}")
        if failures:
            raise RunError(failure_text(failures, len(plan)))

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
                    experiment, variant = SHARED.get((self.name, name), (self.name, name))
                    folder = Path(options.out, experiment, settings.model, variant,
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
        parser.add_argument("--jobs", type=whole_number(1, 1000), default=1, metavar="N",
                            help="how many runs at a time, each with its share of the cores "
                                 "(default: %(default)s)")
        parser.add_argument("--device", metavar="DEVICE",
                            help="cpu, cuda0, opencl0:0 (default: THEANO_FLAGS, else cpu)")
        parser.add_argument("--force-new", action="store_true",
                            help="start beside a complete or other run that is there, never "
                                 "over it")


def train_in_turn(plan, tables):
    """Train runs one after the other; a run that fails does not keep the next from starting.

    Parameters
    ----------
    plan : list of (Run, Settings)
    tables : (facekp.data.Training, facekp.data.Test, facekp.data.Lookup)

    Returns
    -------
    dict of Run -> str
        Why the runs that failed did. The error of an only run is raised instead.
    """
    from facekp.training import train as training
    failures = {}
    for run, settings in plan:
        try:
            training.train(run, settings, *tables)
        except BrokenPipeError:
            raise
        except Exception as error:
            if len(plan) == 1:
                raise
            if not isinstance(error, (FacekpError, OSError, MemoryError)):
                traceback.print_exc()
            failures[run] = str(error) or type(error).__name__
            print(f"{run.folder}: failed: {shown(failures[run], 4000)}", file=sys.stderr)
        # A net and its compiled functions are cycles of few but huge objects: Python's own
        # collector does not come round to them, and each 14-layer CNN would keep 300 MB.
        gc.collect()
    return failures


def failure_text(failures, total):
    """Which of `total` runs failed and why, as one line."""
    if total == 1:
        return next(iter(failures.values()))
    # an error names its folder, a signal does not
    reasons = [text if str(run.folder) in text else f"{run.folder}: {text}"
               for run, text in failures.items()]
    return (f"{len(failures)} of {total} runs failed: {'; '.join(reasons)}. The others are "
            "complete; the same command tries these again, from their last epochs")


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
