"""A finished run as an ONNX file that says whose net it is."""
import json
import subprocess
import sys

import facekp.engine.ready  # noqa: F401  (before Lasagne)
import numpy as np
import onnx
import pytest
from run_tools import make_run

from facekp.errors import ConfigError, EngineError, RunError
from facekp.keypoints import KEYPOINTS, flip_keypoints
from facekp.nets.models import build
from facekp.nets.net import KeypointNet
from facekp.nets.weights import save_weights
from facekp.predict import find_keypoints
from facekp.settings import Settings
from facekp.training import export
from facekp.training.load import load_net

OPTIONS = {"variant": "classic", "batch_norm": True}


@pytest.fixture
def run(tmp_path):
    """A complete run of an untrained net."""
    return finished(tmp_path / "runs" / "lenet" / "lenet5" / "fold0")


def finished(folder, seed=0, **more):
    run = make_run(folder, [0.01, 0.002], model="lenet5", options=OPTIONS, seed=seed, **more)
    net = build(Settings("lenet5", OPTIONS, seed=seed))
    save_weights(run.weights, {name: value.get_value() for name, value in net.weights().items()})
    return run


def metadata_of(path):
    return {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props}


def test_averaged_weights_as_a_file(run, tmp_path):
    with pytest.raises(RunError, match="has no averaged weights"):
        export.export([run.folder], tmp_path / "net.onnx", averaged=True)
    net = build(Settings("lenet5", OPTIONS, seed=7))
    save_weights(run.averaged_weights, {name: value.get_value()
                                        for name, value in net.weights().items()})
    summary = json.loads(run.summary.read_text())
    run.summary.write_text(json.dumps({**summary, "averaged_valid_rmse_px": 1.25}))
    assert export.export([run.folder], tmp_path / "net.onnx", averaged=True) <= export.TOLERANCE_PX
    found = onnx.load(str(tmp_path / "net.onnx"))
    assert {"valid_rmse_px": "1.2500"}.items() <= {
        entry.key: entry.value for entry in found.metadata_props}.items()
    assert export.check(found, export.check_images(),
                        load_net(run.folder, averaged=True).predict_px(export.check_images()),
                        export.TOLERANCE_PX) < 1e-3


def test_a_run_as_a_file_that_finds_the_same(run, tmp_path):
    path = tmp_path / "net.onnx"
    assert export.export([run.folder], path) <= export.TOLERANCE_PX
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".onnx"] == ["net.onnx"]
    found = metadata_of(path)
    assert json.loads(found["net"]) == [{"model": "lenet5", "options": OPTIONS}]
    assert found["data"] == "a test's faces" and found["licence"] == "MIT"
    assert found["keypoints"].split(",") == list(KEYPOINTS)
    assert float(found["valid_rmse_px"]) == pytest.approx(48 * 0.002 ** 0.5, abs=1e-4)
    # through facekp.predict: a crop as Kaggle's gets the net's own points, and half a pixel
    gray = np.random.RandomState(0).randint(0, 256, (96, 96)).astype(np.uint8)
    both = np.stack([gray, gray[:, ::-1]])[:, np.newaxis].astype(np.float32) / 255
    y = load_net(run.folder).predict_px(both)
    expected = (y[0] + flip_keypoints(y[1])).reshape(15, 2) / 2 + 0.5
    [face] = find_keypoints(gray, path, detect=False, fast=True)
    np.testing.assert_allclose(face.keypoints, expected, atol=2e-3)


def test_several_runs_are_one_net_and_half_precision_is_smaller(run, tmp_path):
    other = finished(tmp_path / "runs" / "lenet" / "lenet5" / "seed1" / "fold0", seed=1)
    sizes = []
    for half in (False, True):
        path = tmp_path / f"{half}.onnx"
        assert export.export([run.folder, other.folder], path, half=half) <= (
            export.HALF_TOLERANCE_PX if half else export.TOLERANCE_PX)
        sizes.append(path.stat().st_size)
    assert sizes[1] < 0.6 * sizes[0]
    metadata = metadata_of(path)
    assert len(json.loads(metadata["net"])) == 2 == len(metadata["valid_rmse_px"].split(","))


def test_a_net_of_all_images_has_the_error_of_runs_that_held_some_out(run, tmp_path):
    path, runs = tmp_path / "net.onnx", tmp_path / "runs"
    whole = finished(runs / "whole" / "fold0", split="all-images", summary={"valid_rmse_px": 0.9})
    one, other = (finished(runs / "grouped" / f"fold{fold}", split="grouped", fold=fold,
                           summary={"valid_rmse_px": error})
                  for fold, error in ((0, 1.25), (1, 1.35)))
    export.export([whole.folder], path)
    assert "valid_rmse_px" not in metadata_of(path)  # 0.9 px on its own training images
    export.export([whole.folder], path, held_out=[one.folder, other.folder])
    assert metadata_of(path)["valid_rmse_px"] == "1.3000"
    longer = finished(runs / "longer" / "fold0", split="grouped", batch_size=64)
    elsewhere = finished(runs / "elsewhere" / "fold0", split="grouped",
                         files={"training.csv": "34cd"})
    path.unlink()
    for net, held_out, message in ((whole, longer, "batch_size"), (whole, elsewhere, "in data"),
                                   (whole, whole, "on all images, too"),
                                   (one, other, "of its own")):
        with pytest.raises(ConfigError, match=message):
            export.export([net.folder], path, held_out=[held_out.folder])
    assert not path.exists()


def test_what_is_not_finished_is_refused(run, tmp_path):
    path = tmp_path / "net.onnx"
    unfinished = finished(tmp_path / "runs" / "a" / "lenet5" / "fold0", state=None)
    diverged = finished(tmp_path / "runs" / "b" / "lenet5" / "fold0", state="diverged",
                        summary={"valid_rmse_px": None})
    for bad, message in ((unfinished, "not a complete run"), (diverged, "diverged")):
        with pytest.raises(RunError, match=message):
            export.export([run.folder, bad.folder], path)
    assert not path.exists()


def test_a_published_run_has_no_weights(run, tmp_path):
    run.weights.unlink()
    with pytest.raises(RunError, match="weights.npz: is missing.*published results hold no"):
        export.export([run.folder], tmp_path / "net.onnx")


def test_a_file_that_finds_something_else_is_not_written(run, tmp_path, monkeypatch):
    predict_px = KeypointNet.predict_px
    monkeypatch.setattr(KeypointNet, "predict_px", lambda net, X: predict_px(net, X) + 0.01)
    with pytest.raises(RunError, match="0.01.* px from the net's"):
        export.export([run.folder], tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


def test_without_onnx_one_line_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "facekp.nets.onnx_graph", raising=False)
    with pytest.raises(EngineError, match="pip install onnx onnxruntime"):
        export.export([run.folder], tmp_path / "net.onnx")


def test_predicting_with_the_file_needs_no_theano(run, tmp_path, clean_env):
    export.export([run.folder], tmp_path / "net.onnx")
    code = ("import sys, numpy; sys.modules['theano'] = sys.modules['onnx'] = None\n"
            "from facekp.predict import find_keypoints\n"
            "assert len(find_keypoints(numpy.zeros((96, 96), 'uint8'), sys.argv[1], "
            "detect=False)) == 1")
    assert subprocess.call([sys.executable, "-c", code, str(tmp_path / "net.onnx")],
                           env=clean_env) == 0
