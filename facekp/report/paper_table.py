"""README's table "paper | ours", from runs alone."""
from pathlib import Path

from facekp import files
from facekp.analysis.aggregate import group_runs, mean_sd, settled
from facekp.errors import ConfigError
from facekp.text import clock
from facekp.runs.read import experiment_runs, find_runs, labels, on_photographs, warning
from facekp.analysis.statements import SCORES, has_near_duplicates, near_duplicates, ranking, span
from facekp.report.summary import answers

BEGIN, END = "<!-- results: written by make results -->", "<!-- end of results -->"

NOTE = """\
* Ours is the lowest error, of all epochs, on validation images that the net was not trained on;
  since the epoch is chosen by them, and some have near-duplicates in training (below), it is
  optimistic. A seed sets the split, the initial weights and the batches; ± is the standard
  deviation over seeds and folds. *Mean face*: the error of predicting the training images' mean
  keypoints for every face.
* The paper's scores were measured on Kaggle's test images, two thirds of which were labelled by
  another scheme: they are not comparable with a validation error, ours or the paper's.
* *Fair protocol* (`split-then-mirror`): the training images are mirrored after the split; *the
  paper's protocol* (`mirror-then-split`): all images are mirrored before it, so that most
  validation images have their *twin*, their mirror image, in training. Variants with batch
  normalization have no `-no-bn` in their names.
* Losses are mean squared errors of the scaled targets in the last epoch: of the training images
  while the weights moved, of the validation images at its end.
* Times are epochs times the run's median epoch, without pauses; runs that trained side by side
  slowed each other. Seconds of optimizers are compared where the same code ran on the same kind
  of machine.
* p is of a two-sided t test of the paired runs, corrected for their common training images
  (Nadeau & Bengio 2003), not for the number of comparisons; "better", "worse" and "clear": p <
  0.05. What rests on one run each says so."""


def rmse(group):
    """The best epoch's validation RMSE of a group."""
    faces = [run.summary["mean_face_rmse_px"] for run in settled(group.runs)
             if run.complete and run.summary.get("mean_face_rmse_px")]
    mean_face = f" (mean face {mean_sd(faces).mean:.2f} px)" if faces else ""
    return f"validation RMSE {group.best_valid_rmse_px.format()} px{mean_face}"


def last_loss(column):
    """A function that says a group's last loss."""
    words = {"train_loss": "training loss", "valid_loss": "validation loss"}[column]
    return lambda group: f"{words} {group.final(column).format()}"


def time_taken(group):
    """How long the runs trained, in median epochs (pauses do not count), and on what."""
    runs = settled(group.runs)
    seconds = [run.epochs * run.seconds_per_epoch for run in runs]
    if not all(value >= 0 for value in seconds):  # NaN, too
        return "not measured"
    so_far = "" if all(run.complete for run in runs) else " so far"
    low, high = clock(min(seconds)), clock(max(seconds))
    return (f"{low if low == high else f'{low} to {high}'} a run{so_far}, "
            f"{' or '.join(dict.fromkeys(machine(run.config) for run in runs))}")


def machine(config):
    """The threads and the processor that a run had."""
    threads, host = config.get("threads") or "?", config.get("host") or {}
    return f"{threads} thread{'s' * (threads != '1')} of {host.get('cpu') or 'a CPU'}"


def overfitted(group):
    """The last validation loss by the last training loss."""
    losses = [(run.final("valid_loss"), run.final("train_loss")) for run in settled(group.runs)]
    ratio = mean_sd(valid / train for valid, train in losses if train)
    return f"validation loss {ratio.format(3)} times the training loss" if ratio.n else (
        "no ratio: training loss 0 or not measured")


def stopped(group):
    """After how many epochs patience was over."""
    epochs = [run.epochs for run in group.runs
              if run.complete and run.summary.get("stopped_by") == "patience"]
    return f"stopped after {span(epochs)} epochs" if epochs else "not stopped"


