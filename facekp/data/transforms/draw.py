"""Choose the changes of each image in an epoch: from random numbers to maps and gray levels."""
from typing import NamedTuple

import numpy as np

from facekp.data.transforms import geometry
from facekp.data.transforms.random import random_bits, uniform


class Changes(NamedTuple):
    """The changes of n images.

    Attributes
    ----------
    maps : float64 array (n, 2, 3)
        The affine map of each image (:mod:`facekp.data.transforms.geometry`).
    gain : float64 array (n,)
        Factor of the gray levels' distance from the image's mean.
    offset : float64 array (n,)
        Added to the gray levels, which are 0 to 1.
    noise : float64 array (n,)
        Standard deviation of the noise of a pixel.
    noise_key : int64 array (n,)
        32 random bits, so that each image has its own noise.
    blur : float64 array (n,), sigma in px
    blur_radius : int, px, the largest distance that a blur reaches
    """

    maps: np.ndarray
    gain: np.ndarray
    offset: np.ndarray
    noise: np.ndarray
    noise_key: np.ndarray
    blur: np.ndarray
    blur_radius: int


def draw(augmentation, seed, epoch, index):
    """Choose the changes that an epoch makes to images of the training set.

    Parameters
    ----------
    augmentation : facekp.augmentation.Augmentation
    seed, epoch : int, not negative
    index : int array (n,), the numbers of the images in the training set

    Returns
    -------
    Changes
        The changes of an image depend only on the seed, the epoch and the image's index.

    Examples
    --------
    >>> from facekp.augmentation import Augmentation
    >>> draw(Augmentation(shift=5), seed=0, epoch=1, index=np.arange(4)).maps.shape
    (4, 2, 3)
    """
    bits = random_bits(seed, epoch, np.asarray(index))
    part = {name: uniform(value) for name, value in bits.items()}      # 0 to 1
    sign = {name: 2 * value - 1 for name, value in part.items()}       # -1 to 1
    a = augmentation
    maps = geometry.compose(
        geometry.mirror(part["mirror"] < a.mirror),
        geometry.crop(1 - a.crop * part["crop"], part["crop_x"], part["crop_y"]),
        geometry.rotate_and_scale(a.rotate * sign["rotate"], np.exp(a.scale * sign["scale"])),
        geometry.shift(a.shift * sign["shift_x"], a.shift * sign["shift_y"]))
    return Changes(
        maps=maps,
        gain=np.exp(a.contrast * sign["contrast"]),
        offset=a.brightness * sign["brightness"],
        noise=a.noise * part["noise"],
        noise_key=(bits["noise_key"] >> np.uint64(32)).astype(np.int64),
        blur=a.blur * part["blur"],
        blur_radius=int(np.ceil(3 * a.blur)))
