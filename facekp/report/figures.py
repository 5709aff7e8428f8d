"""`make figures`: every figure of the paper, and what it lacks, from the runs that are there."""
from functools import partial
from pathlib import Path
from typing import Callable, NamedTuple

from facekp import plots
from facekp.errors import RunError
from facekp.runs.checks import read_predictions
from facekp.runs.read import labels
from facekp.report.sources import CNN14, Missing

NETS = {"LeNet-5": ("lenet", ""), "VGGNet": ("vggnet", ""),
        "14-layer CNN, no dropout": ("optimizer-study", "adagrad"), "14-layer CNN": ("cnn14", ""),
        "LeNet-5, mirrored": ("lenet-augmented", "split-then-mirror-no-bn"),
        "LeNet-5, batch norm, mirrored": ("lenet-augmented", "split-then-mirror")}
"""The nets whose errors are compared: a name for the reader, experiment and variant."""

WORDS = {"lenet5": "LeNet-5", "vggnet": "VGGNet", "no-mirror": "batch norm, no mirror images",
         "split-then-mirror": "batch norm, split-then-mirror",
         "mirror-then-split": "batch norm, mirror-then-split",
         "split-then-mirror-no-bn": "split-then-mirror",
         "mirror-then-split-no-bn": "mirror-then-split"}
"""Names of groups of runs (:func:`facekp.analysis.aggregate.group_runs`) for the reader of a figure."""


def draw_net(name, title, sources, **options):
    """Figures 1 to 3, from the definition of the net."""
    from facekp.nets.describe import layer_rows
    from facekp.nets.models import MODELS
    rows = layer_rows(MODELS[name](**options))
    total = sum(row.n_params for row in rows)
    return plots.architecture(rows, f"{title}: {total:,} parameters")


def draw_sample(sources):
    """Figure 4."""
    faces = sources.training
    return plots.sample_face(faces.X[0], faces.y[0], faces.provenance["label"])


def draw_losses(experiments, sources):
    """Figure 5, for any experiments: training and validation loss."""
    groups = {}
    for experiment in experiments:
        groups.update({WORDS.get(name, name): runs
                       for name, runs in sources.groups(experiment).items()})
    if not groups:
        raise Missing(f"no run in {sources.root}: "
                      f"{' or '.join(map(sources.command, experiments))}")
    return plots.optimizer_curves(groups, labels(sum(groups.values(), [])))


def draw_dropout(sources):
    """Figure 6."""
    groups = sources.groups("dropout-ablation")
    variants = {runs[0].variant for runs in groups.values()}
    lacking = [name for name in ("dropout", "no-dropout") if name not in variants]
    if lacking:
        raise Missing(f"no run {' and none '.join(lacking)} in {sources.root}: "
                      f"{sources.command('dropout-ablation', ','.join(lacking))}")
    return plots.dropout_curves(groups, labels(sum(groups.values(), [])))


def draw_filters(sources):
    """Figure 7."""
    from facekp.nets.activations import CONV_WEIGHTS, load_conv_net
    run = sources.first(CNN14, "weights.npz", CONV_WEIGHTS)
    W = load_conv_net(run.folder).weights()["conv1.W"].get_value()
    return plots.first_layer_filters(W, f"{run.experiment}, {run.label}")


def draw_activations(sources, image=None, label=None):
    """Figure 8; of the first face of the data folder unless one is given."""
    from facekp.nets.activations import CONV_WEIGHTS, conv_outputs, load_conv_net
    run = sources.first(CNN14, "weights.npz", CONV_WEIGHTS)
    if image is None:
        image, label = sources.training.X[0], sources.training.provenance["label"]
    title = f"net: {run.experiment}, {run.label}\nface: {label}"
    return plots.activations(image, conv_outputs(load_conv_net(run.folder), image), title)


def draw_predictions(sources):
    """Figure 9."""
    run = sources.first(CNN14 + (("lenet", ""),), "predictions.npz")
    sources.faces_of(run)
    [y_pred] = read_predictions(run.folder / "predictions.npz", "y_pred_test")
    if y_pred is None:
        raise Missing(f"{run.folder} predicted no test faces: its data had no test.csv")
    return plots.predicted_faces(sources.test.X[:16], y_pred[:16],
                                 f"{run.experiment}, {run.label}")


def draw_mirror(sources):
    """Figure 10."""
    faces = sources.training
    return plots.mirror_pair(faces.X[0], faces.y[0], faces.provenance["label"])


def errors_of_nets(sources):
    """Errors by keypoint of the nets that have been trained.

    Returns
    -------
    errors : dict of str -> dict of :func:`facekp.metrics.keypoint_errors`; the best net's is last
    label : str, whose faces, and which run of each net

    Raises
    ------
    Missing
    """
    found = {}
    for name, place in NETS.items():
        try:
            found[name] = sources.first([place], "errors.json", "predictions.npz")
        except Missing:
            continue
    if not found:
        raise Missing(f"no complete run in {sources.root}: {sources.command('lenet')}")
    errors = {name: run.errors() for name, run in found.items()}
    ranking = sorted(errors, key=lambda name: -errors[name]["rmse_px"])
    several = len({run.label for run in found.values()}) > 1
    return {name + (f" ({found[name].label})" if several else ""): errors[name]
            for name in ranking}, f"{labels(found.values())}, {one_run(found.values())}"


def one_run(runs):
    """Which run of each net is shown: "seed 0, fold 0"."""
    places = {(run.seed, run.fold) for run in runs}
    return "one run each" if len(places) > 1 else "seed {}, fold {}".format(*places.pop())


