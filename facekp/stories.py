"""What the runs say about each section of the paper, as Markdown with the runs' own numbers.

Each function takes :class:`facekp.sources.Sources` and returns text; where a run is missing or
unfinished, the text says so.
"""
import numpy as np

from facekp.activations import CONV_WEIGHTS
from facekp.aggregate import LEVELS, group_runs, mean_sd, reach
from facekp.metrics import mse_to_px
from facekp.plots.curves import describe
from facekp.results import of_experiment
from facekp.sources import CNN14, Missing

PAPER_TRAIN, PAPER_VALID = 0.0002058, 0.0010208
"""Where the paper's losses end, 14-layer CNN without dropout, Adagrad (section 5.3)."""

NOT_COMPARABLE = ("The paper's score is the RMSE on Kaggle's test images, two thirds of which were "
                  "labelled by another scheme: it cannot be compared with a validation error.")


def table(header, rows):
    """A Markdown table.

    Parameters
    ----------
    header : list of str
    rows : list of list of str

    Returns
    -------
    str
    """
    lines = [header, ["---"] * len(header)] + rows
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def groups(sources, experiment):
    """The groups of an experiment's runs that have an epoch at least."""
    return group_runs(run for run in of_experiment(sources.runs, experiment) if run.epochs)


def missing(sources, experiment):
    """What to do when there is no run of an experiment."""
    return f"There is no run yet: `{sources.command(experiment)}`."


def faces_of(found):
    """Whose faces groups were trained on, as a sentence."""
    return f"Trained on: {', '.join(dict.fromkeys(group.label for group in found))}."


def data(sources):
    """Section 3: the images at hand."""
    faces = sources.training
    y = faces.y.reshape(len(faces.y), -1, 2)
    eyes = np.hypot(*(y[:, 0] - y[:, 1]).T)
    return (f"Here are {len(faces.X)} images of 96x96 pixels with all 15 keypoints: "
            f"**{faces.provenance['label']}**. Their eyes are {np.mean(eyes):.1f} px apart on "
            f"average (standard deviation {np.std(eyes):.1f} px). The paper has 7049 images of "
            "Kaggle's for training, 2140 of them with all keypoints.")


def errors(sources, experiment, scores):
    """Sections 5.1, 5.2 and 5.4: validation errors of an experiment's nets.

    Parameters
    ----------
    sources : Sources
    experiment : str
    scores : str, what the paper reports
    """
    found = groups(sources, experiment)
    if not found:
        return missing(sources, experiment)
    rows = []
    for group in found:
        done = [run.summary for run in group.runs if run.summary]
        rows.append([
            group.name, describe(group.runs),
            group.best_valid_rmse_px.format(3),
            _whole(mean_sd(run.best_epoch for run in group.runs)),
            mean_sd(summary.get("mean_face_rmse_px") for summary in done).format(3),
            mean_sd(summary.get("valid_rmse_px_twin_in_train") for summary in done).format(3),
            mean_sd(summary.get("valid_rmse_px_no_twin") for summary in done).format(3),
            mean_sd(run.seconds_per_epoch for run in group.runs).format(3)])
    header = ["net", "runs", "validation RMSE, px", "best epoch", "mean face, px",
              "twin in training, px", "no twin, px", "seconds an epoch"]
    keep = [i for i in range(len(header)) if i < 5 or any(row[i] != "-" for row in rows)]
    return "\n\n".join([
        table([header[i] for i in keep], [[row[i] for i in keep] for row in rows]),
        f"{faces_of(found)} {scores} {NOT_COMPARABLE}"])


def optimizers(sources):
    """Section 5.3: which optimizer converges fastest, and where the losses end."""
    found = groups(sources, "optimizer-study")
    if not found:
        return missing(sources, "optimizer-study")
    losses = table(
        ["optimizer", "runs", "last training loss", "last validation loss", "best epoch, px"],
        [[group.name, describe(group.runs), group.final("train_loss").format(),
          group.final("valid_loss").format(), group.best_valid_rmse_px.format(3)]
         for group in found])
    speed = table(
        ["epochs to a validation loss of"] + [f"{level:g} ({mse_to_px(level):.1f} px)"
                                              for level in LEVELS],
        [[group.name] + [_epochs_to(group, level) for level in LEVELS] for group in found])
    return "\n\n".join([losses, speed, f"{faces_of(found)} {_fastest(found)} The paper: Adagrad "
                        f"converges fastest; its losses end at {PAPER_TRAIN} in training and "
                        f"{PAPER_VALID} in validation."])


def _epochs_to(group, level):
    """How many epochs the runs took to a validation loss; "-" if one of them never came there."""
    at = [reach(run, level) for run in group.runs]
    return "-" if None in at else _whole(mean_sd(found.epoch for found in at))


