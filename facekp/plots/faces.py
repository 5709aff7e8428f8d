"""Figures of faces: one with its keypoints (4), predictions (9), mirror images (10), extremes."""
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patheffects import withStroke

from facekp.keypoints import KEYPOINTS, SIZE
from facekp.plots.style import COLORS, HALF_WIDTH, axes_or_new, printed

PREDICTED = dict(marker="x", ls="none", ms=2.8, mew=0.9, color="#1f5fff")
LABELLED = dict(marker="o", ls="none", ms=3.2, mew=0.8, mfc="none", mec=COLORS[4])
_OUTLINE = [withStroke(linewidth=1.5, foreground="white")]

# Where the numbers of figure 4 stand, in units of the font: away from the neighbours.
_RIGHT, _LEFT, _ABOVE, _BELOW = (5, 0), (-5, 0), (0, 5), (0, -6)
_SIDE = (_BELOW, _BELOW, _BELOW, _BELOW, _BELOW, _BELOW, _ABOVE, _ABOVE, _ABOVE, _ABOVE, _RIGHT,
         _RIGHT, _LEFT, _ABOVE, _BELOW)


def draw_face(ax, image, y_pred_px=None, y_true_px=None):
    """One face with its keypoints: predicted as blue crosses, labelled as open circles.

    Parameters
    ----------
    ax : matplotlib Axes
    image : array (96, 96) or (1, 96, 96)
    y_pred_px, y_true_px : float arrays (30,), px, or None

    Examples
    --------
    >>> draw_face(plt.gca(), np.zeros((96, 96)), y_true_px=np.full(30, 48.0))
    """
    ax.imshow(np.reshape(image, (SIZE, SIZE)), cmap="gray", vmin=0, vmax=1)
    if y_true_px is not None:
        ax.plot(y_true_px[0::2], y_true_px[1::2], **LABELLED)
    if y_pred_px is not None:
        ax.plot(y_pred_px[0::2], y_pred_px[1::2], **PREDICTED)
    ax.set(xlim=(-0.5, SIZE - 0.5), ylim=(SIZE - 0.5, -0.5), xticks=[], yticks=[])


@printed
def sample_face(image, y_px, title, ax=None):
    """A face with its 15 keypoints as blue stars, each with its name (figure 4).

    Parameters
    ----------
    image : array (1, 96, 96) in [0, 1]
    y_px : float array (30,), px; keypoints that are NaN are left out
    title : str
    ax : two Axes, for the face and for the names, or None

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> figure = sample_face(np.zeros((1, 96, 96)), np.linspace(20, 70, 30), "a face")
    """
    figure, (face, names) = axes_or_new(ax, 1, 2, height=2.15,
                                        gridspec_kw={"width_ratios": (1.5, 1)})
    draw_face(face, image)
    face.plot(y_px[0::2], y_px[1::2], "*", ms=5, mec="white", mew=0.4, color=COLORS[0])
    for number, (x, y, side) in enumerate(zip(y_px[0::2], y_px[1::2], _SIDE), 1):
        if np.isfinite(x + y):
            face.annotate(str(number), (x, y), xytext=side, textcoords="offset points", ha="center",
                          va="center", fontsize=5.5, path_effects=_OUTLINE)
    names.axis("off")
    options = dict(transform=names.transAxes, fontsize=6.5, va="top", linespacing=1.3)
    names.text(0.08, 1, "\n".join(str(i + 1) for i in range(len(KEYPOINTS))), ha="right",
               **options)
    names.text(0.13, 1, "\n".join([name.replace("_", " ") for name in KEYPOINTS] + [
        "", "(the subject's left and right)"]), **options)
    figure.suptitle(title)
    return figure


