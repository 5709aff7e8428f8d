"""The default data: drawn gray faces with exact keypoints, in Kaggle's format.

Each image shows a small 3-D head: an ellipsoid with a relief of nose, brows, cheeks, lips and chin,
which is rotated, lit and photographed. The face is painted in the head's own coordinates, so the
keypoints follow pose and expression exactly. No photograph of a person is used.

* :func:`generate` gives images and labels as arrays;
* :func:`write` writes a folder with Kaggle's four files and the truth of the test images;
* :func:`ensure` writes it the first time only.

Modules: ``people`` (random traits), ``head`` (surface, pose), ``face`` and ``hair`` (what is
painted on it, and where its keypoints are), ``scene`` (light, shadow, surroundings), ``camera``
(blur, noise, coding), ``labels`` (the two labelling schemes), ``generator`` (many faces),
``dataset`` (the files).
"""
from .dataset import ensure, write
from .generator import generate

__all__ = ["ensure", "generate", "write"]
