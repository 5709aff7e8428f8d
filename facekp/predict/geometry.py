"""From a photo to the crop that the net expects, and from the crop's points back to the photo.

Coordinates in a photo are px from its upper left corner: pixel edges have whole numbers, the middle
of the first pixel is (0.5, 0.5). Coordinates in a crop are Kaggle's: the middle of the first of
96x96 pixels is (0, 0), so that a mirror image is 95 - x.
"""
from dataclasses import dataclass

import numpy as np
from PIL import Image

from facekp.keypoints import KEYPOINTS, SIZE

FIVE = tuple(KEYPOINTS.index(name) for name in (
    "right_eye_center", "left_eye_center", "nose_tip", "mouth_right_corner", "mouth_left_corner"))
"""The keypoints that place a crop, in the order in which detectors give them: the eye on the
picture's left, the other eye, the nose, the corner of the mouth on the left, the other one."""

MEANS = np.array([(29.6, 37.1), (66.2, 36.8), (47.9, 57.3), (33.0, 76.1), (63.4, 75.9)])
"""float (5, 2), px: where the five are, on average, on Kaggle's complete training images."""

UPRIGHT_DEGREES = 8.0
"""Faces are turned upright beyond this; Kaggle's are turned by 4.3 degrees themselves."""

USUAL, DARKEST, LEAST_SPREAD = (121.0, 48.4), 50.0, 25.0
"""Gray levels of Kaggle's complete training images: mean and standard deviation; a mean and a
standard deviation that 99 of 100 exceed."""

MOVED_PX, MOVED_SHARE = 6.0, 0.12
"""By how much two crops differ at most, px of the crop and share of the side, whose points are
averaged."""

OVERSAMPLE = 2
"""Pixels of a turned crop before it is made smaller, along each axis."""

MANY = 10**7
"""Pixels, with those repeated at the edge, from which the cheaper axis is resized first; the order
changes how gray levels are rounded."""


@dataclass(frozen=True)
class Crop:
    """A square of a photo.

    Parameters
    ----------
    x, y : float, px of the photo, the middle
    side : float, px of the photo
    roll : float, degrees
        How far the square is turned, clockwise as one sees it.
    """

    x: float
    y: float
    side: float
    roll: float = 0.0

    def to_photo(self, points):
        """Points of the crop as points of the photo.

        Parameters
        ----------
        points : float array (..., 2), px of the crop

        Returns
        -------
        float array (..., 2), px of the photo
        """
        aside = (np.asarray(points, np.float64) - (SIZE - 1) / 2) * (self.side / SIZE)
        return aside @ _turn(self.roll).T + (self.x, self.y)

    def moved(self, other):
        """Whether two crops differ by more than averaging their points allows.

        Returns
        -------
        bool, whether `other` is more than 6 px of 96 aside or 12 % larger or smaller
        """
        aside = np.hypot(other.x - self.x, other.y - self.y) * SIZE / self.side
        return bool(aside > MOVED_PX or abs(other.side / self.side - 1) > MOVED_SHARE)