ROWS = (
    ("5.1", "LeNet-5: score 3.35", "lenet", "", rmse),
    ("5.1", "training took about 2 hours on 8 cores", "lenet", "", time_taken),
    ("5.2", "VGGNet: score 3.12", "vggnet", "", rmse),
    ("5.2", "training took 6 hours", "vggnet", "", time_taken),
    ("5.3", "500 epochs took roughly 7 hours", "optimizer-study", "adagrad", time_taken),
    ("5.3", "without dropout, Adagrad: training loss 0.0002058", "optimizer-study", "adagrad",
     last_loss("train_loss")),
    ("5.3", "without dropout, Adagrad: validation loss 0.0010208", "optimizer-study", "adagrad",
     last_loss("valid_loss")),
    ("5.3", "without dropout, Adagrad: overfitted (validation loss 4.96 times the training loss)",
     "optimizer-study", "adagrad", overfitted),
    ("5.3", "14-layer CNN without dropout, Adagrad", "optimizer-study", "adagrad", rmse),
    ("5.3", "14-layer CNN with dropout, Adagrad: score 3.07730", "dropout-ablation", "dropout",
     rmse),
    ("5.4", "LeNet-5, batch normalization, mirror images: score 3.02; fair protocol",
     "lenet-augmented", "split-then-mirror", rmse),
    ("5.4", "the same; the paper's protocol", "lenet-augmented", "mirror-then-split", rmse),
    ("5.4", "stopped after 121 epochs; fair protocol", "lenet-augmented", "split-then-mirror",
     stopped),
    ("5.4", "stopped after 121 epochs; the paper's protocol", "lenet-augmented",
     "mirror-then-split", stopped),
    ("5.4", "training took 15 hours; the paper's protocol", "lenet-augmented",
     "mirror-then-split", time_taken),
)
"""Section, the paper's statement, experiment, variant, and a function of Group that says ours."""


def table(root, warn=warning):
    """The table and the answers to the paper's statements.

    Parameters
    ----------
    root : path, of runs or results
    warn : callable taking a str

    Returns
    -------
    str, Markdown
    """
    lines = ["| section | the paper | ours | runs | epochs | data |",
             "| --- | --- | --- | --- | --- | --- |"]
    for section, statement, experiment, variant, measure in ROWS:
        found = [group for group in group_runs(experiment_runs(root, experiment, warn))
                 if group.variant == variant and any(run.epochs for run in group.runs)]
        for group in found:
            name = f" ({group.name})" if len(found) > 1 else ""
            cells = [section, statement + name, measure(group), which(group), how_far(group),
                     group.label]
            lines.append("| " + " | ".join(map(cell, cells)) + " |")
        if not found:
            lines.append(f"| {section} | {statement} | not run yet | | | |")
    parts = [NOTE, "\n".join(lines)]
    runs = on_photographs(find_runs(root, warn))
    parts.append(answered("Which net is best", ranking(runs), [
        run for run in runs if run.experiment in [net[2] for net in SCORES]]))
    parts.append(answered("Near-duplicates", near_duplicates(runs),
                          filter(has_near_duplicates, runs)))
    for title, name in (("VGGNet's learning rate and initial weights (5.2)", "vggnet-search"),
                        ("Which optimizer is fastest (5.3)", "optimizer-study"),
                        ("Dropout (5.3, figure 6)", "dropout-ablation"),
                        ("Mirror images and batch normalization (5.4)", "lenet-augmented")):
        runs = experiment_runs(root, name, warn)
        parts.append(answered(title, answers(root, name, runs), runs))
    return "\n\n".join(filter(None, parts))


def cell(text):
    """Text as it may stand in a cell of a Markdown table, whatever a label or a variant holds."""
    return one_line(text).replace("\\", "\\\\").replace("|", "\\|")


def one_line(text):
    """Text with spaces for line breaks."""
    return " ".join(text.splitlines())


def answered(title, lines, runs):
    """A title that says whose faces, and sentences; empty without any."""
    return lines and f"{title}; {one_line(labels(runs))}:\n\n" + "\n".join(
        f"* {one_line(line)}" for line in lines)


def which(group):
    """How many seeds and folds a group's numbers are of, and whether one code made them."""
    runs = settled(group.runs)
    seeds, folds = {run.seed for run in runs}, {run.fold for run in runs}
    words = [f"{len(found)} {name}s" for name, found in (("seed", seeds), ("fold", folds))
             if len(found) > 1]
    codes = len({run.config.get("code") for run in runs})
    return (", ".join(words) or f"seed {min(seeds)}, fold {min(folds)}") + (
        f", {codes} versions of the code" if codes > 1 else "")


def how_far(group):
    """How many epochs the runs behind a number have, and whether they were cut short."""
    runs = settled(group.runs)
    words = span(run.epochs for run in runs)
    if not all(run.complete for run in runs):
        words = f"cut short at epoch {words} of {runs[0].settings['epochs']}"
    others = [run for run in group.runs if run.diverged or run not in runs]
    return "; ".join([words] + [f"fold {run.fold} seed {run.seed} {run.state}" for run in others])


def write(path, root):
    """Put the table between the markers of a Markdown file.

    Parameters
    ----------
    path : path
    root : path, of runs or results

    Raises
    ------
    ConfigError
        If the file lacks the markers.
    """
    text = Path(path).read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ConfigError(f"{path}: expected the lines {BEGIN} and {END}, once each, where the "
                          "table goes; put them back")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with files.replacing(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n\n{table(root)}\n\n{END}{after}")