@printed
def predicted_faces(X, y_pred_px, title, y_true_px=None, ax=None):
    """Sample faces with predicted keypoints marked by blue crosses (figure 9).

    Parameters
    ----------
    X : float array (n, 1, 96, 96); n = 16 gives the paper's 4 x 4
    y_pred_px : float array (n, 30), px
    title : str
    y_true_px : float array (n, 30), px, or None
    ax : n Axes, one for each face, or None

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> figure = predicted_faces(np.zeros((16, 1, 96, 96)), np.full((16, 30), 48.0), "faces")
    """
    columns = min(4, len(X)) or 1
    figure, axes = _grid(ax, -(-len(X) // columns), columns, len(X),
                         0.25 if y_true_px is None else 0.5)
    for i, panel in enumerate(axes):
        draw_face(panel, X[i], y_pred_px[i], None if y_true_px is None else y_true_px[i])
    if y_true_px is not None:
        _legend(figure)
    figure.suptitle(title)
    return figure


def _legend(figure):
    figure.legend([plt.Line2D([], [], **LABELLED), plt.Line2D([], [], **PREDICTED)],
                  ["label", "prediction"], loc="outside lower center", ncol=2)


def _grid(ax, rows, columns, n, extra=0.25):
    """The n axes that the caller gave, or square ones as wide as a column of a page; no frames."""
    if not n:
        raise ValueError("X: found no image, expected at least one")
    if ax is not None:
        figure, axes = axes_or_new(ax, 1, n)
        for panel in axes:
            panel.axis("off")
        return figure, axes
    side = HALF_WIDTH / 4 if columns > 1 else HALF_WIDTH / 2
    figure, axes = plt.subplots(rows, columns, squeeze=False,
                                figsize=(max(columns * side, HALF_WIDTH / 2), rows * side + extra))
    figure.set_layout_engine("constrained", w_pad=0.015, h_pad=0.015, wspace=0, hspace=0)
    for panel in axes.flat:
        panel.axis("off")
    return figure, axes.ravel()[:n]


@printed
def mirror_pair(images, y_px, title, ax=None):
    """A face beside its mirror image, as training uses it (figure 10).

    The subject's left keypoints and right keypoints have marks of their own: in the mirror image
    they swap names as well as places.

    Parameters
    ----------
    images : array (2, 1, 96, 96) in [0, 1], the image and its mirror image
    y_px : float array (2, 30), px
    title : str
    ax : two Axes or None

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> figure = mirror_pair(np.zeros((2, 1, 96, 96)), np.full((2, 30), 48.0), "two faces")
    """
    figure, axes = axes_or_new(ax, 1, 2, height=2.1)
    groups = {side: np.array([side in name for name in KEYPOINTS]) for side in ("left", "right")}
    # mouth_left_corner is one of the left; nose and lips are of neither side
    groups["middle"] = ~(groups["left"] | groups["right"])
    for panel, image, keypoints, name in zip(axes, images, y_px, ("image", "mirror image")):
        draw_face(panel, image)
        colors = (COLORS[1], COLORS[4], "white")
        for (side, chosen), marker, color in zip(groups.items(), "<>o", colors):
            panel.plot(keypoints[0::2][chosen], keypoints[1::2][chosen], marker, ms=3.6,
                       color=color, mec="black", mew=0.4, label=side)
        panel.set_xlabel(name)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, [f"subject's {label}" if label != "middle" else label
                            for label in labels], loc="outside lower center", ncol=3)
    figure.suptitle(title)
    return figure


@printed
def extreme_faces(X, y_true_px, y_pred_px, title, n=4, ax=None):
    """The faces that a net finds best, and those that it finds worst, truth and prediction.

    Parameters
    ----------
    X : float array (n_samples, 1, 96, 96)
    y_true_px, y_pred_px : float arrays (n_samples, 30), px
    title : str
    n : int, how many of each
    ax : 2 n Axes, the best faces' first, or None

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> y = np.arange(240.0).reshape(8, 30) % 96
    >>> figure = extreme_faces(np.zeros((8, 1, 96, 96)), y, y + np.eye(8, 30), "eight faces")
    """
    error = np.sqrt(np.nanmean(np.square(np.asarray(y_pred_px) - y_true_px), axis=1))
    order = np.argsort(error, kind="stable")
    n = min(n, len(order) // 2) or min(1, len(order))
    figure, axes = _grid(ax, 2, n, 2 * n, extra=0.75)
    for row, (name, chosen) in enumerate((("best", order[:n]), ("worst", order[::-1][:n]))):
        for column, i in enumerate(chosen):
            panel = axes[row * n + column]
            draw_face(panel, X[i], y_pred_px[i], y_true_px[i])
            panel.set_title(f"{name}: {error[i]:.2f} px" if column == 0 else f"{error[i]:.2f} px",
                            fontsize=7, pad=2)
    _legend(figure)
    figure.suptitle(title)
    return figure
