"""Ensembles: the mean of the keypoints that the nets of several runs find.

A net that was trained on some keypoints (setting `points`) counts for these alone: so specialists
together find all of them.

The folder of an ensemble is like a run's, without weights: tables, pages and submissions take it as
a run. Its validation error is out of fold: for each image, only the runs that did not train on it
are averaged. With the five folds of one net, each image is an image that one of the five did not
train on; so that error is of one net, while the predictions of the test images are the mean of all
five nets.
"""
import facekp.engine.ready  # noqa: F401  (readies Theano, Lasagne and nolearn)

import numpy as np

from facekp import files, metrics, text
from facekp.data import only_complete, schemes, splits
from facekp.data.mirror import flip_images, flip_keypoints
from facekp.engine import allocator
from facekp.nets.models import build
from facekp.nets.weights import read_weights
from facekp.runs.config import MUST_AGREE, READABLE, disagreements
from facekp.settings import ALL_IMAGES
from facekp.training import members as of_runs
from facekp.training.evaluate import errors_apart, n_params, write_test
from facekp.training.one_run import describe


def ensemble(place, folders, training, test=None, lookup=None, mirror=False, averaged=False,
             anew=False, say=text.say):
    """Average the predictions of complete runs, and write the folder of the ensemble.

    Parameters
    ----------
    place : callable taking the ensemble's Settings and its config.json, a dict
        Gives the :class:`facekp.runs.folder.Run` of the ensemble.
    folders : list of path
        Complete runs, at least one.
    training : facekp.data.Training
        The images that the runs were trained on.
    test, lookup : facekp.data.Test and Lookup, or None
    mirror : bool
        Average the predictions of each image and of its mirror image, too.
    averaged : bool
        Take the averaged weights of the runs.
    anew : bool
        Replace a complete ensemble of other runs, or made in another way, that is in the folder.
        One that is not complete is always replaced.
    say : callable taking a str

    Returns
    -------
    (run, summary) : Run, and dict, the contents of its summary.json

    Raises
    ------
    RunError
        If the runs may not be averaged (:func:`facekp.training.members.read_members`).
    FolderError
        If the folder holds another complete ensemble, or is in use.
    """
    allocator.tune()
    training = only_complete(training)
    members = of_runs.read_members(folders, training, averaged, mirror)
    settings = of_runs.settings_of(members, mirror, averaged)
    config = {**describe(settings, training, test, lookup),
              "members": {member.name: member.settings.as_dict() for member in members}}
    run = place(settings, config)
    with run.locked():
        if anew or not run.complete:  # one that is not complete holds nothing that took long
            _drop_other(run, config)
        run.begin(config)
        if run.complete:
            say(f"{run.folder}: complete")
            return run, files.read_json(run.summary)
        return run, _make(run, members, training, test, lookup, mirror, say)


def _make(run, members, training, test, lookup, mirror, say):
    """Predict with each net, average, and write all files; summary.json comes last."""
    predictions, on_test, own, size, second = [], [], {}, 0, None
    if test is not None and lookup is not None:
        asked = schemes.asked_of(lookup, test.image_ids)
        second = schemes.is_second(asked)
    for member, net in zip(members, _nets(members)):
        y_pred = schemes.only(predict_px(net, training.X[member.valid_idx], mirror),
                              member.settings.points)
        predictions.append(y_pred)
        own[member.name] = metrics.rmse_px(
            schemes.only(training.y[member.valid_idx], member.settings.points), y_pred)
        if test is not None:
            on_test.append(schemes.only(predict_px(net, test.X, mirror, second),
                                        member.settings.points))
        size += n_params(net)
        say(f"{run.folder}: {member.name}: {own[member.name]:.4f} px on its "
            f"{len(member.valid_idx)} validation images")
    valid = [member.valid_idx for member in members]
    index, y_pred, counts = of_runs.out_of_fold(predictions, valid, len(training.X))
    y_valid, arrays = training.y[index], {}
    if test is not None:
        _, y_pred_test, _ = of_runs.out_of_fold(on_test, [np.arange(len(test.X))] * len(members),
                                                len(test.X))
        arrays = {"image_ids": test.image_ids, "y_pred_test": y_pred_test}
        if second is not None:
            arrays["asked"] = asked.astype(np.uint8)
    files.write_npz(run.predictions, {"y_valid": y_valid, "y_pred_valid": y_pred, **arrays})
    run.write_history([])  # nothing was trained
    faces = [schemes.only(np.broadcast_to(member.y_mean, (len(member.valid_idx), 30)),
                          member.settings.points) for member in members]
    _, y_face, _ = of_runs.out_of_fold(faces, valid, len(training.X))
    summary = {
        "state": "complete", "data": training.provenance["label"], "n_valid": len(index),
        "runs": own, "runs_per_image": [int(counts.min()), int(counts.max())],
        "n_params": size, "valid_rmse_px": metrics.rmse_px(y_valid, y_pred),
        "mean_face_rmse_px": metrics.rmse_px(y_valid, y_face),
        "near_duplicates": errors_apart(_near(members, training)[index], y_valid, y_pred, y_face)}
    if test is not None:
        title = f"mean of {len(members)} nets, {training.provenance['label']}"
        summary.update(write_test(run, test, lookup, arrays["y_pred_test"], title))
    files.write_json(run.summary, summary)
    say(f"{run.folder}: {summary['valid_rmse_px']:.4f} px on {len(index)} images, each found by "
        f"{' to '.join(map(str, sorted(set(summary['runs_per_image']))))} of {len(members)} nets, "
        f"which {'trained' if members[0].settings.split == ALL_IMAGES else 'did not train'} on it; "
        f"mean face {summary['mean_face_rmse_px']:.3f} px")
    return summary


def predict_px(net, X, mirror, second=None):
    """The keypoints that a net finds on images, or their mean with those on the mirror images.

    Parameters
    ----------
    net : facekp.nets.net.KeypointNet
    X : float32 array (n, 1, 96, 96) in [0, 1]
    mirror : bool
    second : bool array (n,) or None, see :meth:`facekp.nets.net.KeypointNet.predict_px`

    Returns
    -------
    float32 array (n, 30), px; keypoints of mirror images are mirrored back
    """
    y_pred = net.predict_px(X, second)
    if mirror:
        y_pred = (y_pred + flip_keypoints(net.predict_px(flip_images(X), second))) / 2
    return y_pred


def _nets(members):
    """The net of each member with its weights; equal nets are compiled once."""
    nets = {}
    for member in members:
        key = of_runs.same_net(member.settings)
        if key not in nets:
            nets[key] = build(member.settings)
        read_weights(nets[key], member.weights)
        nets[key].initialize()
        yield nets[key]


def _near(members, training):
    """bool array (n,): whether a run that did not train on this image trained on a near-duplicate
    of it."""
    n = len(training.X)
    groups, near = splits.groups_of(training.X), np.zeros(n, bool)
    for member in members:
        near[member.valid_idx] |= np.isin(groups[member.valid_idx], groups[member.train_idx % n])
    return near


def _drop_other(run, config):
    """Remove the files of another ensemble from a folder; its config.json goes last."""
    parts = READABLE if run.complete else MUST_AGREE
    if run.config.exists() and disagreements(files.read_json(run.config), config, parts):
        for path in (run.summary, run.submission, run.predictions, run.faces, run.history,
                     run.config):
            path.unlink(missing_ok=True)
