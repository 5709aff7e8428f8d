"""Shared by the tests of the core: a tiny training set, and settings that train it in seconds."""
import contextlib
import functools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from facekp import files
from facekp.data import Lookup, Test, Training
from facekp.runs import provenance
from facekp.settings import Settings

LABEL = "a test's faces"
PROVENANCE = {"kind": "synthetic", "label": LABEL, "files": {"training.csv": "0" * 64}}


def faces(n, seed=0):
    """Smooth pictures of five bright spots, and 30 coordinates that follow the spots a little.

    They lie around (67, 67) px, so that a net, which begins near the middle, does better with
    every epoch: the best weights are the last ones, and depend on all that went before.

    Returns
    -------
    X : float32 array (n, 1, 96, 96) in [0, 1]
    y_px : float32 array (n, 30)
    """
    return tuple(array.copy() for array in _faces(n, seed))


@functools.lru_cache(maxsize=16)
def _faces(n, seed):
    random = np.random.RandomState(seed)
    spots = random.uniform(20, 76, (n, 5, 2))
    grid = np.arange(96)
    X = np.zeros((n, 96, 96))
    for k in range(5):
        dx = np.exp(-(grid - spots[:, k, :1]) ** 2 / 50)                # (n, 96)
        dy = np.exp(-(grid - spots[:, k, 1:]) ** 2 / 50)
        X += dy[:, :, np.newaxis] * dx[:, np.newaxis, :] * (0.4 + 0.1 * k)
    y_px = 55 + np.tile(spots, (1, 3, 1)).reshape(n, 30) / 4
    return np.minimum(X, 1)[:, np.newaxis].astype(np.float32), y_px.astype(np.float32)


def training_data(n=40):
    X, y_px = faces(n)
    return Training(X, y_px, np.arange(2, n + 2), 0, PROVENANCE)


def unlabelled_data(n=6):
    X, _ = faces(n, seed=1)
    return Test(X, np.arange(1, n + 1), PROVENANCE)


def lookup(n=6):
    return Lookup(np.arange(1, 2 * n + 1), np.repeat(np.arange(1, n + 1), 2),
                  np.tile([0, 29], n), PROVENANCE)


# One net with dropout and Adagrad, one with batch normalization, mirror images and Adam.
CNN14 = Settings("cnn14", {"num_dense_units": 20}, "adagrad", 0.001, epochs=4, batch_size=16)
LENET_BN = Settings("lenet5", {"variant": "classic", "batch_norm": True}, "adam", 0.001, epochs=4,
                    batch_size=16, augment=("mirror",), seed=3)
CLASSIC = Settings("lenet5", {"variant": "classic"}, "adam", 0.001, epochs=3, batch_size=16)

versions_once, git_state_once = map(functools.lru_cache(maxsize=1), (
    provenance.versions, provenance.git_state))
_compiled = {}


def build_once(settings):
    """In place of :func:`facekp.nets.models.build`: an equal net is compiled once for all tests.

    It comes back as new: its first weights, its optimizer's and generators' first state.
    """
    from facekp.nets.models import build
    from facekp.training import augmented_batches, rates
    random = tuple(word for word in settings.augment if word != "mirror")
    key = repr(replace(settings, epochs=1000, patience=None, split="random", augment=random,
                       average=0.0, fold=0))
    if key not in _compiled:
        net = build(settings)
        augmented_batches.use(net, settings)  # before it is compiled: the loss depends on it
        rates.use(net, settings)
        _compiled[key] = net, {name: v.get_value() for name, v in net.state().items()}
    net, first = _compiled[key]
    for name, variable in net.state().items():
        variable.set_value(first[name])
    net.train_history_, net.batch_iterator_train.epoch = [], 0
    return net


def no_pictures():
    """In place of facekp.plots for a training: files that are no pictures.

    To draw a training's pictures takes longer than three epochs of a small net.
    """
    def save(figure, path):
        with files.replacing(path) as file:
            file.write(b"a picture")

    def nothing(*args):
        return None

    return SimpleNamespace(save=save, learning_curves=nothing, learning_rates=nothing,
                           predicted_faces=nothing)


@contextlib.contextmanager
def quick_training():
    """Trainings in this process compile equal nets once, ask once for the versions and the
    revision, and write no real pictures."""
    from facekp.training import ensemble, evaluate, load, one_run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "versions", versions_once)
        patch.setattr(provenance, "git_state", git_state_once)
        for module in (one_run, ensemble, load):
            patch.setattr(module, "build", build_once)
        patch.setattr(evaluate, "plots", no_pictures())
        yield
