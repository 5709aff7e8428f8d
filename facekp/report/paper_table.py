"""README's table of the nets, and results/README.md's table "paper | ours", from runs alone."""
from datetime import timedelta
from pathlib import Path

from facekp import files
from facekp.analysis.aggregate import group_runs, mean_sd, settled
from facekp.analysis.claims import across_nets, findings
from facekp.analysis.claims.nets import errors, measured, nets_of
from facekp.errors import ConfigError
from facekp.report import wording
from facekp.report.tables import Table, mean, number, one_line, text, versions
from facekp.runs.checks import SIDES
from facekp.runs.read import Collection, warning

BEGIN, END = "<!-- results: written by make results -->", "<!-- end of results -->"

CAVEAT = ("The paper's scores were measured on Kaggle's test images, two thirds of which were "
          "labelled by another scheme: they are not comparable with a validation error, ours or "
          "the paper's.")


# ---- README: one row per net ---------------------------------------------------------------------

def front(root, warn=warning):
    """README's part: the nets, what the claims came to, and a caveat."""
    collection = Collection(root, warn)
    return "\n\n".join(filter(None, [nets_table(collection).markdown(), in_short(collection),
                                     CAVEAT]))


def nets_table(collection):
    """The nets: the paper's score, our validation error, the leak-free one, and how many runs.

    The leak-free error is that of runs whose split keeps near-duplicates together; where there is
    none, the error on those images that have no near-duplicate in training.
    """
    rows, grouped = [], nets_of(collection, grouped=True)
    for label, (score, runs) in nets_of(collection).items():
        runs, apart = measured(runs), measured(grouped[label][1])
        leak_free = errors(apart) if apart else mean_sd(run.apart(SIDES[1]) for run in runs)
        rows.append([text(label), number(score), mean(errors(runs)), mean(leak_free),
                     text(f"{len(runs)} + {len(apart)}") if apart else number(len(runs))])
    return Table(("net", "the paper's score", "our validation RMSE, px", "leak-free, px", "runs"),
                 rows)


def in_short(collection):
    """What the claims came to, in three sentences; fewer where there are no runs to say so."""
    across = {finding.kind: finding for finding in across_nets(collection)}
    lines = []
    if "ranking" in across:
        order = list(across["ranking"].numbers["px"])
        lines.append("By our validation error the nets have "
                     f"{wording.order_words(across['ranking'])} as by the paper's scores: "
                     f"{order[0]} is best, {order[-1]} is last.")
    claims = {}
    for about in collection.side_by_side:
        for finding in findings(collection, about.name):
            if finding.verdict:
                claims.setdefault(finding.statement, []).append(finding)
    parts = [wording.verdicts(found) for found in claims.values()]
    if parts:
        lines.append("; ".join(parts) + ".")
    if "near-duplicates" in across:
        numbers = across["near-duplicates"].numbers
        lines.append(f"{wording.shares(numbers)} of the validation images show a person whom a "
                     "training image shows a moment earlier or later; *leak-free* is the error "
                     "without those.")
    return " ".join(lines)


