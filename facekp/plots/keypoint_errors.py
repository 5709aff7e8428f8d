"""Errors by keypoint, and the share of keypoints within a distance.

Each function takes what :func:`facekp.metrics.keypoint_errors` returns.
"""
import itertools

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.patches import Circle

from facekp.keypoints import SIZE
from facekp.plots.style import COLORS, legend_below, new_axes, printed

STROKES = (("left_eyebrow_inner_end", "left_eyebrow_outer_end"),
           ("right_eyebrow_inner_end", "right_eyebrow_outer_end"),
           ("left_eye_inner_corner", "left_eye_center", "left_eye_outer_corner"),
           ("right_eye_inner_corner", "right_eye_center", "right_eye_outer_corner"),
           ("mouth_left_corner", "mouth_center_top_lip", "mouth_right_corner",
            "mouth_center_bottom_lip", "mouth_left_corner"))
"""Keypoints that are joined by lines, so that they read as a face."""


@printed
def mean_face_errors(errors, title, ax=None):
    """The error of each keypoint as a circle around its place in the mean face.

    Examples
    --------
    >>> from facekp.metrics import keypoint_errors
    >>> errors = keypoint_errors(np.full((2, 30), 40.0), np.full((2, 30), 41.0))
    >>> figure = mean_face_errors(errors, "one pixel off")
    """
    figure, [panel] = new_axes(title, ax, height=2.75)
    places, rmse = errors["mean_face_px"], errors["keypoint_rmse_px"]
    for stroke in STROKES:
        points = [places[name] for name in stroke if name in places]
        panel.plot([x for x, _ in points], [y for _, y in points], color="0.75", lw=0.8, zorder=1)
    circles = PatchCollection([Circle(places[name], rmse[name]) for name in rmse], cmap="cividis_r",
                              edgecolor="0.2", lw=0.4, zorder=2)
    circles.set_array(np.array(list(rmse.values())))
    panel.add_collection(circles)
    for name, (x, y) in places.items():
        side = -1 if "eyebrow" in name or name.endswith(("eye_center", "top_lip")) else 1
        panel.annotate(f"{rmse[name]:.2f}", (x, y + side * rmse[name]), xytext=(0, -2 * side),
                       textcoords="offset points", ha="center", fontsize=6,
                       va="bottom" if side < 0 else "top")
    panel.set(aspect="equal", adjustable="datalim", xlabel="x, px", ylabel="y, px",
              xmargin=0.12, ymargin=0.12)
    panel.invert_yaxis()  # row 0 on top, as in an image
    figure.colorbar(circles, ax=panel, label="RMSE, px (radius of the circle)", shrink=0.85)
    return figure


@printed
def cumulative_errors(errors, title, ax=None):
    """The share of keypoints within a distance of their labels; `errors` by the nets' names.

    Examples
    --------
    >>> from facekp.metrics import keypoint_errors
    >>> errors = keypoint_errors(np.full((2, 30), 40.0), np.full((2, 30), 41.0))
    >>> figure = cumulative_errors({"LeNet-5": errors}, "one pixel off")
    """
    figure, [panel] = new_axes(title, ax, height=2.3 + 0.13 * len(errors))
    styles = itertools.cycle(("-", "--", "-.", ":"))
    for color, style, net in zip(itertools.cycle(COLORS), styles, errors.values()):
        panel.plot(net["thresholds_px"], 100 * np.array(net["within"]), color=color, ls=style)
    farthest = max(max(net["thresholds_px"]) for net in errors.values())
    panel.set(xlabel="distance from the label, px", ylabel="keypoints within it, %",
              xlim=(0, min(SIZE, farthest)), ylim=(0, 102))
    panel.grid(True)
    legend_below(figure, panel.get_lines(), errors)
    return figure
