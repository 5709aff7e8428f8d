"""The runs of an ensemble: which may be averaged, and who did not train on an image."""
import json
from typing import NamedTuple

import numpy as np

from facekp.data import splits
from facekp.data.mirror import flip_keypoints
from facekp.data.sources import file_sha256
from facekp.errors import RunError
from facekp.keypoints import KEYPOINTS, mirrored
from facekp.runs.folder import Run
from facekp.runs.read import read_run
from facekp.settings import Settings
from facekp.training.load import weights_of

KEPT = ("optimizer", "learning_rate", "batch_size", "augment", "schedule", "average", "patience",
        "labels")
"""Settings that an ensemble's config.json has from its runs, where they agree in them."""


class Member(NamedTuple):
    """A run of an ensemble.

    Attributes
    ----------
    name : str, its place below the folder of runs, like ``lenet/lenet5/fold0``
    settings : facekp.settings.Settings
    weights : Path
    train_idx, valid_idx : int arrays, see :func:`facekp.data.splits.split_images`
    y_mean : float array (30,), px, the mean keypoints of its training images
    """

    name: str
    settings: Settings
    weights: object
    train_idx: np.ndarray
    valid_idx: np.ndarray
    y_mean: np.ndarray


def read_members(folders, training, averaged=False, mirror=False):
    """Read the runs of an ensemble, and check that they may be averaged.

    Parameters
    ----------
    folders : list of path, complete runs
    training : facekp.data.Training, the complete images that they were trained on
    averaged : bool, whether their averaged weights are meant
    mirror : bool, whether the predictions of mirror images are averaged, too

    Returns
    -------
    list of Member

    Raises
    ------
    RunError
        If a run is named twice, is not complete, has diverged, was trained on other data, or
        divides the images in another way than the first one; or if its training images contain
        mirror images of its validation images; or if no run is trained on some keypoint; or, with
        `mirror`, if one is trained on a keypoint without that of the other side.
    """
    members, y = [], np.concatenate([training.y, flip_keypoints(training.y)])
    for folder in folders:
        if not Run(folder).config.exists():
            raise RunError(f"{folder}: is no run's folder (it lacks config.json); name one, such "
                           "as runs/lenet/lenet5/fold0")
        found = read_run(folder)
        _check_run(folder, found, training)
        settings, name = Settings.from_dict(found.settings), found.place.as_posix()
        if name in [member.name for member in members]:
            raise RunError(f"{folder}: is named twice, or another run is named that has the same "
                           f"place, {name}; name each run once")
        first = members[0].settings if members else settings
        if (settings.split, settings.folds) != (first.split, first.folds):
            raise RunError(f"{folder}: has the {settings.split} split into {settings.folds} folds, "
                           f"{folders[0]} the {first.split} split into {first.folds}; name runs "
                           "that divide the images in one way")
        for point in settings.points if mirror else ():
            if mirrored(point) not in settings.points:
                raise RunError(f"{folder}: was trained on {point} without {mirrored(point)}, which "
                               "it is in a mirror image; leave the mirror images out, or the run")
        groups = splits.groups_of(training.X) if settings.split == "grouped" else None
        train, valid = splits.split_images(len(training.X), settings, groups)
        known = len(train), len(valid)
        if settings.labels == "all":  # others, too, none of which is a validation image
            known = found.measured("n_train"), len(valid)
        if known != (found.measured("n_train"), found.measured("n_valid")):
            raise RunError(f"{folder}: was trained on {found.measured('n_train'):.0f} images, "
                           f"where its settings give {len(train)} of the complete ones; only runs "
                           "on the images with all keypoints can be averaged")
        members.append(Member(name, settings, weights_of(Run(folder), averaged), train, valid,
                              np.nanmean(y[train].astype(float), axis=0)))
    found = {point for member in members for point in member.settings.points or KEYPOINTS}
    for point in KEYPOINTS:
        if point not in found:
            raise RunError(f"{', '.join(map(str, folders))}: no run is trained on {point}; name "
                           "one that is, besides")
    return members


def _check_run(folder, found, training):
    """Raise RunError unless a run alone can be part of an ensemble."""
    if "members" in found.config:
        raise RunError(f"{folder}: is an ensemble; name the runs that it was made of")
    if not found.complete:
        raise RunError(f"{folder}: is not a complete run; let it end (the same command goes on), "
                       "or leave it out")
    if found.diverged:
        raise RunError(f"{folder}: its net has diverged; leave it out")
    if not Run(folder).weights.exists():
        raise RunError(f"{folder}: has no weights (published results have none); name a run with "
                       "its weights.npz")
    if found.config["data"]["files"] != training.provenance["files"]:
        raise RunError(f"{folder}: was trained on other data ({found.label}) than are given "
                       f"({training.provenance['label']}); name the data of the run",
                       remedies=("data",))
    if found.settings["split"] == "after-mirroring":
        raise RunError(f"{folder}: its training images contain mirror images of its validation "
                       "images (split after-mirroring); name runs of another split")


def settings_of(members, mirror, averaged):
    """The settings in an ensemble's config.json.

    The model has the names of all nets, the options have the runs with the sha256 of their weights.
    The fold is the runs' if it is one, else 0, as is the seed.

    Returns
    -------
    facekp.settings.Settings
    """
    every = [member.settings for member in members]
    first = every[0]
    same = {name: getattr(first, name) for name in ("split", "folds", *KEPT)
            if all(getattr(one, name) == getattr(first, name) for one in every)}
    one = {name: getattr(first, name) if len({getattr(one, name) for one in every}) == 1 else 0
           for name in ("fold", "seed")}
    return Settings("+".join(sorted({one.model for one in every})), {
        "runs": {member.name: file_sha256(member.weights) for member in members},
        "mirror": mirror, "averaged": averaged},
        epochs=max(one.epochs for one in every), **same, **one)


def out_of_fold(predictions, indices, n):
    """The mean of the predictions for each image over the runs that did not train on it.

    A prediction that is NaN, of a keypoint that a run is not trained on, does not count.

    Parameters
    ----------
    predictions : list of float array (n_valid, 30), px
        Of each run: for its validation images.
    indices : list of int array (n_valid,)
        Of each run: which images these are, each once.
    n : int, number of all images

    Returns
    -------
    index : int array (n_any,), sorted: the images that at least one run did not train on
    y_pred : float32 array (n_any, 30), px
    counts : int array (n_any,), the number of runs that each mean is of, at the most

    Examples
    --------
    >>> a, b = np.full((2, 30), 10.), np.full((2, 30), 20.)
    >>> index, y_pred, counts = out_of_fold([a, b], [np.array([0, 2]), np.array([2, 3])], 5)
    >>> index, y_pred[:, 0], counts
    (array([0, 2, 3]), array([10., 15., 20.], dtype=float32), array([1, 2, 1]))
    """
    total, counts = np.zeros((n, 30)), np.zeros((n, 30), int)
    for y_pred, index in zip(predictions, indices):
        known = ~np.isnan(y_pred)
        total[index] += np.where(known, y_pred, 0)
        counts[index] += known
    index = np.flatnonzero(counts.any(axis=1))
    mean = np.where(counts[index], total[index], np.nan) / np.maximum(counts[index], 1)
    return index, mean.astype(np.float32), counts[index].max(axis=1)


def same_net(settings):
    """A key of the settings that decide a net's layers."""
    return json.dumps([settings.model, settings.options, settings.heads], sort_keys=True)