def _whole(epochs):
    """A mean number of epochs and its deviation, without decimals."""
    return f"{epochs.mean:.0f}" + (f" ± {epochs.sd:.0f}" if epochs.n > 1 else "")


def _fastest(found):
    """Who was first at the lowest level that two optimizers at least have come to."""
    for level in sorted(LEVELS):
        at = {group.name: [reach(run, level) for run in group.runs] for group in found}
        epochs = {name: np.mean([found.epoch for found in reached])
                  for name, reached in at.items() if None not in reached}
        if len(epochs) > 1:
            order = sorted(epochs, key=epochs.get)
            return (f"At a validation loss of {level:g} the first is **{order[0]}**, after "
                    f"{epochs[order[0]]:.0f} epochs; then " + ", ".join(
                        f"{name} ({epochs[name]:.0f})" for name in order[1:]) + ".")
    return "No two optimizers have come to a common loss level yet."


def dropout(sources):
    """Figure 6: does dropout narrow the gap between training and validation loss?"""
    found = {group.variant: group for group in groups(sources, "dropout-ablation")}
    lacking = [name for name in ("no-dropout", "dropout") if name not in found]
    if lacking:
        return (f"There is no run yet: "
                f"`{sources.command('dropout-ablation', ','.join(lacking))}`.")
    epoch = min(run.epochs for group in found.values() for run in group.runs)
    rows, gaps = [], {}
    for name in ("no-dropout", "dropout"):
        runs = found[name].runs
        train, valid, clean = (mean_sd(_at(run, column, epoch) for run in runs)
                               for column in ("train_loss", "valid_loss", "train_loss_clean"))
        gaps[name] = valid.mean / train.mean, valid.mean / clean.mean
        rows.append([name, describe(runs), train.format(), clean.format(), valid.format(),
                     f"{gaps[name][0]:.2f}", f"{gaps[name][1]:.2f}"])
    header = ["net", "runs", "training loss", "training loss, dropout off", "validation loss",
              "validation / training", "validation / training, dropout off"]
    verdicts = [("narrows" if gaps["dropout"][i] < gaps["no-dropout"][i] else "does not narrow")
                + f" the gap: {gaps['no-dropout'][i]:.2f} without, {gaps['dropout'][i]:.2f} with it"
                for i in (0, 1)]
    return "\n\n".join([
        f"At epoch {epoch}, the last one that all runs have:", table(header, rows),
        f"{faces_of(found.values())} As the paper measures it, with the training loss of the "
        f"batches, dropout **{verdicts[0]}**. Without dropout noise in the training loss it "
        f"**{verdicts[1]}**. (Gap: validation loss over training loss.)"])


def _at(run, column, epoch):
    """A column's last measured value up to an epoch; NaN if there is none."""
    values = run.history[column][:epoch]
    values = values[np.isfinite(values)] if column == "train_loss_clean" else values
    return float(values[-1]) if len(values) else float("nan")


def ingredients(sources):
    """Section 5.4: what batch normalization, mirror images and twins are worth, px."""
    found = {group.variant: group for group in groups(sources, "lenet-augmented")}
    both = found.get("split-then-mirror")
    if both is None:
        return missing(sources, "lenet-augmented")
    lines = [f"With batch normalization and mirror images: {_px(both)}."]
    for name, variant in (("batch normalization", "split-then-mirror-no-bn"),
                          ("mirror images", "no-mirror")):
        if variant in found:
            worth = found[variant].best_valid_rmse_px.mean - both.best_valid_rmse_px.mean
            lines.append(f"Without {name}: {_px(found[variant])}, {worth:+.2f} px.")
    leaky = found.get("mirror-then-split")
    if leaky is not None:
        leak = leaky.best_valid_rmse_px.mean - both.best_valid_rmse_px.mean
        lines.append(f"Mirrored before the split instead of after it: {_px(leaky)}, "
                     f"{leak:+.2f} px.")
        known = [run.summary for run in leaky.runs if run.summary
                 and "valid_rmse_px_no_twin" in run.summary]
        twin, none = (mean_sd(summary[f"valid_rmse_px_{name}"] for summary in known)
                      for name in ("twin_in_train", "no_twin"))
        if known:
            lines.append("There, images whose mirror image was trained on have an error of "
                         f"{twin.format(3)} px, the others {none.format(3)} px.")
    return "\n".join(f"* {line}" for line in lines)


def _px(group):
    return (f"{group.best_valid_rmse_px.format(3)} px in validation "
            f"({describe(group.runs)})")


def network(sources):
    """Which net's filters are shown (section 5.3)."""
    try:
        run = sources.first(CNN14, "weights.npz", CONV_WEIGHTS)
    except Missing as error:
        return f"There is no trained net yet: {error}."
    return (f"The net of {run.experiment}, fold {run.fold}, trained on {run.label}: best epoch "
            f"{run.best_epoch} of {run.epochs}, {run.best_valid_rmse_px:.2f} px in validation.")
