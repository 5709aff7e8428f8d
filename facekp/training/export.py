"""Finished runs to one ONNX file that finds keypoints without Theano."""
import facekp.engine.ready  # noqa: F401  (readies Theano, Lasagne and nolearn)

import json
from typing import NamedTuple

import numpy as np

import facekp
from facekp import files
from facekp.data import synthetic
from facekp.errors import ConfigError, EngineError, RunError
from facekp.keypoints import KEYPOINTS, SIZE
from facekp.runs.folder import Run
from facekp.settings import ALL_IMAGES
from facekp.training.load import load_net, refuse_some_points

TOLERANCE_PX, HALF_TOLERANCE_PX, EIGHT_BITS_TOLERANCE_PX = 1e-3, 0.1, 0.3
"""How far the file's keypoints may be from Theano's, with weights of 32, 16 and 8 bits."""

EIGHT_BITS_FROM = 250_000
"""Weights of so many values and more are stored in 8 bits, where that is wanted."""

LICENCE = "MIT"


def export(folders, path, half=False, eight_bits=False, averaged=False, held_out=()):
    """Write the net of a finished run, or the mean of several runs' nets, as ONNX.

    The file is written only after onnxruntime has found the same keypoints with it as Theano.

    Parameters
    ----------
    folders : list of path, finished runs
    path : path of the file, like ``net.onnx``
    half : bool
        Store the weights in half precision: half the size, some hundredths of a pixel apart.
    eight_bits : bool
        Store the largest weights in 8 bits and the others in half precision: a quarter of the
        size, about a tenth of a pixel apart.
    averaged : bool
        Take the averaged weights of the runs.
    held_out : list of path
        Runs that tell how good a net of all images is, see :func:`describe`.

    Returns
    -------
    float, px: the largest difference to Theano's keypoints that the check met

    Raises
    ------
    RunError
        If a run is not complete or damaged, or the file would not find what the nets find.
    ConfigError
        If a net has a layer that cannot be written as ONNX, or `held_out` are other runs than
        :func:`describe` takes.
    EngineError
        If onnx or onnxruntime is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        from facekp.nets import onnx_graph
    except ImportError as error:
        raise EngineError(f"{error.name} is not installed, which writing an ONNX file needs; "
                          "install onnx and onnxruntime (pip install onnx onnxruntime)") from None
    metadata = describe(folders, averaged, held_out)
    nets = [load_net(folder, averaged) for folder in folders]
    model = onnx_graph.to_onnx(nets, metadata)
    X = check_images()
    expected = np.mean([net.predict_px(X) for net in nets], axis=0)
    difference = check(model, X, expected, TOLERANCE_PX)
    if half or eight_bits:
        model = onnx_graph.with_half_weights(model, EIGHT_BITS_FROM if eight_bits else None)
        difference = check(model, X, expected,
                           EIGHT_BITS_TOLERANCE_PX if eight_bits else HALF_TOLERANCE_PX)
    files.write_bytes(path, model.SerializeToString())
    return difference


def describe(folders, averaged=False, held_out=()):
    """What the file says of its nets.

    Parameters
    ----------
    folders : list of path, finished runs
    averaged : bool, whether the file has their averaged weights
    held_out : list of path
        Finished runs with the same settings and data as nets that were trained on all images, but
        with other images for validation: the mean of their errors stands for those of the nets.

    Returns
    -------
    dict of str -> str
        Without ``valid_rmse_px`` if a net was trained on all images and `held_out` is empty.

    Raises
    ------
    RunError
        If a run is not complete, or it diverged.
    ConfigError
        If a run of `held_out` differs from a net in more than the split and the seed, or a net has
        held-out images of its own.
    """
    nets, others = ([_finished(folder, averaged) for folder in group]
                    for group in (folders, held_out))
    for net in nets:
        for other in others:
            _check_held_out(net, other)
    metadata = {
        "net": json.dumps([{"model": net.settings["model"], "options": net.settings["options"]}
                           for net in nets], sort_keys=True),
        "data": "; ".join(dict.fromkeys(net.data["label"] for net in nets)),
        "keypoints": ",".join(KEYPOINTS),
        "input": f"gray faces (n, 1, {SIZE}, {SIZE}), 0 black to 1 white",
        "output": "x and y of each keypoint in turn, px of the input; the middle of the upper left "
                  "pixel is (0, 0)",
        "licence": LICENCE,
        "facekp": facekp.__version__,
    }
    if others:
        metadata["valid_rmse_px"] = f"{np.mean([other.valid_rmse_px for other in others]):.4f}"
    elif not any(net.has_all_images for net in nets):
        # of each net by itself: that of their mean was not measured, and is as a rule lower
        metadata["valid_rmse_px"] = ", ".join(f"{net.valid_rmse_px:.4f}" for net in nets)
    return metadata


class _Finished(NamedTuple):
    """A finished run: its folder, what config.json says of settings and data, and its error."""

    folder: str
    settings: dict
    data: dict
    valid_rmse_px: float

    @property
    def has_all_images(self):
        return self.settings.get("split") == ALL_IMAGES


def _finished(folder, averaged):
    refuse_some_points(folder)
    run = Run(folder)
    if not run.complete:
        raise RunError(f"{run.folder}: is not a complete run; let it end (the same command goes "
                       "on), or name another run folder")
    config, summary = files.read_json(run.config), files.read_json(run.summary)
    if summary.get("valid_rmse_px") is None:
        raise RunError(f"{run.folder}: has no validation error, the net has diverged; name another "
                       "run folder")
    error = summary.get("averaged_valid_rmse_px") if averaged else summary["valid_rmse_px"]
    return _Finished(run.folder, config["settings"], config["data"],
                     float("nan" if error is None else error))


def _check_held_out(net, other):
    """Raise unless the run `other` tells how good the run `net` is, which had all images."""
    if not net.has_all_images:
        raise ConfigError(f"held_out: found {other.folder} for {net.folder}, which has a "
                          "validation error of its own; held-out runs are for nets of split "
                          f"'{ALL_IMAGES}'")
    if other.has_all_images:
        raise ConfigError(f"held_out: {other.folder} was trained on all images, too; name a run "
                          "that was validated on others")
    different = sorted(name for name in net.settings.keys() | other.settings.keys()
                       if name not in ("split", "folds", "fold", "seed")
                       and net.settings.get(name) != other.settings.get(name))
    if any(net.data.get(name) != other.data.get(name) for name in ("label", "files")):
        different.append("data")
    if different:
        raise ConfigError(f"held_out: {other.folder} differs from {net.folder} in "
                          f"{', '.join(different)}; name a run that differs in its split and seed "
                          "alone")


def check_images(n_random=8, n_faces=24):
    """Images that a file is checked with: noise, black, white, and drawn faces.

    Returns
    -------
    float32 array (n, 1, 96, 96) in [0, 1]
    """
    noise = np.random.RandomState(0).uniform(size=(n_random, 1, SIZE, SIZE))
    flat = np.stack([np.full((1, SIZE, SIZE), level) for level in (0.0, 1.0)])
    faces = synthetic.generate(n_faces)[0][:, np.newaxis] / 255
    return np.concatenate([noise, flat, faces]).astype(np.float32)


def check(model, X, expected, tolerance):
    """Check a graph by onnx's own checker, and its keypoints against those expected.

    Parameters
    ----------
    model : onnx.ModelProto
    X : float32 array (n, 1, 96, 96) in [0, 1]
    expected : float array (n, 30), px
    tolerance : float, px

    Returns
    -------
    float, px: the largest difference

    Raises
    ------
    RunError
        If it is larger than `tolerance`.
    """
    import onnx
    import onnxruntime

    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    [found] = session.run(None, {session.get_inputs()[0].name: X})
    difference = float(np.abs(found - expected).max()) if found.shape == expected.shape else np.inf
    if not difference <= tolerance:  # NaN neither
        raise RunError(f"the ONNX graph finds keypoints {difference:g} px from the net's, allowed "
                       f"are {tolerance:g} px; nothing was written"
                       + ("; try it with more bits" if tolerance > TOLERANCE_PX else ""))
    return difference
