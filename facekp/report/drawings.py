"""How figures are drawn from runs: the kinds that experiments declare, and those of all nets.

What each function returns is a matplotlib figure; it raises :class:`Missing` where something is
lacking, or another error of facekp where a run is damaged.
"""
import re
from functools import partial

import numpy as np

from facekp import plots
from facekp.analysis.aggregate import mean_curve
from facekp.analysis.claims import findings
from facekp.errors import RunError
from facekp.report.sources import Missing
from facekp.report.wording import plural
from facekp.runs.checks import read_predictions
from facekp.runs.read import labels

ARCHITECTURES, FACES = "Architectures", "Faces"
ERRORS, FILTERS = "Errors by keypoint", "Filters and activations"
OTHERS = FACES, FILTERS, ARCHITECTURES
"""Titles under which figures stand that belong to no experiment alone."""


def _title(run):
    return f"{run.name}, {run.label}"


# ---- kinds that experiments declare: functions of Sources and of what was declared --------------

def curves(groups):
    """Losses of groups, dict of str -> list of RunResult, as plots.loss_curves takes them."""
    return {f"{name}: {describe(runs)}": {
        column: {**mean_curve(runs, column)._asdict(), "ends": _ends(runs, column)}
        for column in ("valid_loss", "averaged_loss", "train_loss", "train_loss_clean")}
        for name, runs in groups.items()}


def _ends(runs, column):
    """(epoch, loss, kind) of the last finite losses of runs that ended early."""
    for run in runs:
        losses = np.asarray(run.history[column], float)
        finite = np.flatnonzero(np.isfinite(losses))
        if len(finite) and (run.diverged or not run.complete):
            yield finite[-1] + 1, losses[finite[-1]], "diverged" if run.diverged else "unfinished"


def describe(runs):
    """How many runs, and how they ended: ``5 runs, 1 unfinished``."""
    if len(runs) == 1:
        [run] = runs
        if run.state != "complete":
            return run.state
        frozen = f", frozen since epoch {run.frozen_since}" if run.frozen_since else ""
        return f"1 run, {run.epochs} epochs{frozen}"
    counts = {"diverged": sum(run.diverged for run in runs),
              "unfinished": sum(not run.complete and not run.diverged for run in runs)}
    return f"{len(runs)} runs" + "".join(f", {n} {word}" for word, n in counts.items() if n)


def draw_losses(sources, spec, apart=True):
    """Training and validation loss of all variants; with `apart` false, the gap between them."""
    groups = {}
    for place in spec["runs"]:
        for name, runs in sources.groups(place).items():
            groups[name if name not in groups else f"{place}: {name}"] = runs
    lacking = [place for place in spec["runs"] if not sources.of(place)]
    if not groups or lacking and not apart:
        raise Missing(f"no run of {' and '.join(lacking)} in {sources.root}: "
                      f"{' and '.join(map(sources.command, lacking))}")
    return plots.loss_curves(curves(groups), labels(sum(groups.values(), [])), apart)


def _conv_net(sources, spec):
    """The first run that has weights of convolutions, and its net."""
    from facekp.runs.folder import CONV_WEIGHTS
    from facekp.training import load_conv_net
    run = sources.first(spec["runs"], "weights.npz", CONV_WEIGHTS)
    return run, load_conv_net(run.folder)


def draw_filters(sources, spec):
    """The filters of the first convolution."""
    run, net = _conv_net(sources, spec)
    for name, W in net.weights().items():
        if re.fullmatch(r"conv.*\.W", name):
            return plots.first_layer_filters(W.get_value(), _title(run))
    raise Missing(f"{run.folder}: its net has no layer whose name begins with conv")


def draw_activations(sources, spec):
    """The data folder's first face after each convolution."""
    from facekp.nets.activations import conv_outputs
    run, net = _conv_net(sources, spec)
    image, label = sources.training.X[0], sources.training.provenance["label"]
    return plots.activations(image, conv_outputs(net, image),
                             f"net: {_title(run)}\nface: {label}")


def draw_predictions(sources, spec):
    """Predicted test faces."""
    run = sources.first(spec["runs"], "predictions.npz")
    sources.faces_of(run)
    [y_pred] = read_predictions(run.folder / "predictions.npz", "y_pred_test")
    if y_pred is None:
        raise Missing(f"{run.folder} predicted no test faces: its data had no test.csv")
    known = run.config.get("test_data") or {}
    if not sources.test.provenance["files"].items() <= known.items():
        raise Missing(f"{run.folder} predicted other test faces than those of the data folder: "
                      "name the run's faces")
    return plots.predicted_faces(sources.test.X[:16], y_pred[:16], _title(run))


def draw_architecture(sources, spec):
    """A net, from its definition: ``model`` is its name, ``options`` are the model's."""
    from facekp.nets.describe import layer_rows
    from facekp.nets.models import build
    from facekp.nets.net import undrawn
    from facekp.settings import Settings
    with undrawn():
        rows = layer_rows(build(Settings(spec.get("model", ""), spec.get("options", {}))))
    return plots.architecture(rows, f"{spec['shows']}: {sum(row.n_params for row in rows):,} "
                                    "parameters")


