"""The command line options that several commands share; each is declared once."""
from facekp.arguments import path_name, whole_number, whole_numbers

_DECLARED = {
    "data": (["--data"], dict(
        type=path_name, default="data/kaggle", metavar="FOLDER",
        help="Kaggle's files; synthetic faces where there are none (default: %(default)s)")),
    "out": (["--out"], dict(
        type=path_name, default="runs", metavar="FOLDER",
        help="the folder of the runs (default: %(default)s)")),
    "epochs": (["--epochs"], dict(
        type=whole_number(1, 10**6), metavar="N",
        help="how many at the most (default: the experiment's)")),
    "seeds": (["--seeds", "--seed"], dict(
        type=whole_numbers, metavar="N,...",
        help="one or more seeds (default: the experiment's)")),
    "folds": (["--folds"], dict(
        type=whole_number(1, 5), metavar="N",
        help="how many of the five folds (default: the experiment's)")),
    "split": (["--split"], dict(
        choices=("random", "grouped"),
        help="grouped: near-duplicates stay on one side (default: the experiment's, which is "
             "random in the paper)")),
    "only": (["--only"], dict(metavar="NAME,...", help="some of the variants")),
    "jobs": (["--jobs"], dict(
        type=whole_number(1, 1000), default=1, metavar="N",
        help="how many runs at a time, each with its share of the cores (default: %(default)s)")),
    "cluster": (["--cluster"], dict(
        choices=("slurm",), help="train on a cluster, each run as a job; cluster.toml in this "
                                 "folder may hold options")),
    "cluster_args": (["--cluster-args"], dict(
        default="", metavar="NAME=VALUE...",
        help="options of the jobs: partition, account, qos, time, memory, cores, at_a_time, "
             "array_size, setup, signal_seconds, sbatch.NAME")),
    "wait": (["--wait"], dict(action="store_true", help="return when the jobs have ended")),
    "dry_run": (["--dry-run"], dict(
        action="store_true", help="show the cluster's scripts, and submit nothing")),
    "device": (["--device"], dict(
        metavar="DEVICE", help="cpu, cuda0, opencl0:0 (default: THEANO_FLAGS, else cpu)")),
    "force_new": (["--force-new"], dict(
        action="store_true",
        help="start beside a complete or other run that is there, never over it")),
    "quick": (["--quick"], dict(
        action="store_true", help="few epochs of one fold, in quick/ of the folder of the runs")),
    "averaged": (["--averaged"], dict(
        action="store_true", help="the averaged weights of runs that have them")),
    "imports": (["--import"], dict(
        type=path_name, action="append", default=[], dest="imports", metavar="FILE",
        help="a Python file that registers nets of your own")),
}

OF_EXPERIMENTS = ("data", "out", "epochs", "seeds", "folds", "split", "only", "jobs", "device",
                  "force_new", "quick", "cluster", "cluster_args", "wait", "dry_run")
"""The options of every experiment."""


def add(parser, *names, **changes):
    """Add options to an argparse parser.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    *names : str
    **changes : dict
        By option name: what is different in this parser, such as the help text.
    """
    for name in names:
        flags, keywords = _DECLARED[name]
        parser.add_argument(*flags, **{**keywords, **changes.get(name, {})})
