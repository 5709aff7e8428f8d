"""First weights that come from another run: the setting `start`."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

from facekp.data.sources import file_sha256
from facekp.errors import FolderError, RunError
from facekp.nets.weights import read_weights
from facekp.runs.folder import Run
from facekp.runs.place import place_of
from facekp.settings import SPLITS
from facekp.training.load import settings_of


def run_of(run, settings):
    """The run whose weights another one starts from: of the same net, split, seed and fold.

    A run that was started beside another one, like ``fold0-2``, starts from the one that was
    started beside the other, too, if that is complete.

    Parameters
    ----------
    run : facekp.runs.folder.Run
        Where it lies says where the other one does, see :mod:`facekp.runs.place`.
    settings : facekp.settings.Settings, with `start`

    Returns
    -------
    Run

    Raises
    ------
    RunError
        If the path of `run` is not that of a run of an experiment.
    """
    above, own, attempt = place_of(run.folder, settings)
    split = own.rpartition("/")[2]
    experiment, _, variant = settings.start.partition("/")
    there = above.parent.joinpath(
        experiment, settings.model, variant, split if split in SPLITS else "",
        f"seed{settings.seed}" if settings.seed else "", f"fold{settings.fold}")
    beside = Run(there.with_name(f"{there.name}-{attempt}"))
    return beside if beside.complete else Run(there)


def origin(run, settings):
    """What config.json says of the first weights: ``{"start": sha256}``, or an empty dict.

    Raises
    ------
    RunError
        If the run that they come from is not complete, or was trained on this run's validation
        images: if it divides the images in another way.
    """
    if not settings.start:
        return {}
    there = run_of(run, settings)
    if not there.complete or not there.weights.exists():
        raise RunError(f"{there.folder}: is no complete run with weights, which {run.folder} "
                       f"starts from; train {settings.start} first")
    other = settings_of(there.folder)  # of the split, a path says only that it is not the usual one
    if (other.split, other.folds) != (settings.split, settings.folds):
        raise RunError(f"{there.folder}: divides the images in another way ({other.split}, "
                       f"{other.folds} folds) than {run.folder}, which starts from it "
                       f"({settings.split}, {settings.folds} folds); take the same split for both")
    return {"start": file_sha256(there.weights)}


def check(run, begun, now):
    """Raise FolderError if a run was begun with other first weights; both are of config.json."""
    if begun.get("start") != now.get("start"):
        raise FolderError(f"{run.folder}: was begun with other first weights than "
                          f"{now['settings']['start']} has now; choose another folder, or a new "
                          "one beside it")


def use(net, run, settings):
    """Set a net's weights to those that the settings name; nothing if they name none.

    Parameters
    ----------
    net : facekp.nets.net.KeypointNet
    run : facekp.runs.folder.Run of this net
    settings : facekp.settings.Settings

    Raises
    ------
    RunError
        If the weights do not fit the net.
    """
    if settings.start:
        read_weights(net, run_of(run, settings).weights)
