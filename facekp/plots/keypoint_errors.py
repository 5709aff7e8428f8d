"""Errors by keypoint, and the share of keypoints within a distance."""
import itertools

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.patches import Circle

from facekp.keypoints import KEYPOINTS, SIZE
from facekp.plots.style import COLORS, axes_or_new, printed, wrapped

STROKES = (("left_eyebrow_inner_end", "left_eyebrow_outer_end"),
           ("right_eyebrow_inner_end", "right_eyebrow_outer_end"),
           ("left_eye_inner_corner", "left_eye_center", "left_eye_outer_corner"),
           ("right_eye_inner_corner", "right_eye_center", "right_eye_outer_corner"),
           ("mouth_left_corner", "mouth_center_top_lip", "mouth_right_corner",
            "mouth_center_bottom_lip", "mouth_left_corner"))
"""Keypoints that are joined by lines, so that they read as a face."""


def words(name):
    """A keypoint's name for a reader: ``left eye center``."""
    return name.replace("_", " ")


@printed
def mean_face_errors(errors, title, ax=None):
    """The error of each keypoint as a circle around its place in the mean face.

    Parameters
    ----------
    errors : dict from :func:`facekp.metrics.keypoint_errors`
    title : str
    ax : Axes or None

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> from facekp.metrics import keypoint_errors
    >>> errors = keypoint_errors(np.full((2, 30), 40.0), np.full((2, 30), 41.0))
    >>> figure = mean_face_errors(errors, "one pixel off")
    """
    figure, [panel] = axes_or_new(ax, height=2.75)
    places, rmse = errors["mean_face_px"], errors["keypoint_rmse_px"]
    for stroke in STROKES:
        panel.plot(*np.transpose([places[name] for name in stroke if name in places] or
                                 np.empty((0, 2))), color="0.75", lw=0.8, zorder=1)
    circles = PatchCollection([Circle(places[name], rmse[name]) for name in rmse], cmap="cividis_r",
                              edgecolor="0.2", lw=0.4, zorder=2)
    circles.set_array(np.array([rmse[name] for name in rmse]))
    panel.add_collection(circles)
    for name, (x, y) in places.items():
        above = "eyebrow" in name or name.endswith(("eye_center", "top_lip"))
        panel.annotate(f"{rmse[name]:.2f}", (x, y + (-1 if above else 1) * rmse[name]),
                       xytext=(0, 2 if above else -2), textcoords="offset points", ha="center",
                       va="bottom" if above else "top", fontsize=6)
    points = np.array(list(places.values()))
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    half = (points.max(axis=0) - points.min(axis=0)).max() / 2 + 7
    panel.set(aspect="equal", xlim=(middle[0] - half, middle[0] + half),
              ylim=(middle[1] + half, middle[1] - half), xlabel="x, px", ylabel="y, px")
    figure.colorbar(circles, ax=panel, label="RMSE, px (radius of the circle)", shrink=0.85)
    figure.suptitle(title)
    return figure


@printed
def keypoint_error_bars(errors, title, ax=None):
    """RMSE of each keypoint: a bar for one net, dots for several.

    Parameters
    ----------
    errors : dict of str -> dict from :func:`facekp.metrics.keypoint_errors`
        By the name of the net.
    title : str
    ax : Axes or None

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> from facekp.metrics import keypoint_errors
    >>> errors = keypoint_errors(np.full((2, 30), 40.0), np.full((2, 30), 41.0))
    >>> figure = keypoint_error_bars({"LeNet-5": errors}, "one pixel off")
    """
    figure, [panel] = axes_or_new(ax, height=2.8 + 0.13 * (len(errors) > 1) * len(errors))
    rows = np.arange(len(KEYPOINTS))
    marks = itertools.cycle("osD^vP")
    for color, mark, (name, net) in zip(itertools.cycle(COLORS), marks, errors.items()):
        values = [net["keypoint_rmse_px"].get(keypoint, np.nan) for keypoint in KEYPOINTS]
        if len(errors) == 1:
            panel.barh(rows, values, color=color, height=0.7)
        else:
            panel.plot(values, rows, mark, ms=3.5, color=color, mec="white", mew=0.3,
                       label=wrapped(f"{name}, {net['rmse_px']:.2f} px"))
    panel.set(yticks=rows, yticklabels=[words(name) for name in KEYPOINTS],
              xlabel="RMSE on validation images, px")
    panel.set_ylim(len(KEYPOINTS) - 0.5, -0.5)
    panel.set_xlim(left=0)
    panel.grid(True, axis="x" if len(errors) == 1 else "both")
    panel.set_axisbelow(True)
    if len(errors) > 1:
        figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center",
                      handlelength=0.8)
    figure.suptitle(title)
    return figure


@printed
def cumulative_errors(errors, title, ax=None):
    """The share of keypoints that lie within a distance of their labels (cumulative error curve).

    Parameters
    ----------
    errors : dict of str -> dict from :func:`facekp.metrics.keypoint_errors`
        By the name of the net.
    title : str
    ax : Axes or None

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> from facekp.metrics import keypoint_errors
    >>> errors = keypoint_errors(np.full((2, 30), 40.0), np.full((2, 30), 41.0))
    >>> figure = cumulative_errors({"LeNet-5": errors}, "one pixel off")
    """
    figure, [panel] = axes_or_new(ax, height=2.3 + 0.13 * len(errors))
    styles = itertools.cycle(("-", "--", "-.", ":"))
    for color, ls, (name, net) in zip(itertools.cycle(COLORS), styles, errors.items()):
        panel.plot(net["thresholds_px"], 100 * np.array(net["within"]), color=color, ls=ls,
                   label=wrapped(name))
    panel.set(xlabel="distance from the label, px", ylabel="keypoints within it, %",
              ylim=(0, 102))
    panel.set_xlim(left=0, right=min(SIZE, max(max(net["thresholds_px"])
                                               for net in errors.values())))
    panel.grid(True)
    figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center")
    figure.suptitle(title)
    return figure
