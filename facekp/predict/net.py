"""The net that finds the 15 keypoints of a face that was cropped."""
import os

import numpy as np

from facekp.errors import ConfigError, RunError
from facekp.keypoints import COLUMNS, SIZE
from facekp.predict.sessions import MODELS, open_session

DEFAULT = os.path.join(MODELS, "keypoints.onnx")
"""The net that comes with the package."""

_BATCH = 64  # faces at a time: a crowd must not need the memory of all its faces


class Net:
    """An exported net.

    Parameters
    ----------
    path : path or None
        An ONNX file, or a run's folder with ``net.onnx`` in it; None for the one that comes with
        the package.
    threads : int or None, see :func:`facekp.predict.sessions.open_session`

    Attributes
    ----------
    path : str, of the ONNX file
    metadata : dict of str -> str, what the file says of the net

    Raises
    ------
    ConfigError, RunError
        If there is no such file, or its net is not one for keypoints.
    """

    def __init__(self, path=None, threads=None):
        self.path = _file(path)
        self._session = open_session(self.path, threads)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shapes = [value.shape[1:] for value in inputs + outputs]
        if shapes != [[1, SIZE, SIZE], [len(COLUMNS)]]:
            raise ConfigError(f"{self.path}: found a net from {shapes[:len(inputs)]} to "
                              f"{shapes[len(inputs):]}, expected one from [[1, {SIZE}, {SIZE}]] to "
                              f"[[{len(COLUMNS)}]]; name an ONNX file that facekp exported",
                              remedies=("net",))
        self._input = inputs[0].name
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)

    def __call__(self, crops):
        """Keypoints of crops.

        Parameters
        ----------
        crops : uint8 array (n, 96, 96)

        Returns
        -------
        float32 array (n, 30), px of the crop

        Raises
        ------
        ConfigError
            If the net finds what is no number.
        """
        y_px = np.concatenate([self._run(crops[start:start + _BATCH])
                               for start in range(0, len(crops), _BATCH)])
        if not np.isfinite(y_px).all():
            raise ConfigError(f"{self.path}: the net finds keypoints that are not finite numbers; "
                              "name another net")
        return y_px

    def _run(self, crops):
        X = np.asarray(crops, np.float32)[:, np.newaxis] / np.float32(255)
        return self._session.run(None, {self._input: X})[0]


def _file(path):
    if path is None:
        if not os.path.exists(DEFAULT):
            raise ConfigError("no net comes with this copy of facekp; name an exported one, an "
                              "ONNX file", remedies=("net",))
        return DEFAULT
    path = os.fspath(path)
    if os.path.isdir(path):
        inside = os.path.join(path, "net.onnx")
        if not os.path.exists(inside):
            raise RunError(f"{path}: has no net.onnx; export the run first (facekp.training.export "
                           "writes it), or name an ONNX file", remedies=("net",))
        return inside
    return path