def draw_changes(sources, spec):
    """What each step of experiments' claims changes, runs paired by seed and fold: the steps of a
    claim in a group of their own, all others in one."""
    groups = {}
    for place in spec["runs"]:
        for claim in sources.about(place).claims:
            steps = claim.get("steps")
            for found in findings(sources, place, steps or [claim]):
                if found.kind == "change" and found.numbers:
                    n, change = plural(found.basis.n, "run"), found.numbers["change"]
                    group, name = (f"{claim['statement']} ({n})", found.statement) if steps else (
                        "", f"{found.statement} ({n})")
                    groups.setdefault(group, {})[name] = change.mean, change.sd
    runs = [run for place in spec["runs"] for run in sources.of(place)]
    if not groups:
        raise Missing(f"no runs to compare in {sources.root}: "
                      f"{' and '.join(map(sources.command, spec['runs']))}")
    return plots.step_changes(
        groups, f"{labels(runs)}\nmean and standard deviation, paired by seed and fold")


KINDS = {"losses": (draw_losses, None), "gap": (partial(draw_losses, apart=False), None),
         "filters": (draw_filters, FILTERS), "activations": (draw_activations, FILTERS),
         "changes": (draw_changes, None), "predictions": (draw_predictions, FACES),
         "architecture": (draw_architecture, ARCHITECTURES)}
"""Kinds of figures by name: a function of Sources and the declared, and the section."""


# ---- figures of the data alone, and of all nets -------------------------------------------------

def draw_sample(sources):
    """A face and the names of its keypoints."""
    faces = sources.training
    return plots.sample_face(faces.X[0], faces.y[0], faces.provenance["label"])


def draw_mirror(sources):
    """A face and its mirror image."""
    from facekp.data.mirror import with_mirror_images
    faces = sources.training
    return plots.mirror_pair(*with_mirror_images(faces.X[:1], faces.y[:1]),
                             faces.provenance["label"])


def nets(sources):
    """The places of the nets that are compared (:meth:`Sources.of`), by their labels."""
    found = {}
    for name, about in sources.abouts.items():
        for net in about.nets:
            found.setdefault(net["label"], "/".join(filter(None, (name, net.get("variant")))))
    return found


def errors_of_nets(sources):
    """Errors by keypoint of the nets that have been trained, the best net's last.

    Returns a dict of str -> dict of :func:`facekp.metrics.keypoint_errors`, and whose faces and
    which run of each net they are of; raises Missing if there is none. The names tell apart runs on
    other faces, and those of other splits: errors on the grouped split are larger.
    """
    found = {}
    for name, place in nets(sources).items():
        try:
            found[name] = sources.first([place], "errors.json", "predictions.npz")
        except Missing:
            continue
    if not found:
        raise Missing(f"no complete run in {sources.root} of a net that is compared")
    errors = {name: run.errors() for name, run in found.items()}
    ranking = sorted(errors, key=lambda name: -errors[name]["rmse_px"])
    apart = [{name: run.label for name, run in found.items()},
             {name: f"{run.settings['split']} split" for name, run in found.items()}]
    apart = [words for words in apart if len(set(words.values())) > 1]
    places = {(run.seed, run.fold) for run in found.values()}
    which = "one run each" if len(places) > 1 else "seed {}, fold {}".format(*places.pop())
    return {name + "".join(f" ({words[name]})" for words in apart): errors[name]
            for name in ranking}, f"{labels(found.values())}, {which}"


def draw_mean_face(sources):
    """The error of each keypoint of the best net."""
    errors, label = errors_of_nets(sources)
    name, best = list(errors.items())[-1]
    return plots.mean_face_errors(best, f"{name}, {label}")


def draw_cumulative(sources):
    """The share of keypoints within a distance, of all nets."""
    return plots.cumulative_errors(*errors_of_nets(sources))


def draw_extremes(sources):
    """Those validation faces of the last net that has some which it finds best, and worst."""
    from facekp.settings import Settings
    from facekp.training.split import split
    # the validation images of an ensemble are not those of one split
    run = sources.first(list(nets(sources).values())[::-1], "predictions.npz", ensembles=False)
    faces = sources.faces_of(run)
    path = run.folder / "predictions.npz"
    [y_pred] = read_predictions(path, "y_pred_valid")
    valid = split(faces.X, faces.y, Settings.from_dict(run.settings))
    if y_pred is None or y_pred.shape != valid.y_valid.shape:
        raise RunError(f"{path}: holds predictions for other images than this run's validation "
                       f"images; remove {run.folder} and run the experiment again")
    return plots.extreme_faces(valid.X_valid, valid.y_valid, y_pred, _title(run))


OF_ALL = (
    ("figure04-sample-face", "a face with its keypoints", FACES, draw_sample),
    ("figure10-mirror-image", "a face and its mirror image", FACES, draw_mirror),
    ("errors-mean-face", "error of each keypoint, best net", ERRORS, draw_mean_face),
    ("errors-cumulative", "cumulative error curve", ERRORS, draw_cumulative),
    ("best-and-worst-faces", "best and worst validation faces", FACES, draw_extremes))
"""What needs no experiment of its own: name, what it shows, section, a function of Sources."""
