"""The paper's figures, one function each: arrays in, a matplotlib Figure out.

Every function takes a ``title`` (str) and ``ax``: the Axes to draw in, as many as the figure has
panels, or None for a new figure in the size in which it is printed. Figures look the same whatever
the user's matplotlibrc says, and belong to no window: :func:`save` writes them.
"""
import importlib

_MODULES = {
    "changes": ("step_changes",),
    "curves": ("learning_curves", "learning_rates", "loss_curves"),
    "faces": ("augmented_faces", "draw_face", "extreme_faces", "mirror_pair", "predicted_faces",
              "sample_face"),
    "filters": ("activations", "first_layer_filters"),
    "keypoint_errors": ("cumulative_errors", "mean_face_errors"),
    "nets": ("architecture",),
    "style": ("COLORS", "save"),
}

__all__ = sorted(name for names in _MODULES.values() for name in names)


def __getattr__(name):
    """A function, imported when it is first asked for: a training starts without Matplotlib."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
