"""weights.npz: a net's parameters by name, like ``conv1.W``. Files of unknown origin are safe."""
from facekp import files, npz
from facekp.errors import RunError


def save_weights(path, values):
    """Write parameters to a file, atomically.

    Parameters
    ----------
    path : path
    values : dict of str -> float array

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(f"{folder}/weights.npz", {"conv1.b": np.zeros(3, np.float32)})
    ...     load_weights(f"{folder}/weights.npz", {"conv1.b": (3,)})
    {'conv1.b': array([0., 0., 0.], dtype=float32)}
    """
    files.write_npz(path, values)


def load_weights(path, shapes):
    """Read the parameters of a net; see :func:`save_weights` for an example.

    They are float64 if the net was trained with ``THEANO_FLAGS=floatX=float64``.

    Parameters
    ----------
    path : path
    shapes : dict of str -> tuple of int
        The shapes of the net's parameters. The file must have exactly these.

    Returns
    -------
    dict of str -> float32 or float64 array

    Raises
    ------
    RunError
        If the file cannot be read or does not fit the net.
    """
    try:
        return npz.read_npz(path, {name: (("<f4", "<f8"), shape) for name, shape in shapes.items()})
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: these weights cannot be used: {error}; let the run end (the same "
                       "command goes on), or name another run folder; a complete run must be "
                       "removed and trained again") from None


def read_weights(net, path, prefix=""):
    """Set a net's parameters from a file that has exactly these parameters, in either precision.

    Parameters
    ----------
    net : facekp.nets.net.KeypointNet
    path : path, like weights.npz
    prefix : str
        Only parameters whose names begin with this are read; the others keep their values.

    Raises
    ------
    RunError
        If the file cannot be read, or does not fit the net.

    Examples
    --------
    >>> from facekp.nets.lenet import lenet5
    >>> net = lenet5("classic")
    >>> read_weights(net, "runs/lenet/lenet5-classic/fold0/weights.npz")    # doctest: +SKIP
    """
    parameters = {name: parameter for name, parameter in net.weights().items()
                  if name.startswith(prefix)}
    values = load_weights(path, {name: parameter.get_value(borrow=True).shape
                                 for name, parameter in parameters.items()})
    for name, parameter in parameters.items():
        parameter.set_value(values[name].astype(parameter.dtype))
