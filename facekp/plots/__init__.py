"""The paper's figures, one function each; arrays in, a matplotlib figure out."""
from facekp.plots.curves import learning_curves
from facekp.plots.faces import (draw_face, extreme_faces, mirror_pair, predicted_faces,
                                sample_face)
from facekp.plots.nets import architecture
from facekp.plots.style import COLORS, save

__all__ = ["COLORS", "architecture", "draw_face", "extreme_faces", "learning_curves",
           "mirror_pair", "predicted_faces", "sample_face", "save"]
