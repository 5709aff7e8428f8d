"""ResNet: its docstring's table, depth and width, and what a residual block computes."""
import re
from collections import OrderedDict

import facekp.engine.ready  # noqa: F401  (before Lasagne)
import numpy as np
import pytest
from lasagne.layers import Conv2DLayer, DenseLayer, get_output

from facekp.errors import ConfigError
from facekp.nets import models
from facekp.nets.describe import layer_rows
from facekp.nets.resnet import resnet
from facekp.settings import Settings


def parts_of(net):
    """(part of the net, output shape, parameters), a residual block being one part."""
    parts = OrderedDict()
    for row in layer_rows(net):
        name = re.match(r"block\d_\d|[a-z]+\d?", row.name).group()
        parts[name] = ("x".join(map(str, row.shape)), parts.get(name, ("", 0))[1] + row.n_params)
    return [(name, *part) for name, part in parts.items()]


def test_docstring_table_is_the_net():
    rows = re.findall(r"^ +(\w+) +(\d+(?:x\d+x\d+)?) +(\d+)$", resnet.__doc__, re.M)
    assert len(rows) == 13
    assert parts_of(resnet()) == [(name, shape, int(count)) for name, shape, count in rows]


@pytest.mark.parametrize("depth", [10, 18, 34])
def test_depth_counts_layers_with_weights(depth):
    net = resnet(depth=depth, width=2)
    net.initialize_layers()
    weighted = [name for name, layer in net.layers_.items()
                if isinstance(layer, (Conv2DLayer, DenseLayer)) and "shortcut" not in name]
    assert len(weighted) == depth


def test_width_is_that_of_the_first_stage():
    assert [row[1] for row in parts_of(resnet(depth=10, width=3))][1:] == [
        "3x96x96", "3x48x48", "3x48x48", "6x24x24", "12x12x12", "24x6x6", "24", "30"]


def test_a_depth_that_there_is_not():
    with pytest.raises(ConfigError, match="depth: found 19, expected one of 10, 18, 34"):
        models.build(Settings("resnet", {"depth": 19}))
    with pytest.raises(ConfigError, match="options: found 'deep' for depth, expected a whole"):
        models.build(Settings("resnet", {"depth": "deep"}))


def test_a_block_without_weights_passes_its_input_on():
    """relu(0 + x) is x where x, behind a ReLU and a pooling, is not negative."""
    net = resnet(depth=10, width=2, fused=False)
    net.initialize_layers()
    net.layers_["block1_1_conv2_bn"].gamma.set_value(np.zeros(2, np.float32))
    X = np.random.RandomState(0).uniform(size=(2, 1, 96, 96)).astype("float32")
    before, after = (get_output(net.layers_[name], X, deterministic=True).eval()
                     for name in ("pool1", "block1_1_relu"))
    np.testing.assert_array_equal(before, after)
    assert before.max() > 0
