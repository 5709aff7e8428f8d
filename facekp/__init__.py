"""facekp: the reproduction of "Facial Keypoints Detection" (arXiv 1710.05279)."""

__version__ = "0.1.0"