def _turn(degrees):
    """Matrix (2, 2) that turns clockwise where y points down."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s], [s, c]])


def roll_of(five):
    """The angle by which five points are turned against Kaggle's means, least squares.

    Parameters
    ----------
    five : float array (5, 2), px, in the order of :data:`FIVE`

    Returns
    -------
    float, degrees, positive clockwise
    """
    L, M = five - five.mean(0), MEANS - MEANS.mean(0)
    return float(np.degrees(np.arctan2((M[:, 0] * L[:, 1] - M[:, 1] * L[:, 0]).sum(),
                                       (M * L).sum())))


def crop_of(five):
    """The square whose 96x96 pixels show a face as Kaggle's crops do.

    The scale is the least squares fit of Kaggle's five mean points to the given ones,
    a = sum (M - mean M)(L - mean L) / sum (M - mean M)^2; the square has a side of 96 a and its
    middle at mean L + a (47.5 - mean M).

    Parameters
    ----------
    five : float array (5, 2), px of the photo, in the order of :data:`FIVE`

    Returns
    -------
    Crop
    """
    five = np.asarray(five, np.float64)
    roll = roll_of(five)
    roll = roll if abs(roll) > UPRIGHT_DEGREES else 0.0
    middle, M = five.mean(0), MEANS - MEANS.mean(0)
    upright = (five - middle) @ _turn(roll)  # turned back
    a = float((M * upright).sum() / (M ** 2).sum())
    x, y = middle + _turn(roll) @ (a * ((SIZE - 1) / 2 - MEANS.mean(0)))
    return Crop(float(x), float(y), SIZE * a, roll)


def cut(gray, crop):
    """The 96x96 pixels of a crop; beyond the photo's edge its outermost pixels go on.

    Parameters
    ----------
    gray : uint8 array (height, width)
    crop : Crop

    Returns
    -------
    uint8 array (96, 96)
    """
    turned = crop.roll != 0
    side = crop.side * (np.sqrt(2) if turned else 1)  # the upright square around a turned one
    left, top = crop.x - side / 2, crop.y - side / 2
    if not turned:
        return _resized(gray, left, top, side, SIZE)
    # Pillow's transform does not smooth when it shrinks: resize first, turn, then resize again.
    fine = int(round(SIZE * np.sqrt(2) * OVERSAMPLE))
    square = Image.fromarray(_resized(gray, left, top, side, fine))
    size = SIZE * OVERSAMPLE
    step = fine * crop.side / side / size  # px of the square for a px of the turned crop
    (a, b), (d, e) = _turn(crop.roll) * step
    c, f = fine / 2 - (a + b) * size / 2, fine / 2 - (d + e) * size / 2
    upright = square.transform((size, size), Image.AFFINE, (a, b, c, d, e, f), Image.BICUBIC)
    return np.asarray(upright.resize((SIZE, SIZE), Image.BICUBIC))


def _resized(gray, left, top, side, size):
    """A square of a photo as size x size pixels; beyond the edge its outermost pixels go on.

    Pillow's resize, one axis after the other, as it does itself: pixels beyond the edge are
    repeated along one axis at a time, so that a square around 20000x10 px never has 20000x20000.
    """
    columns, x = _along(left, side, size, gray.shape[1])
    rows, y = _along(top, side, size, gray.shape[0])
    across, down = (np.ptp(rows) + 1) * len(columns), (np.ptp(columns) + 1) * len(rows)
    if across > max(down, MANY):
        return _resized(gray.T, top, left, side, size).T
    within = gray[rows[0]:rows[-1] + 1]
    wide = Image.fromarray(within[:, columns])
    narrow = np.asarray(wide.resize((size, len(within)), Image.BICUBIC,
                                    box=(x, 0, x + side, len(within))))
    high = Image.fromarray(narrow[rows - rows[0]])
    return np.asarray(high.resize((size, size), Image.BICUBIC, box=(0, y, size, y + side)))


def _along(begin, side, size, length):
    """Indices of the pixels that are needed along an axis, and where the square begins in them."""
    margin = int(np.ceil(2 * max(side / size, 1))) + 1  # what a bicubic filter sees beyond it
    first = int(np.floor(begin)) - margin
    n = int(np.ceil(side)) + 2 * margin + 1
    return np.clip(np.arange(first, first + n), 0, length - 1), begin - first


def with_contrast(image):
    """A crop with the brightness and contrast of Kaggle's, where its own are far from them.

    Parameters
    ----------
    image : uint8 array (96, 96)

    Returns
    -------
    uint8 array (96, 96)
    """
    mean, spread = float(image.mean()), float(image.std())
    if LEAST_SPREAD <= spread and DARKEST <= mean:
        return image
    usual_mean, usual_spread = USUAL
    values = (image - mean) * (usual_spread / max(spread, 1.0)) + usual_mean
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
