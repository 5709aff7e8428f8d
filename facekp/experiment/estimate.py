"""Estimate how long runs will take: the remaining epochs times the seconds per epoch."""
import json
import time
from dataclasses import replace
from functools import lru_cache

import numpy as np

from facekp.errors import RunError
from facekp.runs.read import read_run
from facekp.settings import ALL_IMAGES, Settings
from facekp.text import clock


def cost_key(settings):
    """A key of what an epoch's duration depends on: runs with the same key take equally long.

    Parameters
    ----------
    settings : dict, as :meth:`facekp.settings.Settings.as_dict` gives it
    """
    names = ("model", "options", "split", "augment", "batch_size", "labels", "points")
    return json.dumps([settings[name] for name in names], sort_keys=True)


def measured(runs):
    """Measured seconds per epoch, by :func:`cost_key`.

    Parameters
    ----------
    runs : iterable of facekp.runs.result.RunResult

    Returns
    -------
    dict of str -> float, medians over the runs
    """
    seconds = {}
    for run in runs:
        if run.epochs:
            seconds.setdefault(cost_key(run.settings), []).append(run.seconds_per_epoch)
    return {key: float(np.median(values)) for key, values in seconds.items()}


def measured_memory(runs):
    """Measured peak memory in MB, by :func:`cost_key`, of those runs that know it.

    Parameters
    ----------
    runs : iterable of facekp.runs.result.RunResult

    Returns
    -------
    dict of str -> float, maxima over the runs
    """
    peak = {}
    for run in runs:
        if run.summary and run.summary.get("peak_memory_mb"):
            key = cost_key(run.settings)
            peak[key] = max(peak.get(key, 0.0), run.summary["peak_memory_mb"])
    return peak


def time_left(plan, jobs=1, known=None):
    """The longest time until all runs are complete.

    Parameters
    ----------
    plan : list of (facekp.runs.folder.Run, facekp.settings.Settings)
    jobs : int, number of runs at a time
    known : dict of str -> float, or None
        Seconds per epoch by :func:`cost_key`, for runs without a measured epoch.

    Returns
    -------
    seconds : float
    unknown : int
        Number of runs that are not included, because no similar run was measured yet.
    """
    begun = {run: result for run, result in ((run, _read(run)) for run, _ in plan) if result}
    known = {**(known or {}), **measured(begun.values())}
    rest, unknown = [], 0
    for run, settings in plan:
        if run.complete:
            continue
        key = cost_key(settings.as_dict())
        if key not in known:
            unknown += 1
            continue
        done = begun[run].epochs if run in begun else 0
        rest.append(max(0, settings.epochs - done) * known[key])
    return max([sum(rest) / jobs, *rest]), unknown


def _read(run):
    try:
        return read_run(run.folder)
    except RunError:  # not begun; or damaged, which its training will report
        return None


def left(estimate):
    """The result of :func:`time_left` in words."""
    seconds, unknown = estimate
    words = f"about {clock(seconds)} left at most"
    return words if not unknown else (
        f"{words}, without {unknown} run{'s' * (unknown > 1)} not measured yet")


def time_epoch(settings, n_images, n_others=0):
    """Measure the seconds per epoch now, with a few training steps and evaluations of the net.

    Parameters
    ----------
    settings : facekp.settings.Settings
    n_images : int, complete images for training and validation together
    n_others : int, images that lack keypoints

    Returns
    -------
    float
    """
    n_valid = n_images / settings.folds
    n_train = n_images - n_valid
    if settings.split == ALL_IMAGES:
        n_train = n_valid = n_images
    n_train += n_others if settings.labels == "all" else 0
    n_train *= 2 if "mirror" in settings.augment else 1
    if settings.split == "after-mirroring":
        n_valid *= 2
    # a step does not depend on these settings: with fixed values, an equal net is compiled once
    train, evaluate = _time_steps(json.dumps(replace(
        settings, split="random", augment=(), optimizer="adagrad", learning_rate=0.01, epochs=1,
        patience=None, schedule=(), labels="complete", heads="one", points=(), start="", fold=0,
        seed=0).as_dict(), sort_keys=True))
    return (train * n_train + evaluate * n_valid) / settings.batch_size


@lru_cache(maxsize=None)
def _time_steps(text, steps=3):
    """Seconds of a training step and of an evaluation: the fastest of a few."""
    from facekp.engine import allocator
    from facekp.nets import models
    allocator.tune()
    settings = Settings(**json.loads(text))
    net = models.build(settings)
    net.compile()
    X = np.random.RandomState(0).rand(settings.batch_size, 1, 96, 96).astype(np.float32)
    y = np.zeros((settings.batch_size, 30), np.float32)
    fastest = []
    for step in (net.train_iter_, net.eval_iter_):
        step(X, y)  # the first step allocates memory
        seconds = []
        for _ in range(steps):
            start = time.perf_counter()
            step(X, y)
            seconds.append(time.perf_counter() - start)
        fastest.append(min(seconds))
    return fastest
