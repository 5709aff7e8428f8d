"""The 15 keypoints of the contest, their 30 columns, mirroring and scaling (sections 3 to 5).

"Left" and "right" are the person's own left and right: the left eye is on the right side of the
image.
"""
import re

import numpy as np

SIZE = 96
"""Height and width of an image, px."""

KEYPOINTS = (
    "left_eye_center",
    "right_eye_center",
    "left_eye_inner_corner",
    "left_eye_outer_corner",
    "right_eye_inner_corner",
    "right_eye_outer_corner",
    "left_eyebrow_inner_end",
    "left_eyebrow_outer_end",
    "right_eyebrow_inner_end",
    "right_eyebrow_outer_end",
    "nose_tip",
    "mouth_left_corner",
    "mouth_right_corner",
    "mouth_center_top_lip",
    "mouth_center_bottom_lip",
)
"""The names in the order of Kaggle's training.csv."""

COLUMNS = tuple(f"{name}_{axis}" for name in KEYPOINTS for axis in "xy")
"""The 30 columns of y: x and y of the first keypoint, x and y of the second, and so on."""


def mirrored(name):
    """The keypoint, or column, that one with this name is in a mirror image.

    >>> mirrored("left_eye_center")
    'right_eye_center'
    """
    swap = {"left": "right", "right": "left"}
    return re.sub(r"left|right", lambda match: swap[match.group()], name)


FLIP = np.array([COLUMNS.index(mirrored(column)) for column in COLUMNS])
"""int (30,): column ``FLIP[i]`` of a face becomes column ``i`` of its mirror image."""


def flip_keypoints(y_px):
    """Keypoints of mirror images: x becomes ``95 - x``; left and right keypoints change places.

    Pixel centres have whole-number coordinates, so pixel 0 becomes pixel 95.

    Parameters
    ----------
    y_px : float array (..., 30), px; NaN stays NaN

    Returns
    -------
    float array (..., 30), px; a copy

    Examples
    --------
    >>> y_px = np.zeros((1, 30))
    >>> y_px[0, :4] = 66, 37, 30, 38  # left eye, right eye
    >>> flip_keypoints(y_px)[0, :4]
    array([65., 38., 29., 37.])
    """
    flipped = y_px[..., FLIP].copy()
    flipped[..., 0::2] = (SIZE - 1) - flipped[..., 0::2]
    return flipped


def scale(y_px):
    """Convert pixels to the net's targets, ``(y - 48) / 48`` (paper, section 4).

    Parameters
    ----------
    y_px : float array (..., 30), px

    Returns
    -------
    float array (..., 30), in [-1, 1] for points inside the image

    Examples
    --------
    >>> scale(np.array([0., 24., 48., 96.]))
    array([-1. , -0.5,  0. ,  1. ])
    """
    return (y_px - SIZE / 2) / (SIZE / 2)


def unscale(y_scaled):
    """Convert the net's outputs to pixels; the inverse of :func:`scale`.

    Parameters
    ----------
    y_scaled : float array (..., 30)

    Returns
    -------
    float array (..., 30), px

    Examples
    --------
    >>> unscale(np.array([-1., 0., 0.5]))
    array([ 0., 48., 72.])
    """
    return y_scaled * (SIZE / 2) + SIZE / 2
