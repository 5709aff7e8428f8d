"""Findings in words: the one place that makes sentences of what runs say of a claim.

Summaries, the results page, the HTML report, notebooks and README take these.
"""
from facekp.data.splits import SAME
from facekp.runs.checks import SIDES

VERDICTS = {"holds": "holds", "in part": "holds in part", "not": "does not hold", "open": "is open"}
LOSSES = {"valid_loss": "validation loss", "train_loss": "training loss"}


def sentences(findings):
    """What findings say.

    Parameters
    ----------
    findings : iterable of facekp.analysis.claims.Finding

    Returns
    -------
    list of str, one or more sentences for each finding, without line breaks
    """
    lines = []
    for finding in findings:
        lines += WORDS[finding.kind](finding)
    for finding in findings:
        lines += _ended(finding.basis)
    return [" ".join(line.split()) for line in dict.fromkeys(lines)]


def verdict(finding):
    """``"Dropout narrows the gap" holds``; so far, if runs are unfinished."""
    so_far = " so far" if finding.basis.unfinished and finding.verdict != "open" else ""
    return f"\"{finding.statement}\" {VERDICTS[finding.verdict]}{so_far}"


def runs_of(basis, each=True, p=None, places=False):
    """What a finding rests on, in brackets: how many runs, their seeds and folds, and p."""
    words = [plural(basis.n, "run") + " each" * each]
    if places:
        words.append(seeds_and_folds(basis))
    if p is not None and p == p:
        words.append("p < 0.001" if p < .001 else f"p = {p:.2g}")
    return f" ({', '.join(words)}){_unfinished(basis)}"


def _unfinished(basis):
    sides = [f"{name} epoch {span(epochs)} of {total}"
             for name, (epochs, total) in basis.unfinished.items()]
    return f" (so far: {', '.join(sides)})" if sides else ""


def _ended(basis):
    """Which runs diverged or stood still, a sentence for each side."""
    return [f"{name}: {plural(len(epochs), 'run')} of {n} {words} {span(epochs)}."
            for found, words in ((basis.diverged, "diverged in epoch"),
                                 (basis.frozen, "learned nothing, to the last bit, after epoch"))
            for name, (epochs, n) in found.items()]


def _fastest(finding):
    if not finding.numbers:
        return [f"{verdict(finding)}: no fold has been trained by all."]
    numbers, loss = finding.numbers, LOSSES[finding.numbers["column"]]
    rate = numbers["rate"] and f", all at learning rate {numbers['rate']:g}" or ""
    until = numbers["until"] and f", up to epoch {numbers['until']}" or ""
    rests_on = f"{runs_of(finding.basis, places=True)}{rate}{until}"
    if not any(race.first for race in numbers["races"]):
        level = max(race.level for race in numbers["races"])
        return [f"{verdict(finding)}: no run has come to a {loss} of {level:g}{rests_on}."]
    lines = [f"Epochs to a {loss} of {race.level:g}: {_race(race)}." for race in numbers["races"]]
    rivals = [f"{listed(names)} {'needs' if len(names) == 1 else 'need'} {few} epochs to "
              f"{listed(f'{level:g}' for level in levels)}"
              for few, found in (("fewer", numbers["lost"]), ("as few", numbers["tied"]))
              for names, levels in found.items()]
    still = f"{plural(numbers['open'], 'level')} not decided yet"
    parts = [f"the fewest epochs to {numbers['won']} of {plural(numbers['decided'], 'level')}"
             ] * bool(numbers["decided"]) + rivals + [still] * bool(numbers["open"])
    return lines + [f"{verdict(finding)} by the {loss}: {'; '.join(parts)}{rests_on}."]


