"""The paper's figures, one function each: arrays in, a matplotlib Figure out.

Every function takes a ``title`` (str) and ``ax``: the Axes to draw in, as many as the figure has
panels, or None for a new figure in the size in which it is printed. Figures look the same whatever
the user's matplotlibrc says, and belong to no window: :func:`save` writes them.
"""
from facekp.plots.curves import learning_curves, learning_rates, loss_curves
from facekp.plots.faces import (augmented_faces, draw_face, extreme_faces, mirror_pair,
                                predicted_faces, sample_face)
from facekp.plots.filters import activations, first_layer_filters
from facekp.plots.keypoint_errors import cumulative_errors, mean_face_errors
from facekp.plots.nets import architecture
from facekp.plots.style import COLORS, save

__all__ = ["COLORS", "activations", "architecture", "augmented_faces", "cumulative_errors",
           "draw_face", "extreme_faces", "first_layer_filters", "learning_curves", "learning_rates",
           "loss_curves", "mean_face_errors", "mirror_pair", "predicted_faces", "sample_face",
           "save"]
