"""Label the drawn faces: Kaggle's two labelling schemes, annotators' errors, missing values.

Kaggle's files come from two teams of annotators. The first team marked all 15 points. The second
marked only four, by other conventions: its nose tip is near the base of the nose, and its bottom
lip near the middle of the lips. Public counts of the contest's files tell how many rows have how
many values. The synthetic files have exactly these numbers, because a net that has seen only one
scheme is scored on both.
"""
import numpy as np

from facekp.data.schemes import FOUR
from facekp.keypoints import KEYPOINTS

NOISE_PX = {1: 0.4, 2: 0.9}  # standard deviation of an annotator's error, by scheme
_SHIFT_PX = (1.0, 1.0, 6.0, -4.0)  # second scheme: FOUR's y against the first scheme's

# number of rows by number of labelled points, first scheme and second scheme
TRAINING_ROWS = (
    {15: 2140, 14: 87, 13: 28, 12: 9, 11: 8, 10: 3, 9: 5, 8: 2, 5: 2}, {4: 4755, 3: 10})
TEST_ROWS = ({15: 556, 14: 18, 13: 9, 12: 3, 11: 2, 10: 2, 9: 1}, {4: 1190, 3: 2})

# how often the first scheme lacks each point, relative to each other: mostly brows' outer ends
_LOST = np.array([10, 13, 13, 17, 16, 16, 14, 59, 14, 48, 0, 15, 14, 9, 23]) / 281.0


def annotate(rng, points, scheme):
    """Labels (n, 30) float32 px of exact points (n, 15, 2), as an annotator would give them."""
    y = points + rng.normal(0, NOISE_PX[scheme], points.shape)
    if scheme == 2:
        y[:, [KEYPOINTS.index(name) for name in FOUR], 1] += _SHIFT_PX
    return np.round(y, 3).astype(np.float32).reshape(len(y), -1)


def missing_pattern(rng, rows, n):
    """Choose the scheme and the labelled points of n rows, in the proportions of `rows`.

    Parameters
    ----------
    rng : numpy Generator
    rows : TRAINING_ROWS or TEST_ROWS
    n : int, number of rows; with the sum of all rows' numbers the proportion is exact

    Returns
    -------
    n_first : int, the first so many rows are of the first scheme, the others of the second
    labelled : bool array (n, 30), True where the row has a value
    """
    kinds = [np.repeat(list(scheme), list(scheme.values())) for scheme in rows]
    n_all = sum(map(len, kinds))
    picked = np.arange(n) * n_all // n
    n_first = int((picked < len(kinds[0])).sum())
    n_points = np.concatenate([rng.permutation(k) for k in kinds])[picked]
    labelled = np.ones((n, len(KEYPOINTS)), bool)
    for i in range(n):
        if i >= n_first:
            labelled[i] = [name in FOUR for name in KEYPOINTS]
        # the second scheme lacks nothing but, now and then, the lip
        lost = _LOST if i < n_first else np.eye(len(KEYPOINTS))[-1]
        n_lost = labelled[i].sum() - n_points[i]
        labelled[i, rng.choice(len(KEYPOINTS), n_lost, replace=False, p=lost)] = False
    return n_first, labelled.repeat(2, axis=1)
