"""Figures of faces: one with its keypoints (4), predictions (9), mirror images (10), extremes."""
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from facekp.keypoints import KEYPOINTS, SIZE
from facekp.plots.style import COLORS, FULL_WIDTH, HALF_WIDTH, legend_below, new_axes, printed

PREDICTED = dict(marker="x", ls="none", ms=2.8, mew=0.9, color="#1f5fff")
LABELLED = dict(marker="o", ls="none", ms=3.2, mew=0.8, mfc="none", mec=COLORS[4])
SIDES = {"eyebrow": (0, 5), "top_lip": (0, 5), "nose": (6, 0), "left_corner": (5, 0),
         "right_corner": (-5, 0)}
"""Where the numbers of figure 4 stand beside keypoints, in points; those of all others below."""


@printed
def draw_face(ax, image, y_pred_px=None, y_true_px=None):
    """One face with its keypoints: predicted as blue crosses, labelled as open circles.

    Parameters
    ----------
    ax : matplotlib Axes
    image : array (96, 96) or (1, 96, 96)
    y_pred_px, y_true_px : float arrays (30,), px, or None

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> draw_face(Figure().subplots(), np.zeros((96, 96)), y_true_px=np.full(30, 48.0))
    """
    ax.imshow(np.reshape(image, (SIZE, SIZE)), vmin=0, vmax=1)
    for keypoints, marks in ((y_true_px, LABELLED), (y_pred_px, PREDICTED)):
        if keypoints is not None:
            ax.plot(keypoints[0::2], keypoints[1::2], **marks)
    ax.set(xlim=(-0.5, SIZE - 0.5), ylim=(SIZE - 0.5, -0.5), xticks=[], yticks=[])


@printed
def sample_face(image, y_px, title, ax=None):
    """A face with its 15 keypoints as blue stars, and their names beside it (figure 4).

    Parameters
    ----------
    image : array (1, 96, 96) in [0, 1]
    y_px : float array (30,), px; keypoints that are NaN are left out

    Examples
    --------
    >>> figure = sample_face(np.zeros((1, 96, 96)), np.linspace(20, 70, 30), "a face")
    """
    figure, (face, names) = new_axes(title, ax, 1, 2, height=2.15, width_ratios=(1.5, 1))
    draw_face(face, image)
    face.plot(y_px[0::2], y_px[1::2], "*", ms=5, mec="white", mew=0.4, color=COLORS[0])
    for number, (name, x, y) in enumerate(zip(KEYPOINTS, y_px[0::2], y_px[1::2]), 1):
        if np.isfinite(x + y):
            side = next((side for part, side in SIDES.items() if part in name), (0, -6))
            face.annotate(str(number), (x, y), side, textcoords="offset points", ha="center",
                          va="center", fontsize=5.5,
                          path_effects=[withStroke(linewidth=1.5, foreground="white")])
    names.axis("off")
    # \u2007 is a space as wide as a digit
    lines = [f"{number}".rjust(2, "\u2007") + f" {name.replace('_', ' ')}"
             for number, name in enumerate(KEYPOINTS, 1)]
    names.text(0, 1, "\n".join([*lines, "", "(the subject's left and right)"]), fontsize=6.5,
               va="top", linespacing=1.3, transform=names.transAxes)
    return figure


@printed
def predicted_faces(X, y_pred_px, title, y_true_px=None, ax=None):
    """Sample faces with predicted keypoints marked by blue crosses (figure 9), one Axes each.

    Parameters
    ----------
    X : float array (n, 1, 96, 96); n = 16 gives the paper's 4 x 4
    y_pred_px : float array (n, 30), px
    y_true_px : float array (n, 30), px, or None

    Examples
    --------
    >>> figure = predicted_faces(np.zeros((16, 1, 96, 96)), np.full((16, 30), 48.0), "faces")
    """
    y_true_px = [None] * len(X) if y_true_px is None else y_true_px
    faces = list(zip(X, y_pred_px, y_true_px))
    return _grid(title, ax, min(4, len(X)), faces, [""] * len(X))


