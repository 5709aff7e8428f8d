"""Which net is best, and how many images have near-duplicates in training."""
import numpy as np

from facekp.analysis.aggregate import mean_sd
from facekp.analysis.pairs import HOLDS, NOT, Basis, Finding, paired, sides_of
from facekp.runs.checks import SIDES


def errors(runs):
    """MeanSd of the best epochs' validation RMSE, px."""
    return mean_sd(run.best_valid_rmse_px for run in runs)


def by_error(px):
    """A dict of name -> MeanSd, lowest first, those without a number last."""
    return dict(sorted(px.items(), key=lambda item: (item[1].n == 0, item[1].mean)))


def nets_of(collection, grouped=False):
    """The nets that are compared, by label: the paper's score (float or None), and their runs.

    Runs (list of RunResult) are those that have an epoch, but for those started beside another one;
    if `grouped`, those whose split keeps near-duplicates together. Nets with a score come first,
    the best before the others.
    """
    rows = [(net["label"], net.get("score"), about.name, net["variant"])
            for about in collection.side_by_side for net in about.nets]
    rows.sort(key=lambda row: (row[1] is None, row[1] or 0))
    drawn = all(run.synthetic for run in collection.all_runs)
    return {label: (score, [
        run for run in collection.of(name) if run.attempt == 1 and run.base == variant
        and run.synthetic == drawn and (run.settings["split"] == "grouped") == grouped])
        for label, score, name, variant in rows}


def measured(runs):
    """Those runs that are complete, with a validation error that is a number."""
    return [run for run in runs if run.complete and np.isfinite(run.best_valid_rmse_px)]


def across_nets(collection):
    """What all experiments together say: the order of the nets, and near-duplicates."""
    return ranking(collection) + near_duplicates(collection)


def ranking(collection):
    """Are the nets ordered as the paper's scores order them? (abstract, section 5)

    A finding of kind "ranking", if two nets with a score have complete runs. Numbers: ``scores``
    (dict of label -> float), ``px`` (dict of label -> MeanSd), both best first; ``left_out``
    (labels of nets without a complete run). And one of kind "same images", if the nets have runs
    with the same seed and fold. Numbers: ``px``, of these.
    """
    nets = nets_of(collection)
    scored = {label: measured(runs) for label, (score, runs) in nets.items() if score is not None}
    done = {label: runs for label, runs in scored.items() if runs}
    found = []
    if len(done) > 1:
        px = by_error({label: errors(runs) for label, runs in done.items()})
        found.append(Finding(
            "ranking", "the order of the nets", HOLDS if list(px) == list(done) else NOT, {
                "scores": {label: nets[label][0] for label in done}, "px": px,
                "left_out": [label for label, runs in scored.items()
                             if not runs and nets[label][1]]}, Basis.of(done)))
        sides = {label: measured(runs) for label, (_, runs) in nets.items()}
        sides = paired({label: runs for label, runs in sides.items() if runs})
        if all(sides.values()):
            found.append(Finding("same images", "", "", {"px": by_error(
                {label: errors(runs) for label, runs in sides.items()})}, Basis.of(sides)))
    return found


def near_duplicates(collection, experiment=None):
    """How many validation images have a near-duplicate in training: of the complete runs of an
    experiment, or of all nets.

    Numbers: ``shares`` (lowest and highest share of images that have one).
    """
    sides = (sides_of(collection, experiment) if experiment else
             {label: runs for label, (_, runs) in nets_of(collection).items()})
    shares = [run.apart(SIDES[0], "n") / sum(run.apart(side, "n") for side in SIDES)
              for runs in sides.values() for run in measured(runs)
              if run.attempt == 1 and np.isfinite([run.apart(side) for side in SIDES]).all()]
    return [Finding("near-duplicates", "", "", {"shares": [min(shares), max(shares)]})
            ] if shares else []
