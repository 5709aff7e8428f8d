"""weights.npz: a net's parameters by name, like ``conv1.W``; safe to open, whoever made it."""
from facekp import files, npz
from facekp.errors import RunError


def save_weights(path, values):
    """Write parameters, atomically.

    Parameters
    ----------
    path : path
    values : dict of str -> float array
    """
    files.write_npz(path, values)


def load_weights(path, shapes):
    """Read exactly the parameters that a net needs (:func:`facekp.npz.read_npz`).

    Parameters
    ----------
    path : path
    shapes : dict of str -> tuple of int
        What the net has.

    Returns
    -------
    dict of str -> float32 array

    Raises
    ------
    RunError
        If the file cannot be read or does not fit the net.
    """
    try:
        return npz.read_npz(path, {name: (("<f4",), shape) for name, shape in shapes.items()})
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: these weights cannot be used: {error}; let the run end (the same "
                       "command goes on), or name another run folder; a complete run must be "
                       "removed and trained again") from None


def read_weights(net, path, prefix=""):
    """Set a net's parameters from a file that holds exactly these.

    Parameters
    ----------
    net : facekp.nets.net.KeypointNet
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
