"""Affine maps of the image plane, and their effect on keypoints.

A map is a float64 array (2, 3), or (n, 2, 3) for n images: the point (x, y) of the image before
goes to ``map @ (x, y, 1)``. Pixel centres have whole-number coordinates, so the image
covers -0.5 to 95.5, and its centre is (47.5, 47.5). x points to the right, y points down.
"""
import numpy as np

from facekp.keypoints import COLUMNS, FLIP, SIZE

CENTRE = (SIZE - 1) / 2

IDENTITY = np.eye(2, 3)


def affine(a, b, c, d, e, f):
    """The maps ``x' = a x + b y + c``, ``y' = d x + e y + f``.

    Parameters
    ----------
    a, b, c, d, e, f : float arrays that numpy can broadcast, of shape (n,) together

    Returns
    -------
    float64 array (n, 2, 3)

    Examples
    --------
    >>> affine(1, 0, [5., 7.], 0, 1, 0).shape    # two shifts to the right
    (2, 2, 3)
    """
    numbers = np.broadcast_arrays(*(np.asarray(number, float) for number in (a, b, c, d, e, f)))
    return np.stack(numbers, axis=-1).reshape(numbers[0].shape + (2, 3))


def mirror(mirrored):
    """Mirror images left to right: x becomes ``95 - x``.

    Parameters
    ----------
    mirrored : bool array (n,)

    Returns
    -------
    float64 array (n, 2, 3), the identity where not `mirrored`

    Examples
    --------
    >>> mirror(np.array([True]))[0] @ (0, 40, 1)    # where the point (0, 40) goes
    array([95., 40.])
    """
    sign = np.where(mirrored, -1.0, 1.0)
    return affine(sign, 0, np.where(mirrored, SIZE - 1.0, 0.0), 0, 1, 0)


def crop(side, left, top):
    """Enlarge a square to the whole image.

    Parameters
    ----------
    side : float array (n,)
        The square's side divided by the image's side, above 0.
    left, top : float arrays (n,)
        The position of the square: 0 at the image's left or upper edge, 1 at its right or lower
        edge.

    Returns
    -------
    float64 array (n, 2, 3)

    Examples
    --------
    >>> half = crop(np.array([0.5]), np.array([0.]), np.array([0.]))    # the upper left quarter
    >>> half[0] @ (47.5, 47.5, 1)
    array([95.5, 95.5])
    """
    def offset(place):  # the square begins at -0.5 + place * (1 - side) * 96, which becomes -0.5
        first = place * (1 - side) * SIZE - 0.5
        return -first / side - 0.5

    return affine(1 / side, 0, offset(left), 0, 1 / side, offset(top))


def rotate_and_scale(degrees, factor):
    """Turn clockwise about the image's centre and change the size.

    Parameters
    ----------
    degrees, factor : float arrays (n,)

    Returns
    -------
    float64 array (n, 2, 3)

    Examples
    --------
    >>> quarter = rotate_and_scale(np.array([90.]), np.array([1.]))
    >>> (quarter[0] @ (95, 0, 1)).round(6)
    array([95., 95.])
    """
    radians = np.deg2rad(degrees)
    cos, sin = factor * np.cos(radians), factor * np.sin(radians)
    return affine(cos, -sin, CENTRE - cos * CENTRE + sin * CENTRE,
                  sin, cos, CENTRE - sin * CENTRE - cos * CENTRE)


def shift(right, down):
    """Shift images.

    Parameters
    ----------
    right, down : float arrays (n,), px

    Returns
    -------
    float64 array (n, 2, 3)

    Examples
    --------
    >>> shift(np.array([5.]), np.array([-2.]))[0] @ (40, 40, 1)
    array([45., 38.])
    """
    return affine(1, 0, right, 0, 1, down)


def compose(*maps):
    """One map with the effect of several maps; the first one is applied first.

    Parameters
    ----------
    maps : float arrays (..., 2, 3)

    Returns
    -------
    float64 array (..., 2, 3)

    Examples
    --------
    >>> right = shift(np.array([5.]), np.array([0.]))
    >>> compose(right, mirror(np.array([True])))[0] @ (0, 40, 1)
    array([90., 40.])
    """
    whole = maps[0]
    for then in maps[1:]:
        (a, b, c, d, e, f), (p, q, r, s, t, u) = _numbers(whole), _numbers(then)
        whole = affine(p * a + q * d, p * b + q * e, p * c + q * f + r,
                       s * a + t * d, s * b + t * e, s * c + t * f + u)
    return whole


def inverse(maps):
    """The inverse maps.

    Parameters
    ----------
    maps : float array (..., 2, 3)

    Returns
    -------
    float64 array (..., 2, 3)

    Examples
    --------
    >>> inverse(shift(np.array([5.]), np.array([-2.])))[0] @ (45, 38, 1)
    array([40., 40.])
    """
    a, b, c, d, e, f = _numbers(maps)
    det = a * e - b * d
    a, b, d, e = e / det, -b / det, -d / det, a / det
    return affine(a, b, -(a * c + b * f), d, e, -(d * c + e * f))


def move_keypoints(y_px, maps):
    """Keypoints of transformed images.

    x and y of a keypoint become NaN if it moves out of the image (-0.5 to 95.5 px), where it cannot
    be seen, or if one of the two is NaN. If a map mirrors the image, left and right keypoints
    change places. An image that is not moved keeps its keypoints as they are.

    Parameters
    ----------
    y_px : float array (n, 30), px
    maps : float array (n, 2, 3)

    Returns
    -------
    float array (n, 30), px, with the dtype of `y_px`

    Examples
    --------
    >>> y_px = np.full((1, 30), 40.)
    >>> move_keypoints(y_px, shift(np.array([5.]), np.array([-60.])))[0, :2]
    array([nan, nan])
    >>> move_keypoints(y_px, shift(np.array([5.]), np.array([-10.])))[0, :2]
    array([45., 30.])
    """
    a, b, c, d, e, f = (number[:, np.newaxis] for number in _numbers(maps))
    x, y = np.asarray(y_px, float)[:, 0::2], np.asarray(y_px, float)[:, 1::2]
    points = np.stack([a * x + b * y + c, d * x + e * y + f], axis=-1)          # (n, 15, 2)
    inside = ((points >= -0.5) & (points <= SIZE - 0.5)).all(axis=-1, keepdims=True)
    moved = np.where(inside, points, np.nan).reshape(len(points), len(COLUMNS))
    moved = np.where(a * e < b * d, moved[:, FLIP], moved).astype(np.asarray(y_px).dtype)
    return np.where((maps == IDENTITY).all(axis=(1, 2))[:, np.newaxis], y_px, moved)


def _numbers(maps):
    """a to f of :func:`affine`, arrays (...)."""
    return [maps[..., i, j] for i in (0, 1) for j in (0, 1, 2)]
