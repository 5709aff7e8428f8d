"""What the runs say about each section of the paper, as Markdown with the runs' own numbers.

Each function takes :class:`facekp.report.sources.Sources` and returns text; where a run is missing or
unfinished, the text says so.
"""
import numpy as np

from facekp.analysis import statements
from facekp.nets.activations import CONV_WEIGHTS
from facekp.analysis.aggregate import group_runs, mean_sd, settled
from facekp.runs.read import of_experiment
from facekp.runs.checks import SIDES
from facekp.report.figures import describe
from facekp.report.sources import Missing

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
            _whole(mean_sd(run.best_epoch for run in settled(group.runs))),
            mean_sd(summary.get("mean_face_rmse_px") for summary in done).format(3),
            mean_sd(summary.get("valid_rmse_px_twin_in_train") for summary in done).format(3),
            mean_sd(summary.get("valid_rmse_px_no_twin") for summary in done).format(3),
            *(mean_sd(run.near_duplicates[side]["rmse_px"] for run in group.runs
                      if statements.has_near_duplicates(run)).format(3) for side in SIDES),
            mean_sd(run.seconds_per_epoch for run in settled(group.runs)).format(3)])
    header = ["net", "runs", "validation RMSE, px", "best epoch", "mean face, px",
              "twin in training, px", "no twin, px", "near-duplicate in training, px",
              "no near-duplicate, px", "seconds an epoch"]
    keep = [i for i in range(len(header)) if i < 5 or any(row[i] != "-" for row in rows)]
    return "\n\n".join([
        table([header[i] for i in keep], [[row[i] for i in keep] for row in rows]),
        f"{faces_of(found)} {scores} {NOT_COMPARABLE}"])


def search(sources):
    """Section 5.2: which learning rate and initial weights let VGGNet learn."""
    lines = statements.search(of_experiment(sources.runs, "vggnet-search"))
    return bullets(lines) if lines else missing(sources, "vggnet-search")


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
    answers = bullets(statements.optimizers([run for group in found for run in group.runs]))
    return "\n\n".join(filter(None, [
        losses, answers, f"{faces_of(found)} The paper: Adagrad converges fastest; its losses end "
        f"at {PAPER_TRAIN} in training and {PAPER_VALID} in validation."]))


def _whole(epochs):
    """A mean number of epochs and its deviation, without decimals."""
    return f"{epochs.mean:.0f}" + (f" ± {epochs.sd:.0f}" if epochs.n > 1 else "")


def dropout(sources):
    """Figure 6: does dropout narrow the gap between training and validation loss?"""
    runs = of_experiment(sources.runs, "dropout-ablation")
    variants = {run.variant for run in runs if run.epochs}
    lacking = [name for name in ("no-dropout", "dropout") if name not in variants]
    if lacking:
        return (f"There is no run yet: "
                f"`{sources.command('dropout-ablation', ','.join(lacking))}`.")
    return bullets(statements.dropout(runs)) + f"\n\n{faces_of(group_runs(runs))}"


def ingredients(sources):
    """Section 5.4: what batch normalization, mirror images and twins are worth, px."""
    runs = of_experiment(sources.runs, "lenet-augmented")
    if not any(run.epochs for run in runs):
        return missing(sources, "lenet-augmented")
    return bullets(statements.augmentation(runs, of_experiment(sources.runs, "lenet")))


def ranking(sources):
    """Are the nets ordered as the paper's scores order them?"""
    lines = statements.ranking(sources.runs)
    return f"{bullets(lines)}\n\n{NOT_COMPARABLE}" if lines else "Fewer than two nets so far."


def bullets(lines):
    """Sentences as a Markdown list."""
    return "\n".join(f"* {line}" for line in lines)


def network(sources):
    """Which net's filters are shown (section 5.3)."""
    try:
        run = sources.first(["cnn14", "optimizer-study/adagrad"], "weights.npz", CONV_WEIGHTS)
    except Missing as error:
        return f"There is no trained net yet: {error}."
    return (f"The net of {run.experiment}, fold {run.fold}, trained on {run.label}: best epoch "
            f"{run.best_epoch} of {run.epochs}, {run.best_valid_rmse_px:.2f} px in validation.")
