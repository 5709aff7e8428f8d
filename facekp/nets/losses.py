"""Losses in addition to Lasagne's: for targets with missing values."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import theano.tensor as T


def masked_squared_error(y_pred, y):
    r"""Mean squared error over the coordinates that are labelled.

    .. math:: L = \frac{1}{|M|} \sum_{(i, k) \in M} (\hat y_{ik} - y_{ik})^2, \quad
              M = \{(i, k) : y_{ik} \text{ is not NaN}\}

    The mean is over the labelled coordinates of the whole batch, so each of them has the same
    weight, however many an image has. It is 0 if none is labelled. If all are labelled, it is the
    mean of :func:`lasagne.objectives.squared_error`.

    Parameters
    ----------
    y_pred : float expression (n, 30), the net's output
    y : float expression (n, 30), the targets; NaN where there is none

    Returns
    -------
    scalar expression
        This is already a mean; nolearn's mean of it changes nothing. The gradient with respect to
        `y_pred` is 0 for coordinates that are not labelled.
    """
    missing = T.isnan(y)
    # Before the square: a NaN times a gradient of 0 would be NaN.
    error = T.switch(missing, 0, y_pred - y)
    labelled = T.eq(missing, 0).sum()
    # not T.maximum(labelled, 1): Theano's kernel for it is no OpenCL
    return T.sqr(error).sum() / (labelled + T.eq(labelled, 0)).astype(y_pred.dtype)
