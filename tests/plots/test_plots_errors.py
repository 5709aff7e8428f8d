"""Errors by keypoint, filters and activations: values drawn are values given."""
import numpy as np
import pytest

from facekp import plots
from facekp.keypoints import KEYPOINTS
from facekp.metrics import keypoint_errors
from facekp.plots.filters import mosaic


@pytest.fixture
def errors(random):
    y = random.uniform(20, 76, (9, 30))
    return keypoint_errors(y, y + random.normal(size=y.shape))


def test_the_circles_are_as_large_as_the_errors(errors):
    figure = plots.mean_face_errors(errors, "whose faces")
    ax = figure.axes[0]
    [circles] = ax.collections
    expected = [errors["keypoint_rmse_px"][name] for name in KEYPOINTS]
    np.testing.assert_allclose(circles.get_array(), expected)
    for path, name, rmse in zip(circles.get_paths(), KEYPOINTS, expected):
        box = path.get_extents()
        np.testing.assert_allclose((box.p0 + box.p1) / 2, errors["mean_face_px"][name])
        assert box.width / 2 == pytest.approx(rmse)
    assert [text.get_text() for text in ax.texts] == [f"{value:.2f}" for value in expected]
    bottom, top = ax.get_ylim()
    assert bottom > top  # row 0 on top, as in an image


def test_keypoints_without_labels_are_left_out(random):
    y = random.uniform(20, 76, (9, 30))
    y[:, :8] = np.nan
    errors = keypoint_errors(y, np.full_like(y, 40))
    figure = plots.mean_face_errors(errors, "")
    assert len(figure.axes[0].texts) == 11


def test_the_cumulative_curve(errors):
    ax = plots.cumulative_errors({"lenet5": errors}, "").axes[0]
    [line] = ax.get_lines()
    np.testing.assert_allclose(line.get_xdata(), errors["thresholds_px"])
    np.testing.assert_allclose(line.get_ydata(), 100 * np.array(errors["within"]))


def test_filters_lie_side_by_side_on_a_scale_around_zero(random):
    W = random.normal(size=(32, 1, 3, 3))
    ax = plots.first_layer_filters(W, "").axes[0]
    sheet = ax.images[0].get_array()
    assert sheet.shape == (4 * 4 - 1, 8 * 4 - 1)
    np.testing.assert_allclose(sheet[4:7, 8:11], W[10, 0])  # second row, third column
    assert ax.images[0].get_clim() == (-np.abs(W).max(), np.abs(W).max())


def test_mosaic_of_a_row_that_is_not_full():
    sheet = mosaic(np.ones((3, 2, 2)), columns=2)
    assert sheet.shape == (5, 5)
    assert np.isnan(sheet[3:, 3:]).all() and (sheet[3:, :2] == 1).all()


def test_every_channel_of_every_layer_is_shown(random):
    maps = {"conv1": random.rand(32, 20, 20), "conv2": random.rand(20, 9, 9)}
    figure = plots.activations(random.rand(1, 96, 96), maps, "whose face")
    assert [ax.get_title() for ax in figure.axes] == [
        "input, 1×96×96", "(a) conv1, 32×20×20", "(b) conv2, 20×9×9"]
    sheet = figure.axes[2].images[0].get_array()
    np.testing.assert_allclose(sheet[10:19, 10:19], maps["conv2"][17])


def test_all_layers_of_a_deep_net_are_shown():
    maps = {f"conv{k}": np.full((2, 3, 3), k + 1) for k in range(30)}
    _, *panels = plots.activations(np.zeros((1, 96, 96)), maps, "whose face").axes
    assert [len(ax.images) for ax in panels] == [1] * 30
    assert [panels[k].get_title()[:5] for k in (0, 25, 26, 29)] == [
        "(a) c", "(z) c", "(aa) ", "(ad) "]


