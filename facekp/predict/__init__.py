"""A photo to its faces and their keypoints, with numpy, onnxruntime and Pillow alone.

:func:`find_keypoints` is all that most need. ``images`` reads photos, ``detector`` finds faces,
``geometry`` crops them as the net expects, ``net`` runs the net, ``find`` puts these together;
``records``, ``formats`` and ``overlay`` write what was found, ``folder`` goes through many photos,
``video`` through frames, ``command`` is the command line.
"""
_HOMES = {"Face": "find", "Finder": "find", "find_keypoints": "find", "PhotoError": "images"}

__all__ = ["Face", "Finder", "PhotoError", "find_keypoints"]


def __getattr__(name):
    """Import a name's module when it is first asked for: the command line's help needs none."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