def write(path, root, warn=warning):
    """Put the table of the nets between the markers of a Markdown file.

    Parameters
    ----------
    path : path
    root : path, of runs or results
    warn : callable taking a str

    Raises
    ------
    ConfigError
        If the file lacks the markers.
    """
    content = Path(path).read_text(encoding="utf-8")
    if content.count(BEGIN) != 1 or content.count(END) != 1:
        raise ConfigError(f"{path}: expected the lines {BEGIN} and {END}, once each, where the "
                          "table goes; put them back")
    before, rest = content.split(BEGIN)
    after = rest.split(END)[1]
    with files.replacing(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n\n{front(root, warn)}\n\n{END}{after}")


# ---- the paper's numbers beside ours -------------------------------------------------------------

def paper_and_ours(collection):
    """The paper's numbers beside ours, one row per number and group of runs."""
    rows = []
    for about in collection.side_by_side:
        for row in about.paper:
            groups = [group for group in group_runs(collection.of(about.name))
                      if group.variant == row["variant"]]
            for group in groups:
                name = f" ({group.name})" if len(groups) > 1 else ""
                ours = MEASURES.get(row["measure"], unknown)(group)
                rows.append([about.section, row["statement"] + name, ours, which(group),
                             how_far(group), group.label])
            if not groups:
                rows.append([about.section, row["statement"], "not run yet", "", "", ""])
    return Table(("section", "the paper", "ours", "runs", "epochs", "data"),
                 [list(map(text, row)) for row in rows])


def table(collection):
    """The table and the answers to the paper's claims, as Markdown."""
    across = across_nets(collection)
    return "\n\n".join(filter(None, [
        paper_and_ours(collection).markdown(),
        answered("Which net is best", [finding for finding in across
                                       if finding.kind != "near-duplicates"]),
        answered("Near-duplicates", [finding for finding in across
                                     if finding.kind == "near-duplicates"]),
        *(answered(heading(about), findings(collection, about.name))
          for about in collection.side_by_side)]))


def heading(about):
    """An experiment's title, with its section of the paper."""
    return (about.title or about.name) + (f" ({about.section})" if about.section else "")


def answered(title, found):
    """A title that says whose faces, and sentences; empty without any."""
    faces = dict.fromkeys(label for finding in found for label in finding.basis.faces)
    return found and f"{title}; {one_line(', '.join(faces))}:\n\n" + "\n".join(
        f"* {line}" for line in wording.sentences(found))


def rmse(group):
    """The best epoch's validation RMSE of a group."""
    faces = group.mean(lambda run: run.measured("mean_face_rmse_px"))
    mean_face = f" (mean face {faces.mean:.2f} px)" if faces.n else ""
    return f"validation RMSE {group.mean('best_valid_rmse_px').format()} px{mean_face}"


def last_loss(column):
    """A function that says a group's last loss."""
    return lambda group: (f"{wording.LOSSES[column]} "
                          f"{group.mean(lambda run: run.final(column)).format()}")


def time_taken(group):
    """How long the runs trained, in median epochs (pauses do not count), and on what."""
    runs = settled(group.runs)
    seconds = [run.epochs * run.seconds_per_epoch for run in runs]
    if not all(value >= 0 for value in seconds):  # NaN, too
        return "not measured"
    so_far = "" if all(run.complete for run in runs) else " so far"
    low, high = (str(timedelta(seconds=round(end(seconds)))) for end in (min, max))
    return (f"{low if low == high else f'{low} to {high}'} per run{so_far}, "
            f"{' or '.join(dict.fromkeys(machine(run.config) for run in runs))}")


def machine(config):
    """The threads and the processor that a run had."""
    threads, host = config.get("threads") or "?", config.get("host") or {}
    return f"{threads} thread{'s' * (threads != '1')} of {host.get('cpu') or 'a CPU'}"


def overfitted(group):
    """The last validation loss by the last training loss."""
    ratio = group.mean(lambda run: run.final("valid_loss") / run.final("train_loss")
                       if run.final("train_loss") else None)
    return f"validation loss {ratio.format(3)} times the training loss" if ratio.n else (
        "no ratio: training loss 0 or not measured")


def stopped(group):
    """After how many epochs patience was over."""
    epochs = [run.epochs for run in group.runs if run.stopped_by == "patience"]
    return f"stopped after {wording.span(epochs)} epochs" if epochs else "not stopped"


def unknown(group):
    """What a measure that nobody knows here, as of a later version, says."""
    return "measured in a way that is not known here"


MEASURES = {"valid_rmse_px": rmse, "train_loss": last_loss("train_loss"),
            "valid_loss": last_loss("valid_loss"), "loss_ratio": overfitted,
            "seconds": time_taken, "stopped": stopped}
"""What an experiment may name as the ``measure`` of a number of the paper's."""


def which(group):
    """How many seeds and folds a group's numbers are of, and whether one version made them."""
    runs = settled(group.runs)
    seeds, folds = {run.seed for run in runs}, {run.fold for run in runs}
    words = [f"{len(found)} {name}s" for name, found in (("seed", seeds), ("fold", folds))
             if len(found) > 1]
    return (", ".join(words) or f"seed {min(seeds)}, fold {min(folds)}") + versions(runs)


def how_far(group):
    """How many epochs the runs behind a number have, and whether they were cut short."""
    runs = settled(group.runs)
    words = wording.span(run.epochs for run in runs)
    if not all(run.complete for run in runs):
        words = f"cut short at epoch {words} of {runs[0].settings['epochs']}"
    others = [run for run in group.runs if run.diverged or run not in runs]
    return "; ".join([words] + [f"fold {run.fold} seed {run.seed} {run.state}" for run in others])
