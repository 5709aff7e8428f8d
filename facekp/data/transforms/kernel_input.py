"""Convert the changes of images to the kernels' numbers: fixed point and float32.

Both kernels use these numbers: the one in numpy (:mod:`facekp.data.transforms.resample`) and the
compiled one (:mod:`facekp.fused.resample_ops`). Positions in the image are computed in whole
numbers, so both kernels use exactly the same positions on every machine.
"""
from typing import NamedTuple

import numpy as np

from facekp.data.transforms.geometry import inverse

UNIT = 1 << 21
"""Parts of a pixel. A position in the image is a whole number of parts, and fits into 32 bits."""

MIDDLE = 48
"""Positions are relative to this column and row; this halves the error of a rounded slope."""

NOISE_UNIT = np.sqrt(4 * (256**2 - 1) / 12)
"""Standard deviation of the sum of four random bytes."""


class KernelInput(NamedTuple):
    """Arrays for n images.

    Attributes
    ----------
    whole : int64 array (n, 7)
        Columns 0 to 5: the map from the new image to the old one. The pixel (x, y) of the new one
        is taken from ``old_x = (w0 (x - 48) + w1 (y - 48) + w2) / UNIT`` and from `old_y` by w3 to
        w5, at most 3e-5 px from where the map leads. Column 6: the key of the noise.
    tone : float32 array (n, 3)
        Gain, offset, and the factor of the noise (the sum of four random bytes, minus 510).
    weights : float32 array (n, radius + 1)
        The weights of the blur, for the pixel itself and for its neighbours on both sides.
    """

    whole: np.ndarray
    tone: np.ndarray
    weights: np.ndarray

    def of(self, rows):
        """The numbers of some of the images.

        Parameters
        ----------
        rows : int array (k,) or slice

        Returns
        -------
        KernelInput
        """
        return KernelInput(*(array[rows] for array in self))


def kernel_input(changes):
    """The kernels' numbers for the changes of images.

    Parameters
    ----------
    changes : facekp.data.transforms.draw.Changes

    Returns
    -------
    KernelInput
    """
    back = inverse(changes.maps)
    back[..., 2] += MIDDLE * (back[..., 0] + back[..., 1])
    whole = np.empty((len(back), 7), np.int64)
    whole[:, :6] = np.rint(back.reshape(-1, 6) * UNIT)
    whole[:, 6] = changes.noise_key
    tone = np.stack([changes.gain, changes.offset, changes.noise / NOISE_UNIT], axis=1)
    return KernelInput(whole, tone.astype(np.float32),
                       blur_weights(changes.blur, changes.blur_radius))


def blur_weights(sigma, radius):
    """Gaussian weights of the pixels 0 to `radius` px away in one direction.

    Parameters
    ----------
    sigma : float array (n,), px; 0 for no blur
    radius : int, px

    Returns
    -------
    float32 array (n, radius + 1)
        The weights of a pixel and of its neighbours on both sides have the sum 1. Beyond 3 sigma
        (rounded up) they are 0, and the compiled kernel skips them.

    Examples
    --------
    >>> blur_weights(np.array([0., 1.]), radius=3).round(2)
    array([[1.  , 0.  , 0.  , 0.  ],
           [0.4 , 0.24, 0.05, 0.  ]], dtype=float32)
    """
    distance, sigma = np.arange(radius + 1), np.asarray(sigma, float)[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.exp(-0.5 * (distance / sigma)**2)
    weights[:, 0] = 1  # where sigma is 0, too
    weights[:, 1:][distance[1:] >= 3 * sigma + 1] = 0
    weights /= 2 * weights.sum(axis=1, keepdims=True) - 1
    return weights.astype(np.float32)
