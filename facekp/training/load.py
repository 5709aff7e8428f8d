"""Load a trained net from a run folder."""
import facekp.engine.ready  # noqa: F401  (readies Theano, Lasagne and nolearn)

import os
from pathlib import Path

from facekp import files
from facekp.engine import allocator
from facekp.errors import ConfigError, RunError
from facekp.nets.models import build
from facekp.nets.net import undrawn
from facekp.nets.weights import read_weights
from facekp.runs.folder import Run
from facekp.settings import Settings


def load_net(folder, averaged=False):
    """Load the trained net of a run folder.

    Parameters
    ----------
    folder : path
        A run folder with config.json and weights.npz.
    averaged : bool
        Load the averaged weights, averaged_weights.npz, of a run that has them.

    Returns
    -------
    facekp.nets.net.KeypointNet
        ``predict_px(X)`` gives keypoints in pixels.

    Raises
    ------
    RunError
        If the folder has no such files, or they do not fit together.

    Examples
    --------
    >>> net = load_net("runs/lenet/lenet5/fold0")    # doctest: +SKIP
    >>> y_pred = net.predict_px(X)                   # doctest: +SKIP
    """
    allocator.tune()
    run, settings = Run(folder), settings_of(folder)
    if run.complete and not os.path.lexists(run.weights):
        raise RunError(f"{run.weights}: is missing, though the run is complete; published results "
                       "hold no weights: name the folder in which the run was trained, or train "
                       "it in a folder of runs")
    net = build(settings)
    with undrawn():
        read_weights(net, weights_of(run, averaged))
    net.initialize()
    return net


def weights_of(run, averaged=False):
    """The path of a run's weights, or of its averaged weights; RunError if it did not average."""
    if averaged and not run.averaged_weights.exists():
        raise RunError(f"{run.folder}: has no averaged weights; train a run with a moving average "
                       "of the weights, or take the weights themselves")
    return run.averaged_weights if averaged else run.weights


def load_conv_net(folder):
    """Load a net with the trained convolutions of a run; other layers may be all zero.

    Parameters
    ----------
    folder : path
        A run folder with weights.npz, or with only conv_weights.npz, as in results/.

    Returns
    -------
    facekp.nets.net.KeypointNet, not compiled

    Raises
    ------
    RunError
        If the folder has neither file, or its files do not fit together.

    Examples
    --------
    >>> net = load_conv_net("results/lenet/lenet5/fold0")    # doctest: +SKIP
    """
    run = Run(folder)
    if not run.weights.exists() and not run.conv_weights.exists():
        raise RunError(f"{Path(folder)}: has no {run.weights.name} or {run.conv_weights.name}; let "
                       "the run end (the same command goes on), or name another run folder")
    net = build(settings_of(folder))
    with undrawn():
        if run.weights.exists():
            read_weights(net, run.weights)
        else:
            read_weights(net, run.conv_weights, prefix="conv")
    return net


def refuse_some_points(folder):
    """Raise RunError if the net of a run folder was trained on some of the keypoints only: what it
    says of the others means nothing."""
    points = settings_of(folder).points
    if points:
        raise RunError(f"{Path(folder)}: this net knows {', '.join(points)} only; name the run of "
                       "a net that was trained on all keypoints")


def settings_of(folder):
    """Read the settings of a run folder.

    Parameters
    ----------
    folder : path
        A run folder with config.json.

    Returns
    -------
    facekp.settings.Settings

    Raises
    ------
    RunError
        If the folder has no such file, or no net can be built from its settings.
    """
    run = Run(folder)
    if not run.config.exists():
        raise RunError(f"{run.config}: cannot be read (no such file); name the folder of a run, "
                       "such as runs/lenet/lenet5/fold0")
    try:
        config = files.read_json(run.config)
        if "members" in config:
            raise RunError(f"{run.folder}: is an ensemble, which has no weights of its own; name "
                           "the runs that it was made of")
        settings = Settings.from_dict(config["settings"])
        build(settings)  # refuses options that the model does not take
        return settings
    except (KeyError, TypeError, ConfigError) as error:
        why = error if isinstance(error, ConfigError) else repr(error)
        raise RunError(f"{run.config}: holds no settings of a run ({why}); name another run "
                       "folder", remedies=getattr(error, "remedies", ())) from None
