"""Compute the pixels of transformed images with numpy, in the same steps as the compiled kernel.

1. Geometry: each pixel of the new image is interpolated once, linearly in x and y, between the
   four pixels around its position in the old image. Outside the image, edge pixels are repeated.
2. Blur by a Gaussian, rows and then columns; edge pixels are repeated here, too.
3. Contrast about the old image's mean, brightness, and noise.
4. Gray levels below 0 or above 1 become 0 or 1, as in a camera.
"""
import numpy as np

from facekp.data.transforms.kernel_input import MIDDLE, UNIT


def resample(X, rows, given):
    """Transformed images.

    Parameters
    ----------
    X : float32 array (n_images, 1, 96, 96) in [0, 1]
    rows : int array (n,), which of the images
    given : facekp.data.transforms.kernel_input.KernelInput, of the n images

    Returns
    -------
    float32 array (n, 1, 96, 96), a new array
    """
    out = np.empty((len(rows),) + X.shape[1:], np.float32)
    for i, (row, whole, tone, weights) in enumerate(zip(rows, *given)):
        image = X[row, 0]
        pixels = _interpolated(image, whole)
        if len(weights) > 1:
            pixels = _blurred(_blurred(pixels, weights).T, weights).T
        out[i, 0] = _toned(pixels, tone, int(whole[6]), image.mean())
    return out


def _interpolated(image, whole):
    """The image (96, 96) seen through the map that the numbers `whole` (7,) describe."""
    height, width = image.shape
    x, y = np.arange(width) - MIDDLE, np.arange(height)[:, np.newaxis] - MIDDLE
    old_x = np.clip(whole[0] * x + whole[1] * y + whole[2], 0, (width - 1) * UNIT)
    old_y = np.clip(whole[3] * x + whole[4] * y + whole[5], 0, (height - 1) * UNIT)
    left, upper = np.minimum(old_x // UNIT, width - 2), np.minimum(old_y // UNIT, height - 2)
    to_right, to_lower = (((old - first * UNIT) / UNIT).astype(np.float32)
                          for old, first in ((old_x, left), (old_y, upper)))
    above, below = (image[row, left] * (1 - to_right) + image[row, left + 1] * to_right
                    for row in (upper, upper + 1))
    return above * (1 - to_lower) + below * to_lower


def _blurred(pixels, weights):
    """`pixels` (h, w) blurred along their rows."""
    radius, width = len(weights) - 1, pixels.shape[1]
    padded = np.pad(pixels, ((0, 0), (radius, radius)), mode="edge")
    total = weights[0] * pixels
    for k in range(1, radius + 1):
        total = total + weights[k] * (padded[:, radius - k:radius - k + width]
                                      + padded[:, radius + k:radius + k + width])
    return total


def _toned(pixels, tone, key, mean):
    """`pixels` (h, w) with another contrast, brightness and noise, in [0, 1]."""
    gain, offset, amplitude = tone
    pixels = gain * pixels + (mean * (1 - gain) + offset)
    if amplitude:
        pixels = pixels + amplitude * noise_bytes(key, pixels.size).reshape(pixels.shape)
    return np.clip(pixels, 0, 1)


def noise_bytes(key, count):
    """Sums of four random bytes, minus their mean: nearly normal, and equal on every machine.

    Parameters
    ----------
    key : int, 32 bits
    count : int, number of sums

    Returns
    -------
    float32 array (count,), whole numbers -510 to 510
    """
    # A hash of the pixel's number: lowbias32 by Chris Wellons
    h = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(key)
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B)
    h = h ^ (h >> np.uint32(16))
    four = sum((h >> np.uint32(shift)) & np.uint32(255) for shift in (0, 8, 16, 24))
    return four.astype(np.float32) - 510
