"""Shared by the tests of prediction: nets that nobody trained, whose answers are known."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facekp.keypoints import FLIP, KEYPOINTS, SIZE
from facekp.predict.geometry import FIVE, MEANS


def mean_face():
    """A face (15, 2), px, with the five points where Kaggle's are, that is its own mirror image."""
    face = np.full((len(KEYPOINTS), 2), 47.5)
    face[list(FIVE)] = MEANS
    for name, point in {"left_eye_inner_corner": (59, 37.5), "left_eye_outer_corner": (73.5, 37.5),
                        "left_eyebrow_inner_end": (56.2, 29.2),
                        "left_eyebrow_outer_end": (79.5, 29.8),
                        "mouth_center_top_lip": (47.5, 72.9),
                        "mouth_center_bottom_lip": (47.5, 82.6)}.items():
        face[KEYPOINTS.index(name)] = point
        other = KEYPOINTS.index(name.replace("left", "right"))
        face[other] = (2 * 47.5 * ("left" in name) + point[0] * (1 - 2 * ("left" in name)),
                       point[1])
    mirror = face.ravel()[FLIP].reshape(-1, 2) * [-1, 1] + [95, 0]
    return (face + mirror) / 2


def mean_net(path, y=None):
    """Write a net that answers with the same face, whatever it is shown; returns `path`."""
    y = mean_face() if y is None else y
    return _write(path, [helper.make_node("Flatten", ["image"], ["flat"]),
                         helper.make_node("Gemm", ["flat", "W", "b"], ["keypoints_px"])],
                  W=np.zeros((SIZE * SIZE, 30)), b=y.ravel())


def spot_net(path):
    """Write a net that answers with a face around the middle of all brightness; returns `path`."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    where = np.stack([columns.ravel(), rows.ravel(), np.ones(SIZE * SIZE)], 1)
    # (sum of x * gray, sum of y * gray, sum of gray) -> points relative to the middle
    xy = np.tile(np.eye(3)[:, :2], (1, 15))
    offsets = mean_face() - mean_face()[list(FIVE)].mean(0)
    return _write(path, [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "where"], ["sums"]),
        helper.make_node("MatMul", ["sums", "xy"], ["points"]),
        helper.make_node("MatMul", ["sums", "total"], ["gray"]),
        helper.make_node("Div", ["points", "gray"], ["middles"]),
        helper.make_node("Add", ["middles", "offsets"], ["keypoints_px"])],
        where=where, xy=xy, total=np.array([[0.0], [0.0], [1.0]]), offsets=offsets.ravel())


def _write(path, nodes, **weights):
    tensors = [numpy_helper.from_array(np.asarray(value, np.float32), name)
               for name, value in weights.items()]
    graph = helper.make_graph(
        nodes, "test", [helper.make_tensor_value_info("image", TensorProto.FLOAT,
                                                      ["n", 1, SIZE, SIZE])],
        [helper.make_tensor_value_info("keypoints_px", TensorProto.FLOAT, ["n", 30])], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path