@printed
def extreme_faces(X, y_true_px, y_pred_px, title, n=4, ax=None):
    """The n faces that a net finds best, and the n that it finds worst, truth and prediction.

    Parameters
    ----------
    X : float array (n_samples, 1, 96, 96)
    y_true_px, y_pred_px : float arrays (n_samples, 30), px

    Examples
    --------
    >>> y = np.arange(240.0).reshape(8, 30) % 96
    >>> figure = extreme_faces(np.zeros((8, 1, 96, 96)), y, y + np.eye(8, 30), "eight faces")
    """
    error = np.sqrt(np.nanmean(np.square(np.asarray(y_pred_px) - y_true_px), axis=1))
    order = np.argsort(error, kind="stable")
    n = min(n, len(order) // 2) or min(1, len(order))
    chosen = [*order[:n], *order[::-1][:n]]
    names = [{0: "best: ", n: "worst: "}.get(k, "") + f"{error[i]:.2f} px"
             for k, i in enumerate(chosen)]
    return _grid(title, ax, n, [(X[i], y_pred_px[i], y_true_px[i]) for i in chosen], names)


@printed
def augmented_faces(X, y_px, title, ax=None):
    """One row per face: as it is, and then as it is in several epochs, with its keypoints.

    Parameters
    ----------
    X : float array (n_faces, n_versions, 1, 96, 96) in [0, 1]
        The first version is the face as it is.
    y_px : float array (n_faces, n_versions, 30), px
        Keypoints that are NaN, since they left the image, are left out.

    Examples
    --------
    >>> figure = augmented_faces(np.zeros((1, 2, 1, 96, 96)), np.full((1, 2, 30), 48.0), "a face")
    """
    columns = len(X[0])
    faces = [(image, None, y) for images, ys in zip(X, y_px) for image, y in zip(images, ys)]
    names = ["as it is", *(f"epoch {epoch}" for epoch in range(1, columns))]
    return _grid(title, ax, columns, faces, names + [""] * (len(faces) - columns),
                 FULL_WIDTH / columns)


@printed
def mirror_pair(images, y_px, title, ax=None):
    """A face beside its mirror image, as training uses it (figure 10).

    The subject's left keypoints and right keypoints have marks of their own: in the mirror image
    they swap names as well as places.

    Parameters
    ----------
    images : array (2, 1, 96, 96) in [0, 1], the image and its mirror image
    y_px : float array (2, 30), px

    Examples
    --------
    >>> figure = mirror_pair(np.zeros((2, 1, 96, 96)), np.full((2, 30), 48.0), "two faces")
    """
    figure, axes = new_axes(title, ax, 1, 2, height=2.1)
    # mouth_left_corner is one of the left; nose and lips are of neither side
    sides = np.array(["left" if "left" in name else "right" if "right" in name else "middle"
                      for name in KEYPOINTS])
    looks = {"left": ("<", COLORS[1]), "right": (">", COLORS[4]), "middle": ("o", "white")}
    for panel, image, keypoints, name in zip(axes, images, y_px, ("image", "mirror image")):
        draw_face(panel, image)
        for side, (mark, color) in looks.items():
            panel.plot(*keypoints.reshape(-1, 2)[sides == side].T, mark, ms=3.6, color=color,
                       mec="black", mew=0.4, label=side)
        panel.set_xlabel(name)
    legend_below(figure, axes[0].get_lines(), ["subject's left", "subject's right", "middle"],
                 ncol=3)
    return figure


def _grid(title, ax, columns, faces, names, side=None):
    """Faces (image, prediction or None, label or None) in Axes without frames, `side` inches wide,
    under their names."""
    if not faces:
        raise ValueError("X: found no image, expected at least one")
    both = all(keypoints is not None for keypoints in faces[0][1:])
    side = side or HALF_WIDTH / (4 if columns > 1 else 2)
    rows = -(-len(faces) // columns)
    figure, axes = new_axes(title, ax, *((rows, columns) if ax is None else (1, len(faces))),
                            width=max(columns * side, HALF_WIDTH / 2),
                            height=rows * side + 0.25 * (1 + both + any(names)))
    if ax is None:
        figure.get_layout_engine().set(w_pad=0.015, h_pad=0.015, wspace=0, hspace=0)
    for panel in axes:
        panel.axis("off")
    for panel, face, name in zip(axes, faces, names):
        draw_face(panel, *face)
        panel.set_title(name)
    if both:
        legend_below(figure, [Line2D([], [], **LABELLED), Line2D([], [], **PREDICTED)],
                     ["label", "prediction"], ncol=2)
    return figure
