"""The two labelling schemes of the contest's images, and targets that keep them apart.

About a third of the images were labelled with up to 15 keypoints. The others come from another
team, which marked only four, by other conventions: for example, the tip of the nose further down.
A net that is trained on all images can learn one output for both schemes, or one for each. In the
second case its targets have 38 columns: the 30 coordinates of the first scheme, then the 8 of the
second, NaN where an image has none.
"""
import numpy as np

from facekp.keypoints import COLUMNS, KEYPOINTS

FOUR = ("left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip")
"""The keypoints of the second scheme."""

FOUR_COLUMNS = np.array([COLUMNS.index(f"{name}_{axis}") for name in FOUR for axis in "xy"])
"""int (8,): the columns of :data:`FOUR` among the 30."""

_OTHERS = np.setdiff1d(np.arange(len(COLUMNS)), FOUR_COLUMNS)


def is_second(known):
    """Which images belong to the second scheme: those that have some of the four points alone.

    Parameters
    ----------
    known : bool array (n, 30)
        Which coordinates are labelled, or asked for.

    Returns
    -------
    bool array (n,)

    Examples
    --------
    >>> known = np.ones((2, 30), bool)
    >>> known[1, _OTHERS] = False
    >>> is_second(known)
    array([False,  True])
    """
    known = np.asarray(known)
    return known[:, FOUR_COLUMNS].any(axis=1) & ~known[:, _OTHERS].any(axis=1)


def asked_of(lookup, image_ids):
    """The coordinates that a lookup table asks for.

    Parameters
    ----------
    lookup : facekp.data.Lookup
    image_ids : int array (n,)

    Returns
    -------
    bool array (n, 30)
    """
    row_of = {image_id: row for row, image_id in enumerate(np.asarray(image_ids).tolist())}
    asked = np.zeros((len(row_of), len(COLUMNS)), bool)
    rows = np.array([row_of.get(image_id, -1) for image_id in lookup.image_ids.tolist()], int)
    asked[rows[rows >= 0], lookup.columns[rows >= 0]] = True
    return asked


def apart(y, second):
    """Targets that keep the schemes apart.

    Parameters
    ----------
    y : float array (n, 30); NaN where unlabelled
    second : bool array (n,)
        The images of the second scheme.

    Returns
    -------
    float array (n, 38)

    Examples
    --------
    >>> y = np.full((2, 30), 40.)
    >>> apart(y, np.array([False, True]))[:, [0, 1, 30, 31]]
    array([[40., 40., nan, nan],
           [nan, nan, 40., 40.]])
    """
    return np.concatenate([np.where(second[:, np.newaxis], np.nan, y),
                           np.where(second[:, np.newaxis], y[:, FOUR_COLUMNS], np.nan)],
                          axis=1).astype(y.dtype)


def joined(targets):
    """Undo :func:`apart`.

    Parameters
    ----------
    targets : float array (n, 38)

    Returns
    -------
    y : float array (n, 30)
    second : bool array (n,)
    """
    second = ~np.isnan(targets[:, len(COLUMNS):]).all(axis=1)
    return pick(targets, second), second


def pick(outputs, second=None):
    """The coordinates of each image by its own scheme.

    Parameters
    ----------
    outputs : float array (n, 30), returned as it is, or (n, 38) as described above
    second : bool array (n,) or None
        The images of the second scheme, which get its four points; None: all are of the first.

    Returns
    -------
    float array (n, 30)
    """
    y = outputs[:, :len(COLUMNS)]
    if second is None or outputs.shape[1] == len(COLUMNS):
        return y
    y, rows = y.copy(), np.flatnonzero(second)
    y[np.ix_(rows, FOUR_COLUMNS)] = outputs[rows, len(COLUMNS):]
    return y


def only(y, points):
    """Coordinates of some keypoints alone.

    Parameters
    ----------
    y : float array (n, 30)
    points : sequence of str, names of keypoints; empty for all

    Returns
    -------
    float array (n, 30), NaN for the other keypoints; `y` itself if `points` is empty

    Examples
    --------
    >>> np.isfinite(only(np.zeros((1, 30)), ["nose_tip"])).sum()
    2
    """
    if not points:
        return y
    chosen = np.isin(KEYPOINTS, points).repeat(2)
    return np.where(chosen, y, np.nan).astype(y.dtype)
