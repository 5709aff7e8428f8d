"""The U-Net: its docstring's table, where a map's mean lies, and what holds the maps sharp."""
import re
from collections import OrderedDict

import facekp.engine.ready  # noqa: F401  (before Lasagne)
import numpy as np
import pytest
import theano.tensor as T
from lasagne.layers import InputLayer, get_output
from nolearn.lasagne import NeuralNet

from facekp.engine.layers import SoftArgmaxLayer, UpscaleConcatLayer
from facekp.errors import ConfigError
from facekp.keypoints import scale
from facekp.nets.describe import layer_rows
from facekp.nets.unet import unet


def parts_of(net):
    """(part of the net, output shape, parameters), a block with its pooling being one part."""
    parts = OrderedDict()
    for row in layer_rows(net):
        name = re.match(r"[a-z]+\d?", row.name.replace("pool", "down").replace("join", "up"))[0]
        parts[name] = ("x".join(map(str, row.shape)), parts.get(name, ("", 0))[1] + row.n_params)
    return [(name, *part) for name, part in parts.items()]


def test_docstring_table_is_the_net():
    rows = re.findall(r"^ +(\w+) +(\d+(?:x\d+x\d+)?) +(\d+)$", unet.__doc__, re.M)
    assert len(rows) == 11
    assert parts_of(unet()) == [(name, shape, int(count)) for name, shape, count in rows]


def images(rng, n=3):
    return (rng.uniform(size=(n, 1, 96, 96)).astype("float32"),
            rng.uniform(-1, 1, (n, 30)).astype("float32"))


@pytest.mark.slow  # its Ops are tested one by one; the stock ones take half a minute to compile
def test_fused_and_stock_learn_the_same():
    X, y = images(np.random.RandomState(0))
    nets = [unet(width=2, sharpness=1.0, fused=fused) for fused in (True, False)]
    for net in nets:
        net.initialize()
    steps = [[float(net.train_iter_(X, y)[0]) for _ in range(3)] for net in nets]
    np.testing.assert_allclose(*steps, rtol=2e-4)
    assert steps[0][2] < steps[0][0]
    np.testing.assert_allclose(*(net.eval_iter_(X, y)[0] for net in nets), rtol=1e-3)


def layer(cells, maps=2, **options):
    return SoftArgmaxLayer(InputLayer((None, maps, cells, cells)), size=96, **options)


@pytest.mark.parametrize("cells", [12, 48, 96])
def test_a_single_hot_cell_is_found_at_its_centre(cells):
    """Cell (row 3, column 5) of 96 / cells px: its first pixel plus half of the others."""
    maps = np.zeros((1, 2, cells, cells), np.float32)
    maps[0, 0, 3, 5] = maps[0, 1, 0, 0] = 1000
    side = 96 / cells
    expected_px = [5 * side + (side - 1) / 2, 3 * side + (side - 1) / 2] + 2 * [(side - 1) / 2]
    found = layer(cells).get_output_for(T.constant(maps)).eval()
    np.testing.assert_allclose(found, scale(np.array([expected_px])), atol=1e-6)


def test_an_even_map_points_to_the_middle():
    found = layer(8).get_output_for(T.zeros((2, 2, 8, 8), "float32")).eval()
    np.testing.assert_allclose(found, scale(np.full((2, 4), 47.5)), atol=1e-6)


def divergence(p, g):
    """Jensen-Shannon, in nats, by its definition."""
    mean = (p + g) / 2
    parts = [np.where(q > 0, q * np.log(np.where(q > 0, q, 1) / mean), 0).sum() for q in (p, g)]
    return sum(parts) / 2


def test_penalty_is_the_mean_divergence_of_what_is_labelled():
    rng = np.random.RandomState(1)
    maps = rng.standard_normal((3, 2, 6, 6)).astype("float32")
    y_px = rng.uniform(8, 87, (3, 4))
    y_px[1, 2:] = np.nan   # the second map of the second image
    y_px[2, 1] = np.nan    # a point that lacks one coordinate lacks both
    centres = (np.arange(6) + 0.5) * 16 - 0.5
    expected = []
    for i, k in ((0, 0), (0, 1), (1, 0), (2, 1)):
        x, y = y_px[i, 2 * k:2 * k + 2]
        g = np.exp(-((centres - x)**2 + (centres[:, None] - y)**2) / (2 * 16**2))
        p = np.exp(maps[i, k].astype(float))
        expected.append(divergence(p / p.sum(), g / g.sum()))
    y = T.constant(scale(y_px).astype("float32"))
    found = layer(6).penalty(T.constant(maps), y)
    np.testing.assert_allclose(float(found.eval()), np.mean(expected), rtol=1e-5)
    assert float(layer(6).penalty(T.constant(maps), y * np.nan).eval()) == 0


def test_what_is_reported_is_the_loss_without_the_penalty():
    X, y = images(np.random.RandomState(2), n=2)
    losses = []
    for sharpness in (0.0, 1e6):
        net = unet(width=2, sharpness=sharpness)
        net.initialize()
        losses.append(float(net.train_iter_(X, y)[0]))
    assert losses[0] == losses[1]


@pytest.mark.parametrize("option", [{"objective_l2": 1e-4}, {"scores_valid": [("mae", None)]}])
def test_functions_that_would_leave_the_penalty_out_are_refused(option, monkeypatch):
    made = []
    monkeypatch.setattr(NeuralNet, "_create_iter_funcs", lambda *given: made.append(1) or (1, 2, 3))
    with pytest.raises(ConfigError, match="sharpness"):
        unet(width=2, **option).initialize()
    assert not made
    unet(width=2, sharpness=0.0, **option).initialize()
    assert made


def test_an_image_is_put_before_one_of_twice_its_size():
    small, large = np.arange(8, dtype="float32").reshape(1, 2, 2, 2), np.ones((1, 1, 4, 4), "f4")
    joined = UpscaleConcatLayer([InputLayer((None, 2, 2, 2)), InputLayer((None, 1, 4, 4))])
    assert joined.output_shape == (None, 3, 4, 4)
    found = get_output(joined, dict(zip(joined.input_layers, (small, large)))).eval()
    np.testing.assert_array_equal(found[:, :2], np.kron(small, np.ones((2, 2))))
    np.testing.assert_array_equal(found[:, 2:], large)
    with pytest.raises(ConfigError, match="expected the second to be twice as high and wide"):
        UpscaleConcatLayer([InputLayer((None, 2, 2, 2)), InputLayer((None, 1, 4, 5))])
