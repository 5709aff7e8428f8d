"""A trained net from a run folder, and the keypoints it finds."""
import facekp.engine  # noqa: F401  (readies Theano, Lasagne and nolearn)

from facekp import allocator, keypoints, storage
from facekp.errors import ConfigError, RunError
from facekp.models import build
from facekp.runs import Run
from facekp.settings import Settings
from facekp.weights import load_weights


def load_net(folder):
    """The trained net of a run folder, ready to predict.

    Parameters
    ----------
    folder : path
        A run folder with config.json and weights.npz.

    Returns
    -------
    facekp.net.KeypointNet

    Raises
    ------
    RunError
        If the folder has no such files, or they do not fit together.
    """
    allocator.tune()
    run = Run(folder)
    if not run.config.exists():
        raise RunError(f"{run.config}: cannot be read (no such file); name the folder of a run, "
                       "such as runs/lenet/lenet5/fold0")
    try:
        net = build(Settings(**storage.read_json(run.config)["settings"]))
    except (KeyError, TypeError, ConfigError) as error:
        why = error if isinstance(error, ConfigError) else repr(error)
        raise RunError(f"{run.config}: holds no settings of a run ({why}); name another run "
                       "folder") from None
    parameters = net.weights()
    values = load_weights(run.weights, {name: parameter.get_value(borrow=True).shape
                                        for name, parameter in parameters.items()})
    for name, parameter in parameters.items():
        parameter.set_value(values[name])
    net.initialize()
    return net


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
