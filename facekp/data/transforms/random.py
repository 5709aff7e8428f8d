"""Random numbers that depend on (seed, epoch, index of the image) alone.

They are computed from these three and not drawn one after the other, so that batches, their order,
threads and where a run was interrupted make no difference, and the state of a run is the number of
its epoch. The generator is SplitMix64 (Steele, Lea & Flood 2014): integers only, the same on every
machine, and in numpy's vector form cheap enough for a generator of its own for each image.
"""
import numpy as np

NAMES = ("mirror", "rotate", "scale", "shift_x", "shift_y", "crop", "crop_x", "crop_y",
         "brightness", "contrast", "noise", "noise_key", "blur")
"""What the numbers of an image are for, in their order. New ones come last: the others stay."""

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mixed(z):
    """SplitMix64's output function: each bit of the result depends on every bit of `z`.

    Parameters
    ----------
    z : uint64 array

    Returns
    -------
    uint64 array of the same shape
    """
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def random_bits(seed, epoch, index):
    """64 random bits for each name in :data:`NAMES` and each image.

    Parameters
    ----------
    seed, epoch : int, not negative
    index : int array (n,), the numbers of the images in the training set

    Returns
    -------
    dict : str -> uint64 array (n,)
    """
    state = np.zeros(np.shape(index), np.uint64)
    for number in (seed, epoch, index):
        state = mixed(state + GOLDEN + np.asarray(number).astype(np.uint64))
    found = {}
    for name in NAMES:
        state = state + GOLDEN
        found[name] = mixed(state)
    return found


def uniform(bits):
    """Random bits as numbers of [0, 1), multiples of 2**-53.

    Parameters
    ----------
    bits : uint64 array

    Returns
    -------
    float64 array of the same shape
    """
    return (bits >> np.uint64(11)) * 2.0**-53
