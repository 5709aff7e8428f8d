"""Figures 1 to 3 say what the nets are."""
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from facekp import plots


@pytest.fixture(scope="module")
def build(engine):
    """A function that builds a net of the paper, each only once, and draws no weights."""
    from facekp.nets import models
    from facekp.nets.net import undrawn
    built = {}

    def get(name, **options):
        key = name, *options.items()
        if key not in built:
            with undrawn():
                built[key] = models.MODELS[name](**options)
                built[key].weights()
        return built[key]
    return get


def shown(figure):
    """The figure's texts, each as its lines."""
    return [tuple(text.get_text().split("\n")) for text in figure.axes[0].texts]


@pytest.mark.parametrize("name, options", [
    ("lenet5", {}), ("lenet5", {"variant": "classic"}), ("lenet5", {"batch_norm": True}),
    ("vggnet", {}), ("cnn14", {}), ("cnn14", {"dropout": False})])
def test_every_layer_with_its_shape_and_its_parameters(build, name, options):
    import lasagne
    from facekp.nets.describe import layer_rows

    net = build(name, **options)
    figure = plots.architecture(layer_rows(net), name)
    texts = [lines for lines in shown(figure) if len(lines) == 5 and lines[0] != "layer"]
    layers = lasagne.layers.get_all_layers(net.layers_["output"])
    assert len(texts) == len(layers)
    for layer, (title, _, _, shape, count) in zip(layers, texts):
        batch = lasagne.layers.get_output_shape(layer, (2, 1, 96, 96))
        assert title == layer.name
        assert tuple(int(n) for n in shape.split("×")) == batch[1:]
        assert int(count.replace(",", "")) == sum(
            np.prod(p.get_value().shape) for p in layer.get_params(trainable=True))
    total = sum(int(lines[4].replace(",", "")) for lines in texts)
    assert total == lasagne.layers.count_params(net.layers_["output"], trainable=True)


def test_the_table_in_the_docstring_is_what_is_drawn(build):
    from facekp.nets import models
    from facekp.nets.describe import layer_rows

    for name in ("lenet5", "vggnet", "cnn14"):
        stated = re.findall(r"^    (\w+) +([\dx]+) +(\d+)$", models.MODELS[name].__doc__,
                            re.MULTILINE)
        figure = plots.architecture(layer_rows(build(name)), "")
        drawn = [(lines[0], lines[3].replace("×", "x"), lines[4].replace(",", ""))
                 for lines in shown(figure) if len(lines) == 5 and lines[0] != "layer"]
        assert drawn == stated


def test_what_a_layer_does_is_written(build):
    from facekp.nets.describe import layer_rows

    rows = {row.name: row for row in layer_rows(build("cnn14"))}
    assert rows["input"].detail == "image"
    assert (rows["conv2"].detail, rows["conv2"].activation) == ("conv 2×2", "ReLU")
    assert rows["pool1"].detail == "max pool 2×2" and rows["pool1"].activation == ""
    assert rows["dropout3"].detail == "dropout 0.3"
    assert (rows["output"].detail, rows["output"].activation) == ("dense", "tanh")
    rows = {row.name: row for row in layer_rows(build("lenet5", batch_norm=True))}
    assert rows["conv1"].activation == "" and rows["conv1_bn"].kind == "normalization"
    assert rows["conv1_relu"].activation == "ReLU"


def test_texts_keep_clear_of_each_other(build):
    from facekp.nets.describe import layer_rows

    figure = plots.architecture(layer_rows(build("vggnet")), "VGGNet")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    page = figure.bbox
    for i, box in enumerate(boxes):
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        assert not any(box.overlaps(other) for other in boxes[i + 1:])


def test_an_architecture_keeps_its_shape_in_given_axes(build):
    from facekp.nets.describe import layer_rows

    figure, axes = plt.subplots(2, 1)
    assert plots.architecture(layer_rows(build("cnn14")), "CNN", ax=axes[1]) is figure
    assert axes[1].texts and not axes[0].texts
    assert axes[1].get_aspect() == 1
