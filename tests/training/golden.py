"""A few steps of each net on fixed images, as numbers that change when results change.

``python tests/training/golden.py --write`` rewrites golden.json: after raising TRAINING_VERSION
(facekp/runs/version.py), on a processor with AVX-512 and a compiler and numpy as in the file, or
in all of them anew. Without ``--write`` it prints the numbers.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
GOLDEN = Path(__file__).with_name("golden.json")


def machine():
    """What decides the last bits of a training on one thread, besides the code.

    The kernels' vectors are as wide as the processor's, which decides the order of sums; the
    compiler decides which products and sums it fuses; numpy makes the data and the errors.
    """
    import numpy as np
    import theano

    from facekp.engine import compiler
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        flags = ""
    kind, version = compiler.version(theano.config.cxx)
    return {"vectors": next((name for name in ("avx512f", "avx2") if name in flags), "others"),
            "compiler": f"{kind} {version}", "numpy": np.__version__.rsplit(".", 1)[0]}


def cases():
    """Settings by name: each net, with and without what it may have, and each optimizer; epochs
    of three steps."""
    from facekp.settings import Settings

    small = {"epochs": 1, "batch_size": 11}
    return {
        "lenet5": Settings("lenet5", optimizer="adam", **small),
        "lenet5, batch normalization": Settings(
            "lenet5", {"batch_norm": True}, "rmsprop", epochs=1, batch_size=22,
            augment=("mirror",)),
        "lenet5, classic": Settings("lenet5", {"variant": "classic"}, "sgd", 0.1, seed=5, **small),
        "cnn14": Settings("cnn14", {"num_dense_units": 20}, "adagrad", split="grouped", **small),
        "cnn14, no dropout": Settings("cnn14", {"num_dense_units": 20, "dropout": False},
                                      "nesterov_momentum", 0.01, fold=3, **small),
        "vggnet": Settings("vggnet", {"num_dense_units": 8}, "adam", epochs=1, batch_size=3,
                           split="after-mirroring", augment=("mirror",), folds=2),
        "small_vgg": Settings("small_vgg", {"width": 8, "num_dense_units": 8}, "adam", 0.0007,
                              augment=("mirror=0.5", "rotate=12", "scale=0.12", "noise=0.02"),
                              **small),
        "resnet": Settings("resnet", {"depth": 10, "width": 8}, "adam", **small),
        "unet": Settings("unet", {"width": 8}, "adam", schedule=("cosine",), average=0.5, **small),
    }


def trained(name, settings):
    """What a run leaves: digests of all bits, and a few numbers for other machines.

    Returns
    -------
    dict : ``bits``, sha256 by file; ``numbers``, floats by name
    """
    sys.path.insert(0, str(TESTS))
    import core_tools
    import numpy as np

    from facekp.nets.models import build
    from facekp.nets.net import undrawn
    from facekp.nets.weights import load_weights
    from facekp.runs.checks import read_predictions
    from facekp.runs.folder import Run
    from facekp.training import evaluate, train
    evaluate.plots = core_tools.no_pictures()  # pictures have no bits to keep

    faces = core_tools.training_data(4 if settings.model == "vggnet" else 40)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(folder)
        summary = train(run, replace(settings), faces, say=lambda text: None)
        history = run.read_history()
        with undrawn():
            weights = build(settings).weights()
        shapes = {key: value.get_value().shape for key, value in weights.items()}
        weights = load_weights(run.weights, shapes)
        y_valid, y_pred = read_predictions(run.predictions, "y_valid", "y_pred_valid")
    seconds = {"seconds", "seconds_per_epoch", "peak_memory_mb"}
    rows = {column: [value.hex() for value in values] for column, values in history.items()
            if column not in seconds}
    told = {key: value for key, value in summary.items() if key not in seconds}

    def digest(*contents):
        return hashlib.sha256(b"".join(contents)).hexdigest()

    numbers = {column: history[column][-1] for column in (
        "train_loss", "valid_loss", "train_loss_clean", "valid_rmse_px")}
    numbers.update({key: summary[key] for key in ("train_rmse_px", "mean_face_rmse_px")})
    numbers["weights"] = float(np.sqrt(sum(np.sum(np.square(value, dtype=float))
                                           for value in weights.values())))
    return {
        "bits": {"history.csv": digest(json.dumps(rows, sort_keys=True).encode()),
                 "weights.npz": digest(*(weights[key].tobytes() for key in sorted(weights))),
                 "predictions.npz": digest(y_valid.tobytes(), y_pred.tobytes()),
                 "summary.json": digest(json.dumps(told, sort_keys=True).encode())},
        "numbers": numbers}


def read_data():
    """What surrounds the nets: the parser and its cache, scaling, splits, errors, the submission.

    Returns
    -------
    dict of str -> sha256; the same on every machine
    """
    sys.path.insert(0, str(TESTS))
    import kaggle_csv
    import numpy as np

    from facekp import data, keypoints, metrics
    from facekp.data import mirror, splits
    from facekp.runs import submission
    from facekp.settings import Settings
    found = {}

    def note(name, *values):
        found[name] = hashlib.sha256(b"".join(
            np.asarray(value).tobytes() for value in values)).hexdigest()

    with tempfile.TemporaryDirectory() as folder:
        for name, lines in (("training.csv", kaggle_csv.training_lines(6)),
                            ("test.csv", kaggle_csv.test_lines(4)),
                            ("IdLookupTable.csv", kaggle_csv.LOOKUP_LINES)):
            Path(folder, name).write_text("\n".join(lines) + "\n", encoding="ascii")
        for name in ("parsed", "cached"):
            faces = data.load_training(folder)
            note(f"training.csv, {name}", faces.X, faces.y, faces.rows)
            test = data.load_test(folder)
            note(f"test.csv, {name}", test.X, test.image_ids)
        lookup = data.load_lookup(folder, test.image_ids)
        note("IdLookupTable.csv", lookup.row_ids, lookup.image_ids, lookup.columns)
        y_pred = np.linspace(-3, 99, 120).reshape(4, 30)
        note("submission.csv", submission.locations(y_pred, test.image_ids, lookup))
    y = np.linspace(1, 95.5, 300, dtype=np.float32).reshape(10, 30)
    note("scaling", keypoints.scale(y), keypoints.unscale(keypoints.scale(y)))
    # sums of powers of two are exact in any order
    y_pred = y + np.exp2(np.arange(300) % 5).reshape(10, 30)
    note("errors", metrics.rmse_px(np.zeros((10, 30)), np.rint(y_pred)), metrics.mse_to_px(0.25),
         metrics.mean_face_rmse_px(np.rint(y[:8]), np.rint(y[8:])))
    X = np.arange(10 * 96 * 96, dtype=np.float32).reshape(10, 1, 96, 96)
    note("mirror images", *mirror.with_mirror_images(X, y))
    groups = np.arange(50) // 3
    for split, augment in (("random", ()), ("random", ("mirror",)), ("grouped", ()),
                           ("after-mirroring", ("mirror",))):
        settings = Settings("lenet5", split=split, augment=augment, seed=4, fold=2)
        note(f"split {split}{' and mirror' * bool(augment)}",
             *splits.split_images(50, settings, groups))
    return found


def measure():
    """All golden values of this machine, on one thread, in a process of its own.

    Returns
    -------
    dict : ``machine``, ``data`` and ``nets``
    """
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("THEANO_FLAGS", "FACEKP_DEVICE", "FACEKP_FUSED")}
    # quicker, as in tests/conftest.py
    environment.update(THEANO_FLAGS="traceback.limit=0")
    environment.update(OMP_NUM_THREADS="1", THEANORC=os.devnull, PYTHONPATH=os.pathsep.join(
        [str(TESTS.parent), environment.get("PYTHONPATH", "")]))
    done = subprocess.run([sys.executable, __file__, "--here"], env=environment, check=True,
                          stdout=subprocess.PIPE, universal_newlines=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="rewrite golden.json")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        import facekp.engine.ready  # noqa: F401
        print(json.dumps({"machine": machine(), "data": read_data(), "nets": {
            name: trained(name, settings) for name, settings in cases().items()}}))
        return
    text = json.dumps(measure(), indent=1, sort_keys=True)
    if options.write:
        GOLDEN.write_text(text + "\n", encoding="ascii")
    else:
        print(text)


if __name__ == "__main__":
    main()
