"""A photo to its faces and their keypoints, with numpy, onnxruntime and Pillow alone.

:func:`find_keypoints` is all that most need. ``images`` reads photos, ``detector`` finds faces,
``geometry`` crops them as the net expects, ``net`` runs the net, ``find`` puts these together;
``records``, ``formats`` and ``overlay`` write what was found, ``folder`` goes through many photos,
``video`` through frames, ``command`` is the command line.
"""
from facekp.predict.find import Face, Finder, find_keypoints
from facekp.predict.images import PhotoError

__all__ = ["Face", "Finder", "PhotoError", "find_keypoints"]