@pytest.mark.parametrize("answer", [0, -1])
def test_dead_layers_can_be_drawn(tmp_path, answer):
    figure = plots.activations(np.zeros((1, 96, 96)), {"conv1": np.full((4, 5, 5), answer)}, "")
    assert figure.axes[1].images[0].get_clim() == (0, 1)
    plots.save(figure, tmp_path / "a.png")


def test_what_convolutions_make_of_an_image(engine, random):
    from scipy.signal import convolve2d
    from facekp.nets import models
    from facekp.nets.activations import conv_outputs

    net = models.MODELS["cnn14"](num_dense_units=10)
    image = random.rand(1, 96, 96).astype(np.float32)
    found = conv_outputs(net, image)
    assert {name: maps.shape for name, maps in found.items()} == {
        "conv1": (32, 94, 94), "conv2": (64, 46, 46), "conv3": (128, 22, 22)}
    W, b = (net.weights()[name].get_value() for name in ("conv1.W", "conv1.b"))
    by_hand = convolve2d(image[0], W[5, 0], mode="valid") + b[5]
    np.testing.assert_allclose(found["conv1"][5], np.maximum(by_hand, 0), atol=1e-5)
    pooled = found["conv1"].reshape(32, 47, 2, 47, 2).max(axis=(2, 4))
    W, b = (net.weights()[name].get_value() for name in ("conv2.W", "conv2.b"))
    by_hand = sum(convolve2d(pooled[c], W[7, c], mode="valid") for c in range(32)) + b[7]
    np.testing.assert_allclose(found["conv2"][7], np.maximum(by_hand, 0), atol=1e-4)


def test_convolutions_of_a_run_that_keeps_no_other_weights(engine, tmp_path):
    from run_results import result, write
    from facekp.nets import models
    from facekp.runs.folder import CONV_WEIGHTS
    from facekp.training import load_conv_net
    from facekp.errors import RunError
    from facekp.nets.weights import save_weights

    options = {"num_dense_units": 10}
    folder = write(tmp_path, result(options=options))
    with pytest.raises(RunError, match="has no weights.npz or conv_weights.npz; let the run end"):
        load_conv_net(folder)
    values = {name: parameter.get_value() + 1
              for name, parameter in models.MODELS["cnn14"](**options).weights().items()}
    save_weights(folder / CONV_WEIGHTS, {name: value for name, value in values.items()
                                         if name.startswith("conv")})
    net = load_conv_net(folder)
    np.testing.assert_array_equal(net.weights()["conv3.W"].get_value(), values["conv3.W"])
    save_weights(folder / CONV_WEIGHTS, {"conv1.W": values["conv1.W"]})
    with pytest.raises(RunError, match="cannot be used: .*conv1.b"):
        load_conv_net(folder)
    save_weights(folder / "weights.npz", values)
    net = load_conv_net(folder)
    np.testing.assert_array_equal(net.weights()["output.W"].get_value(), values["output.W"])


def test_changes_are_points_with_their_deviation():
    groups = {"LeNet-5": {"mirror": (-0.1, 0.05), "all": (0.2, 0.1)},
              "VGGNet": {"all": (-0.3, float("nan"))}}
    ax = plots.step_changes(groups, "whose faces").axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["mirror", "all"]
    points = [container.lines[0].get_xydata() for container in ax.containers]
    np.testing.assert_allclose(points[0][:, 0], [-0.1, 0.2])
    np.testing.assert_allclose(points[1][:, 0], [-0.3])
    assert np.rint(points[0][:, 1]).tolist() == [0, 1] and np.rint(points[1][:, 1]) == [1]
    assert points[0][1, 1] != points[1][0, 1]  # beside each other
    bars = [[part[:, 0].tolist() for part in container.lines[2][0].get_segments()]
            for container in ax.containers]
    np.testing.assert_allclose(bars[0], [[-0.15, -0.05], [0.1, 0.3]])
    np.testing.assert_allclose(bars[1], [[-0.3, -0.3]])  # one run has no deviation
    bottom, top = ax.get_ylim()
    assert bottom > top  # the first step on top
