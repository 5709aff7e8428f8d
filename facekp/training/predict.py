"""A trained net from a run folder, and the keypoints it finds."""
import facekp.engine.ready  # noqa: F401  (readies Theano, Lasagne and nolearn)

from facekp import files, keypoints
from facekp.engine import allocator
from facekp.errors import ConfigError, RunError
from facekp.nets.models import build
from facekp.runs.folder import Run
from facekp.settings import Settings
from facekp.nets.weights import load_weights


def load_net(folder):
    """The trained net of a run folder, ready to predict.

    Parameters
    ----------
    folder : path
        A run folder with config.json and weights.npz.

    Returns
    -------
    facekp.nets.net.KeypointNet

    Raises
    ------
    RunError
        If the folder has no such files, or they do not fit together.
    """
    allocator.tune()
    net = build(settings_of(folder))
    read_weights(net, Run(folder).weights)
    net.initialize()
    return net


def settings_of(folder):
    """The settings of a run folder.

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
        If the folder has no such file, or it holds settings that no net is built from.
    """
    run = Run(folder)
    if not run.config.exists():
        raise RunError(f"{run.config}: cannot be read (no such file); name the folder of a run, "
                       "such as runs/lenet/lenet5/fold0")
    try:
        settings = Settings.from_dict(files.read_json(run.config)["settings"])
        build(settings)  # refuses options that the model does not take
        return settings
    except (KeyError, TypeError, ConfigError) as error:
        why = error if isinstance(error, ConfigError) else repr(error)
        raise RunError(f"{run.config}: holds no settings of a run ({why}); name another run "
                       "folder", remedies=getattr(error, "remedies", ())) from None


def read_weights(net, path, prefix=""):
    """Set a net's parameters from a file that holds exactly these.

    Parameters
    ----------
    net : KeypointNet
    path : path, like weights.npz
    prefix : str
        How the names of the parameters begin that are read; others keep their values.

    Raises
    ------
    RunError
        If the file cannot be read, or does not fit the net.
    """
    parameters = {name: parameter for name, parameter in net.weights().items()
                  if name.startswith(prefix)}
    values = load_weights(path, {name: parameter.get_value(borrow=True).shape
                                 for name, parameter in parameters.items()})
    for name, parameter in parameters.items():
        parameter.set_value(values[name])


def predict_px(net, X):
    """Keypoints of images.

    Parameters
    ----------
    net : KeypointNet, initialized
    X : float32 array (n, 1, 96, 96) in [0, 1]

    Returns
    -------
    float32 array (n, 30), px
    """
    return keypoints.unscale(net.predict(X))
