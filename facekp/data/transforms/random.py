"""Random numbers that depend only on (seed, epoch, index of the image).

They are computed from these three, not drawn one after the other. So the batches, their order, the
threads and interruptions make no difference, and the only state is the number of the epoch. The
generator is SplitMix64 (Steele, Lea & Flood 2014). It uses only integers, so it gives the same
numbers on every machine, and with numpy it is fast enough for one generator per image.
"""
import numpy as np

NAMES = ("mirror", "rotate", "scale", "shift_x", "shift_y", "crop", "crop_x", "crop_y",
         "brightness", "contrast", "noise", "noise_key", "blur")
"""The uses of an image's numbers, in order. New ones must come last, so that the others stay."""

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

    Examples
    --------
    >>> first = random_bits(seed=0, epoch=1, index=np.arange(4))["rotate"]
    >>> again = random_bits(seed=0, epoch=1, index=np.array([2, 3]))["rotate"]
    >>> (first[2:] == again).all()    # an image's numbers do not depend on the others
    True
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
    """Convert random bits to numbers in [0, 1), multiples of 2**-53.

    Parameters
    ----------
    bits : uint64 array

    Returns
    -------
    float64 array of the same shape

    Examples
    --------
    >>> bits = random_bits(seed=0, epoch=1, index=np.arange(1000))["rotate"]
    >>> uniform(bits).shape, 0.4 < uniform(bits).mean() < 0.6
    ((1000,), True)
    """
    return (bits >> np.uint64(11)) * 2.0**-53
