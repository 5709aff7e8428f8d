"""Finished runs to one ONNX file that finds keypoints without Theano."""
import facekp.engine.ready  # noqa: F401  (readies Theano, Lasagne and nolearn)

import json

import numpy as np

import facekp
from facekp import files
from facekp.data import synthetic
from facekp.errors import EngineError, RunError
from facekp.keypoints import KEYPOINTS, SIZE
from facekp.runs.folder import Run
from facekp.training.load import load_net, refuse_some_points

TOLERANCE_PX, HALF_TOLERANCE_PX, EIGHT_BITS_TOLERANCE_PX = 1e-3, 0.1, 0.3
"""How far the file's keypoints may be from Theano's, with weights of 32, 16 and 8 bits."""

EIGHT_BITS_FROM = 250_000
"""Weights of so many values and more are stored in 8 bits, where that is wanted."""

LICENCE = "MIT"


def export(folders, path, half=False, eight_bits=False, averaged=False):
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

    Returns
    -------
    float, px: the largest difference to Theano's keypoints that the check met

    Raises
    ------
    RunError
        If a run is not complete or damaged, or the file would not find what the nets find.
    ConfigError
        If a net has a layer that cannot be written as ONNX.
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
    metadata = describe(folders, averaged)
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


def describe(folders, averaged=False):
    """What the file says of its nets.

    Parameters
    ----------
    folders : list of path, finished runs
    averaged : bool, whether the file has their averaged weights

    Returns
    -------
    dict of str -> str

    Raises
    ------
    RunError
        If a run is not complete, or it diverged.
    """
    nets, labels, errors = [], [], []
    for folder in folders:
        refuse_some_points(folder)
        run = Run(folder)
        if not run.complete:
            raise RunError(f"{run.folder}: is not a complete run; let it end (the same command "
                           "goes on), or name another run folder")
        config, summary = files.read_json(run.config), files.read_json(run.summary)
        if summary.get("valid_rmse_px") is None:
            raise RunError(f"{run.folder}: has no validation error, the net has diverged; name "
                           "another run folder")
        settings = config["settings"]
        nets.append({"model": settings["model"], "options": settings["options"]})
        labels.append(config["data"]["label"])
        error = summary.get("averaged_valid_rmse_px") if averaged else summary["valid_rmse_px"]
        errors.append(float("nan" if error is None else error))
    return {
        "net": json.dumps(nets, sort_keys=True),
        "data": "; ".join(dict.fromkeys(labels)),
        # of each net by itself: that of their mean was not measured, and is as a rule lower
        "valid_rmse_px": ", ".join(f"{error:.4f}" for error in errors),
        "keypoints": ",".join(KEYPOINTS),
        "input": f"gray faces (n, 1, {SIZE}, {SIZE}), 0 black to 1 white",
        "output": "x and y of each keypoint in turn, px of the input; the middle of the upper left "
                  "pixel is (0, 0)",
        "licence": LICENCE,
        "facekp": facekp.__version__,
    }


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
