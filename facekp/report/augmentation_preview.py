"""A picture of what augmentation does to faces, before anything is trained on them."""
import textwrap

import numpy as np

from facekp import plots
from facekp.data import load_training
from facekp.data.mirror import with_mirror_images
from facekp.data.transforms import draw, transform
from facekp.report.sources import synthetic_faces


def preview(augmentation, path, folder=None, seed=0, n_faces=5, n_epochs=7):
    """Draw faces as they are in the first epochs of a training.

    Parameters
    ----------
    augmentation : facekp.augmentation.Augmentation
    path : path of a .png or .pdf
    folder : path or None
        Kaggle's files, of which the first complete images are taken; None for synthetic faces.
    seed : int
        Of the random numbers, and of the synthetic faces.
    n_faces, n_epochs : int

    Raises
    ------
    DataError
        If the folder's files are missing or faulty.
    """
    faces = (synthetic_faces(n_faces, seed) if folder is None else
             load_training(folder, complete_only=True))
    X, y_px, label = faces.X[:n_faces], faces.y[:n_faces], faces.provenance["label"]
    if augmentation.doubled:
        X, y_px = with_mirror_images(X, y_px)
    versions = [(X, y_px)]
    for epoch in range(1, n_epochs + 1):
        versions.append(transform(X, y_px, draw(augmentation, seed, epoch, np.arange(len(X)))))
    words = textwrap.fill(", ".join(augmentation.words) or "no augmentation", 100)
    figure = plots.augmented_faces(*(np.stack(arrays, axis=1) for arrays in zip(*versions)),
                                   f"{label}\n{words}")
    plots.save(figure, path)