def _race(race):
    order = sorted(race.epochs, key=lambda name: race.epochs[name].mean)
    parts = [", ".join(f"{name} {race.epochs[name].format(3)}" + (
        f" ({race.seconds[name].format(3)} s)" if race.seconds else "") for name in order)]
    parts += [f"reached by {name} in {k} of {n} runs" for name, (k, n) in race.some.items()]
    parts += [f"{words} {listed(names)}" for words, names in (
        ("not reached by", race.never), ("not yet reached by", race.later),
        ("still open for", race.open)) if names]
    return "; ".join(filter(None, parts))


def _gap(finding):
    if not finding.numbers:
        return [f"{verdict(finding)}: no fold has been trained both ways."]
    numbers = finding.numbers
    when = f"after {plural(numbers['epoch'], 'epoch')}"
    by = ("training loss with dropout on, as the paper measures it" if numbers["noise"] else
          "training loss without dropout noise, on all training images")
    names, (without, with_) = numbers["sides"], numbers["gaps"]
    if not numbers["change"].n:
        return [f"{verdict(finding)} by the {by}: it was not measured, or is no number."]
    share = 1 - with_.mean / without.mean if min(with_.mean, without.mean) > 0 else 0
    size = f", {'narrower' if share > 0 else 'wider'} by {abs(share):.0%}" if share else ""
    lines = [f"{verdict(finding)} by the {by}: validation minus training loss "
             f"{without.format(3)} {names[0]}, {with_.format(3)} {names[1]}{size}, "
             + (when if numbers["noise"] else "with the best epoch's weights")
             + f"{runs_of(finding.basis, p=numbers['p'])}."]
    losses = ", ".join(f"{mean.format()} {name}"
                       for name, mean in zip(names, numbers["valid_loss"]))
    return lines + [f"Validation loss {when}: {losses}{runs_of(finding.basis)}."]


def _change(finding):
    numbers, basis = finding.numbers, finding.basis
    if not numbers:
        why = ("runs are unfinished" if basis.unfinished else "a net diverged in its first epoch")
        return [f"{finding.statement}: cannot be said yet, {why}{_unfinished(basis)}."]
    train = numbers["train"] and "; on its own training images {} px to {} px".format(
        *(side.format(4) for side in numbers["train"])) or ""
    return [f"{finding.statement}: {numbers['before'].format(4)} px to "
            f"{numbers['after'].format(4)} px, {_signed(numbers['change'])} px, "
            f"{numbers['direction'] or 'on other validation images'}"
            f"{runs_of(basis, p=numbers['p'])}{train}."]


def _signed(change):
    return f"{change.mean:+.3f}" + (f" ± {change.sd:.3f}" if change.n > 1 else "")


def _helpful(finding):
    steps = [f"{step.statement}: {step.numbers['direction']}"
             f"{runs_of(step.basis, p=step.numbers['p'])}" for step in finding.numbers["steps"]]
    return [f"{verdict(finding)} by the validation error: {'; '.join(steps)}."]


def _twin_leak(finding):
    numbers = finding.numbers
    unclear = ", no clear difference" * (numbers["direction"] == "no clear difference")
    return [f"Twin leak, {finding.statement}: {numbers['twin'].format()} px where the mirror image "
            f"was trained on, {numbers['other'].format()} px elsewhere, "
            f"{_signed(numbers['leak']).lstrip('+')} px apart{unclear}"
            f"{runs_of(finding.basis, False, numbers['p'])}."]


def _search(finding):
    numbers = finding.numbers
    mean_face = (f"; the mean face {numbers['mean_face'].format(4)} px" if numbers["mean_face"].n
                 else "")
    return [f"Validation RMSE within {span(numbers['epochs'])} epochs: {_errors(numbers['px'])}"
            f"{mean_face}{runs_of(finding.basis)}."]


def _errors(px, with_runs=False):
    return ", ".join(f"{name} {mean.format(4)} px" + (f" ({plural(mean.n, 'run')})" * with_runs)
                     for name, mean in px.items())


