"""What the files of a run folder must hold before figures and tables believe them.

Run folders are passed on: a wrong one is named in one line, and never ends a report.
"""
import math
import numbers
import sys
from pathlib import Path

from facekp import npz
from facekp.text import shown
from facekp.errors import ConfigError, EngineError, RunError
from facekp.keypoints import KEYPOINTS
from facekp.settings import Settings
from facekp.engine.flags import parse_flags

NUMBERS = ("epochs", "best_epoch", "n_train", "n_valid", "n_params", "seconds",
           "seconds_per_epoch", "train_loss", "valid_loss", "best_valid_loss", "valid_rmse_px",
           "mean_face_rmse_px", "valid_rmse_px_twin_in_train", "valid_rmse_px_no_twin",
           "frozen_since")
"""Keys of summary.json whose values are numbers, or null where there was none."""

TWINS = ("valid_rmse_px_twin_in_train", "valid_rmse_px_no_twin")
"""Keys of summary.json of which there are both or none."""

SIDES = ("near_duplicates", "others")
"""Keys of summary.json's near_duplicates: validation images that have one in training, and the
others."""

OPTIONAL = (("host", dict, "an object"), ("threads", str, "a text"),
            ("theano_flags", str, "a text"), ("code", str, "a text"),
            ("training_version", int, "a whole number"))
"""Keys of config.json that a run may lack, the types of their values, and a name for these."""


def is_number(value):
    """Whether a JSON value is a number that fits into a float."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and not (
        isinstance(value, int) and abs(value) > sys.float_info.max)


def check_config(config, path):
    """Check what is read of config.json.

    Parameters
    ----------
    config : dict
    path : path, for the message

    Raises
    ------
    RunError
    """
    for part in ("settings", "data"):
        if not isinstance(config.get(part), dict):
            raise _wrong(path, part, config.get(part), "an object")
    settings, data = config["settings"], config["data"]
    for part, name, kind in ((settings, "model", str), (settings, "seed", int),
                             (settings, "fold", int), (settings, "epochs", int),
                             (data, "label", str)):
        if not isinstance(part.get(name), kind):
            raise _wrong(path, name, part.get(name), f"one of type {kind.__name__}")
    try:
        Settings.from_dict(settings)
    except (ConfigError, TypeError) as error:
        raise RunError(f"{path}: settings: {shown(str(error), 200)}; remove {Path(path).parent} "
                       "and run the experiment again") from None
    check_name(data["label"], path)
    hashes = data.get("files")
    if not isinstance(hashes, dict) or not all(isinstance(hash, str) for hash in hashes.values()):
        raise _wrong(path, "data.files", hashes, "texts by name")
    check_optional(config, path)


def check_optional(config, path):
    """Check what config.json says of the machine and the code, if it does."""
    for name, kind, words in OPTIONAL:
        if config.get(name) is not None and not isinstance(config[name], kind):
            raise _wrong(path, name, config[name], words)
    flags = config.get("theano_flags") or ""
    try:
        parse_flags(flags)
    except EngineError:
        raise _wrong(path, "theano_flags", flags, "one with closed quotation marks") from None


def check_name(name, path):
    """Refuse dollar signs: figures would take what follows for a formula."""
    if "$" in name:
        raise _wrong(path, "name", name, "one without dollar signs")


def check_summary(summary, path):
    """Check what is read of summary.json; see :func:`check_config`."""
    if not isinstance(summary.get("state"), str):
        raise _wrong(path, "state", summary.get("state"), "a text")
    for name in NUMBERS:
        if summary.get(name) is not None and not is_number(summary[name]):
            raise _wrong(path, name, summary[name], "a number")
    if summary.get("near_duplicates") is not None:
        try:
            check_near_duplicates(summary["near_duplicates"])
        except ValueError as error:
            raise RunError(f"{path}: near_duplicates: {error}; remove {Path(path).parent} and run "
                           "the experiment again") from None
    lacking = [name for name in TWINS if summary.get(name) is None]
    if len(lacking) == 1:
        raise _wrong(path, lacking[0], None, "a number")


def check_near_duplicates(found):
    """Check what is read of summary.json's near_duplicates.

    Raises
    ------
    ValueError
    """
    if not isinstance(found, dict):
        raise ValueError(f"found {shown(repr(found), 60)}, expected an object")
    for side in SIDES:
        part = found.get(side)
        if not isinstance(part, dict):
            raise ValueError(f"{side}: found {shown(repr(part), 60)}, expected an object")
        n = part.get("n")
        if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n < 10**9:
            raise ValueError(f"{side}.n: found {shown(repr(n), 60)}, expected a number of images")
        for name in ("rmse_px", "mean_face_rmse_px"):
            if name not in part or not (part[name] is None or is_number(part[name])):
                raise ValueError(f"{side}.{name}: found {shown(repr(part.get(name)), 60)}, "
                                 "expected a number or null")
    if not any(found[side]["n"] for side in SIDES):
        raise ValueError("n: found no image, expected at least one")


def check_errors(errors, path):
    """Check what is read of errors.json; see :func:`check_config`."""
    rmse, places = errors.get("keypoint_rmse_px"), errors.get("mean_face_px")
    if not isinstance(rmse, dict) or not rmse or not all(map(is_number, rmse.values())):
        raise _wrong(path, "keypoint_rmse_px", rmse, "numbers by keypoint")
    if not isinstance(places, dict) or not all(
            isinstance(place, list) and len(place) == 2 and all(map(is_number, place))
            for place in places.values()):
        raise _wrong(path, "mean_face_px", places, "pairs of numbers by keypoint")
    if not set(rmse) <= set(KEYPOINTS) or set(places) != set(rmse):
        raise _wrong(path, "keypoint_rmse_px", sorted(rmse), "names of keypoints")
    if not is_number(errors.get("rmse_px")) or not math.isfinite(errors["rmse_px"]):
        raise _wrong(path, "rmse_px", errors.get("rmse_px"), "a number")
    for name in ("thresholds_px", "within"):
        curve = errors.get(name)
        if not isinstance(curve, list) or not curve or not all(map(is_number, curve)):
            raise _wrong(path, name, curve, "a list of numbers")
    if len(errors["within"]) != len(errors["thresholds_px"]):
        raise _wrong(path, "within", len(errors["within"]), "as many numbers as thresholds_px")


def read_predictions(path, *names):
    """Read arrays of keypoints from predictions.npz.

    Parameters
    ----------
    path : path
    names : str, like "y_pred_valid"

    Returns
    -------
    list of float array (n, 30), px; None for an array that the file lacks

    Raises
    ------
    RunError
        If the file is damaged, or holds something else.
    """
    shape = None, 2 * len(KEYPOINTS)
    try:
        found = npz.read_npz(path, {name: (npz.FLOATS, shape) for name in names}, some=True)
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}); remove {Path(path).parent} and run the "
                       "experiment again") from None
    return [found.get(name) for name in names]


def _wrong(path, name, found, expected):
    why = f"{name}: found {shown(repr(found), 60)}, expected {expected}"
    return RunError(f"{path}: {f'lacks {name!r}' if found is None else why}; remove "
                    f"{Path(path).parent} and run the experiment again")
