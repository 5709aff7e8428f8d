"""Where a run's folder lies below the folder of all runs, and what its path says.

``<root>/<experiment>/<model>/[<variant>/][<split>/][seed<n>/]fold<k>[-<attempt>]``

An empty variant and seed 0 are no folder. The split is one where it is not the experiment's own for
this variant, as in ``runs/optimizer-study/cnn14/adagrad/grouped/seed1/fold0``.
"""
import itertools
import re
from pathlib import Path

from facekp import files
from facekp.errors import ConfigError, RunError
from facekp.runs.config import disagreements
from facekp.runs.folder import Run
from facekp.settings import SPLITS


def run_at(root, experiment, variant, settings, own_split):
    """The :class:`Run` of settings; `own_split` is how the experiment itself splits.

    Raises
    ------
    ConfigError
        If the variant has the name of a split or of its net: what a path means must be clear.
    """
    if variant in SPLITS or variant == settings.model:
        whose = "a split" if variant in SPLITS else "its net"
        raise ConfigError(f"variant: found {variant!r}, the name of {whose}, which the path of a "
                          "run may hold besides; take another name")
    return Run(Path(root, experiment, settings.model, variant,
                    settings.split if settings.split != own_split else "",
                    f"seed{settings.seed}" if settings.seed else "", f"fold{settings.fold}"))


def place_of(folder, settings):
    """What the path of a run's folder says, undoing :func:`run_at`.

    Returns
    -------
    above : Path, absolute, of the experiment
    variant : str
        "" where the experiment has one only; with the split, where that is not the experiment's
        own: ``adagrad/grouped``.
    attempt : int; 1, or 2, 3, ... for runs that were started beside another one

    Raises
    ------
    RunError
        If the path is none of a run with these settings.
    """
    model, seed, fold = settings.model, settings.seed, settings.fold
    variant = rf"(?:/[^/]+?)??(?:/{re.escape(settings.split)})?"
    found = re.fullmatch(rf"(.*)/{re.escape(model)}({variant}){f'/seed{seed}' if seed else ''}"
                         rf"/fold{fold}(?:-(\d+))?", Path(folder).absolute().as_posix())
    if found is None:
        raise RunError(f"{folder}: holds fold {fold}, seed {seed} of {model}, which does not "
                       "agree with its place; move it back")
    return Path(found[1]), found[2].strip("/"), int(found[3] or 1)


def beside(folder, config):
    """The :class:`Run` that a user means who asks for a new one.

    The first of ``folder``, ``<folder>-2``, ``<folder>-3``, ... that holds no run, or an unfinished
    one that was begun with this config: a new one would end with the same weights, and a new run
    that was stopped goes on with the same command.
    """
    folder = Path(folder)
    for number in itertools.count(1):
        run = Run(folder if number == 1 else folder.with_name(f"{folder.name}-{number}"))
        if not run.config.exists():
            if run.holds_results:
                continue
            return run
        if not run.complete and not disagreements(files.read_json(run.config), config):
            return run