def draw_errors(kind, sources):
    """Errors of the trained nets: `kind` is "mean-face" (best net), "bars" or "cumulative"."""
    errors, label = errors_of_nets(sources)
    if kind == "mean-face":
        name, best = list(errors.items())[-1]
        return plots.mean_face_errors(best, f"{name}, {label}")
    if kind == "cumulative":
        return plots.cumulative_errors(errors, label)
    alone = f"{next(iter(errors))}, " if len(errors) == 1 else ""
    return plots.keypoint_error_bars(errors, alone + label)


def validation_faces(sources):
    """Validation faces with labels and predictions, of LeNet-5 with mirror images or another net.

    Returns
    -------
    X : float32 array (n, 1, 96, 96)
    y_true, y_pred : float32 arrays (n, 30), px
    title : str

    Raises
    ------
    Missing
    """
    from facekp.settings import Settings
    from facekp.training.train import split
    run = sources.first(list(NETS.values())[::-1], "predictions.npz")
    faces = sources.faces_of(run)
    path = run.folder / "predictions.npz"
    [y_pred] = read_predictions(path, "y_pred_valid")
    valid = split(faces.X, faces.y, Settings.from_dict(run.settings))
    if y_pred is None or y_pred.shape != valid.y_valid.shape:
        raise RunError(f"{path}: holds predictions for other images than this run's validation "
                       f"images; remove {run.folder} and run the experiment again")
    return valid.X_valid, valid.y_valid, y_pred, f"{run.experiment}, {run.label}"


def draw_validation(sources):
    """The first validation faces, label and prediction."""
    X, y_true, y_pred, title = validation_faces(sources)
    return plots.predicted_faces(X[:16], y_pred[:16], f"{title}: validation", y_true[:16])


def draw_extremes(sources):
    """The best and the worst validation faces."""
    return plots.extreme_faces(*validation_faces(sources))


class Figure(NamedTuple):
    """A figure: the name of its files, what it shows, and the function that draws it."""

    name: str
    shows: str
    draw: Callable


FIGURES = (
    Figure("figure01-lenet5", "LeNet-5", partial(draw_net, "lenet5", "LeNet-5")),
    Figure("figure01-lenet5-classic", "LeNet-5 as of 1998", partial(
        draw_net, "lenet5", "LeNet-5, variant classic", variant="classic")),
    Figure("figure02-vggnet", "VGGNet", partial(draw_net, "vggnet", "VGGNet")),
    Figure("figure03-cnn14", "14-layer CNN", partial(draw_net, "cnn14", "14-layer CNN")),
    Figure("figure04-sample-face", "a face with its keypoints", draw_sample),
    Figure("figure05-optimizers", "loss by optimizer", partial(draw_losses, ["optimizer-study"])),
    Figure("figure06-dropout", "loss with and without dropout", draw_dropout),
    Figure("figure07-filters", "filters of the first layer", draw_filters),
    Figure("figure08-activations", "a face after each convolution", draw_activations),
    Figure("figure09-predictions", "predicted test faces", draw_predictions),
    Figure("figure10-mirror-image", "a face and its mirror image", draw_mirror),
    Figure("losses-lenet-vggnet", "losses of sections 5.1 and 5.2", partial(
        draw_losses, ["lenet", "vggnet"])),
    Figure("losses-augmentation", "losses with mirror images and without", partial(
        draw_losses, ["lenet", "lenet-augmented"])),
    Figure("errors-mean-face", "error of each keypoint, best net", partial(
        draw_errors, "mean-face")),
    Figure("errors-by-keypoint", "error of each keypoint, all nets", partial(draw_errors, "bars")),
    Figure("errors-cumulative", "cumulative error curve", partial(draw_errors, "cumulative")),
    Figure("validation-faces", "validation faces, label and prediction", draw_validation),
    Figure("best-and-worst-faces", "best and worst validation faces", draw_extremes),
)
"""All figures, in the paper's order; then what the paper lacks."""


def draw_all(sources, folder, say=print):
    """Write every figure that can be drawn as PNG and PDF; name those that cannot be, and why.

    Parameters
    ----------
    sources : Sources
    folder : path, made if need be
    say : callable taking a str

    Returns
    -------
    list of str, the names of the missing figures
    """
    folder, missing = Path(folder), {}
    folder.mkdir(parents=True, exist_ok=True)
    for figure in FIGURES:
        try:
            drawn = figure.draw(sources)
        except (Missing, RunError) as error:  # one damaged run does not cost the other figures
            missing[figure.name] = error
            continue
        plots.save(drawn, folder / f"{figure.name}.pdf", close=False)
        plots.save(drawn, folder / f"{figure.name}.png", dpi=300)
        say(f"{folder / figure.name}.png, .pdf: {figure.shows}")
    for name, error in missing.items():
        older = " (the files of that name are older ones)" * (folder / f"{name}.png").exists()
        say(f"missing: {name}: {error}{older}")
    return list(missing)


def figures(sources):
    """All figures by name, with `section`, `caption` and `draw()`."""
    from types import SimpleNamespace
    found = {}
    for figure in FIGURES:
        number = figure.name[6:8].lstrip("0") if figure.name.startswith("figure") else ""
        found[figure.name] = SimpleNamespace(
            name=figure.name, shows=figure.shows, section="Figures",
            draw=partial(figure.draw, sources),
            caption=f"Figure {number}: {figure.shows}" if number else figure.shows)
    return found
