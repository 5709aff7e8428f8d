"""``facekp ensemble``: the mean of the predictions of several runs, or of mirror images."""
import argparse
import re

from facekp.arguments import path_name
from facekp.errors import FolderError
from facekp.experiment import known
from facekp.experiment.options import add
from facekp.runs.about import About, write_about
from facekp.runs.place import run_at

EXPERIMENT = About("ensembles", title="Averaged predictions")
"""What is said of the folder of the ensembles below the folder of runs."""


def add_to(commands):
    """Add the command to argparse's subparsers."""
    parser = commands.add_parser(
        "ensemble", help="average the predictions of runs, and of mirror images",
        description="The mean of the predictions of complete runs, as a run of its own in the "
                    "folder ensembles/ of the runs: predictions, submission and validation error. "
                    "An image counts only for runs that did not train on it.")
    parser.add_argument("folders", nargs="+", metavar="RUN", type=path_name,
                        help="the folder of a complete run, with its weights")
    parser.add_argument("--mirror", action="store_true",
                        help="average the predictions of mirror images, too")
    parser.add_argument("--name", type=_name, metavar="NAME",
                        help="the name of its folder (default: what is averaged, like mirror)")
    add(parser, "averaged", "data", "out", "device", "imports")
    parser.set_defaults(run=_ensemble)


def _name(text):
    """An argparse type: the name of a variant's folder."""
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_.+-]*", text):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected letters, digits, - and _: it "
                                         "is the name of a folder")
    return text


def _ensemble(options):
    from facekp.data import load_training, load_unlabelled
    from facekp.training.ensemble import ensemble
    known.experiments()  # they register the nets of their own
    name = options.name or "-".join(word for word in ("averaged", "mirror")
                                    if getattr(options, word)) or "mean"

    def place(settings, config):
        return run_at(options.out, EXPERIMENT.name, name, settings, settings.split)

    tables = load_training(options.data, complete_only=True), *load_unlabelled(options.data)
    try:
        run, _ = ensemble(place, options.folders, *tables, options.mirror, options.averaged)
    except FolderError as error:  # this command makes no new one beside it
        raise FolderError(str(error), remedies=("runs", "name")) from None
    write_about(options.out, EXPERIMENT)
    print(f"submission: {run.submission}" if run.submission.exists() else
          f"{run.folder}: no submission, for which test.csv and IdLookupTable.csv are needed")