def _ranking(finding):
    numbers = finding.numbers
    left_out = numbers["left_out"] and (
        f"; left out, without a complete run: {listed(numbers['left_out'])}") or ""
    scores = ", ".join(f"{name} {score:g}" for name, score in numbers["scores"].items())
    return [f"By the paper's scores: {scores}.",
            f"By our validation RMSE, {order_words(finding)}: {_errors(numbers['px'], True)}"
            f"{left_out}."]


def order_words(finding):
    """Whether our nets have the order of the paper's."""
    return "the same order" if finding.verdict == "holds" else "not the same order"


def _same_images(finding):
    return [f"On the same validation images{runs_of(finding.basis, places=True)}: "
            f"{_errors(finding.numbers['px'])}."]


def _near_duplicates(finding):
    numbers = finding.numbers
    lines = [f"At least {shares(numbers)} of the validation images very probably show a person "
             "whom a training image shows a moment earlier or later (a chain of images whose "
             f"thumbnails correlate above {SAME:g}): a random split parts the frames of one recording."]
    for name, net in numbers["nets"].items():
        (near, face), (other, other_face) = (
            [mean.format() for mean in net[side]] for side in SIDES)
        lines.append(f"{name}: {near} px on them, {other} px on the other images; the mean face "
                     f"{face} and {other_face} px ({plural(numbers['n'][name], 'run')}).")
    return lines


def shares(numbers):
    """The lowest and the highest share of images with near-duplicates, in percent."""
    low, high = (f"{share:.0%}" for share in numbers["shares"])
    return low if low == high else f"{low} to {high}"


WORDS = {"fastest": _fastest, "gap": _gap, "change": _change, "helpful": _helpful,
         "twin leak": _twin_leak, "search": _search, "ranking": _ranking,
         "same images": _same_images, "near-duplicates": _near_duplicates}


# ---- numbers and names as text -------------------------------------------------------------------

def span(values):
    """Whole numbers as text: "500", or "77 to 94"."""
    values = list(values)
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"


def plural(n, word):
    """A number and its noun: "1 epoch", "2 epochs"."""
    return f"{n} {word}" + "s" * (n != 1)


def listed(words):
    """Words as an enumeration: "a", "a and b", "a, b and c"."""
    words = list(words)
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def seeds_and_folds(basis):
    """The seeds and folds of runs, as "seed 0, folds 0 and 1"."""
    return ", ".join(f"{name}{'s' * (len(numbers) > 1)} {listed(map(str, numbers))}"
                     for name, numbers in (("seed", basis.seeds), ("fold", basis.folds)))


def state(runs):
    """How far runs are: one word where all are complete."""
    several, notes = len(runs) > 1, []
    for run in runs:
        where = (f"fold {run.fold}" + f" seed {run.seed}" * bool(run.seed) + " ") * several
        if run.state != "complete":
            left_out = " (left out of the means)" * (
                not run.complete and any(other.complete for other in runs))
            notes.append(f"{where}{run.state}{left_out}")
        if run.complete and run.frozen_since is not None:
            notes.append(f"{where}frozen since epoch {run.frozen_since}")
    return "; ".join(notes) or "complete"


def verdicts(found):
    """What several findings of one claim come to: ``"A" holds by the validation loss and holds in
    part by the training loss``."""
    by = {}
    for finding in found:
        by.setdefault(VERDICTS[finding.verdict], []).append(MEASURED[finding.kind](finding))
    if len(by) == 1:
        return f"\"{found[0].statement}\" {next(iter(by))}"
    return f"\"{found[0].statement}\" " + " and ".join(
        f"{words} by the {listed(measures)}" for words, measures in by.items())


MEASURED = {"fastest": lambda finding: LOSSES.get(finding.numbers.get("column")),
            "gap": lambda finding: ("training loss with dropout on" if finding.numbers.get("noise")
                                    else "training loss without dropout noise"),
            "helpful": lambda finding: "validation error"}
"""By the kind of a claim, what it was measured by."""
