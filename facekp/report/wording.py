"""Findings in words: the one place that makes sentences of what runs say of a claim.

Summaries, the results page, the HTML report, notebooks and README take these. Each kind of finding
has one template.
"""
from facekp.data.splits import SAME

VERDICTS = {"holds": "holds", "in part": "holds in part", "not": "does not hold", "open": "is open"}
ORDER = {"holds": "in the same order as", "not": "in another order than"}
LOSSES = {"valid_loss": "validation loss", "train_loss": "training loss"}

MEASURED = {"fastest": lambda numbers: LOSSES[numbers["column"]],
            "gap": lambda numbers: ("training loss with dropout on" if numbers["noise"] else
                                    "training loss without dropout noise"),
            "helpful": lambda numbers: "validation error"}
"""By the kind of a claim, what it was measured by."""


def sentences(findings):
    """list of str, what findings say: one or more sentences each, without line breaks."""
    lines = []
    for finding in findings:
        lines += (WORDS[finding.kind](finding) if finding.numbers else
                  [_said(finding, "there is nothing to compare yet")])
    return [" ".join(line.split()) for line in dict.fromkeys(lines)]


def verdicts(findings):
    """What findings come to, a str for each statement that has a verdict: ``"A" holds``, or where
    measures differ ``"A" holds by the validation loss and is open by the training loss``."""
    found = {}
    for finding in findings:
        if finding.verdict:
            found.setdefault(finding.statement, []).append(finding)
    return [f"\"{statement}\" " + listed(dict.fromkeys(
        _verdict(finding, len({finding.verdict for finding in several}) > 1)
        for finding in several)) for statement, several in found.items()]


def _verdict(finding, measure=True):
    by = (f" by the {MEASURED[finding.kind](finding.numbers)}" if finding.numbers and measure
          else "")
    return f"{VERDICTS[finding.verdict]}{by}"


def _said(finding, found, **rests_on):
    """A statement with its verdict, what was found, and the runs that it rests on."""
    words = f"\"{finding.statement}\" {_verdict(finding)}" if finding.verdict else finding.statement
    return f"{words}: {found}{runs_of(finding.basis, finding.numbers.get('p'), **rests_on)}."


def runs_of(basis, p=None, places=False):
    """What a finding rests on, in brackets: how many runs, their seeds and folds, and p."""
    words = [f"{plural(basis.n, 'run')} each"]
    if places:
        words += [f"{name}{'s' * (len(numbers) > 1)} {listed(map(str, numbers))}"
                  for name, numbers in (("seed", basis.seeds), ("fold", basis.folds))]
    if p is not None and p == p:  # no NaN, of a single pair
        words.append("p < 0.001" if p < .001 else f"p = {p:.2g}")
    return f" ({', '.join(words)})"


def _fastest(finding):
    numbers = finding.numbers
    parts = [f"the fewest epochs to {numbers['won']} of {plural(numbers['decided'], 'level')}"]
    parts += [f"{words} epochs to {listed(f'{level:g}' for level in levels)}: {listed(names)}"
              for words, found in (("fewer", numbers["lost"]), ("as few", numbers["tied"]))
              for names, levels in found.items()]
    parts += [words.format(numbers[name]) for name, words in (
        ("rate", "all at learning rate {:g}"),
        ("until", "up to epoch {}")) if numbers[name]]
    return [_said(finding, "; ".join(parts), places=True)]


def _gap(finding):
    numbers = finding.numbers
    names, (without, with_) = numbers["sides"], numbers["gaps"]
    when = f"after {plural(numbers['epoch'], 'epoch')}"
    how = (f"{when}, as the paper measures it" if numbers["noise"] else
           "of the best epoch's weights, on all training images")
    share = 1 - with_.mean / without.mean if min(with_.mean, without.mean) > 0 else 0
    size = f", {'narrower' if share > 0 else 'wider'} by {abs(share):.0%}" if share else ""
    losses = ", ".join(f"{loss.format()} {name}"
                       for name, loss in zip(names, numbers["valid_loss"]))
    return [_said(finding, f"validation minus training loss {without.format(3)} {names[0]}, "
                  f"{with_.format(3)} {names[1]}{size}, {how}"),
            f"Validation loss {when}: {losses}{runs_of(finding.basis)}."]


def _change(finding):
    numbers, change = finding.numbers, finding.numbers["change"]
    spread = f" ± {change.sd:.3f}" if change.n > 1 else ""
    train = " (on its own training images {} px to {} px)".format(
        *(side.format() for side in numbers["train"])) if numbers["train"] else ""
    return [_said(finding, f"{numbers['before'].format()} px to {numbers['after'].format()} px"
                  f"{train}, {change.mean:+.3f}{spread} px, "
                  f"{numbers['direction'] or 'on other validation images'}")]


def _helpful(finding):
    steps = [f"{step.statement}: {step.numbers['direction']}"
             f"{runs_of(step.basis, step.numbers['p'])}" for step in finding.numbers["steps"]]
    return [f"\"{finding.statement}\" {_verdict(finding)}: {'; '.join(steps)}."]


def _errors(px):
    return ", ".join(f"{name} {mean.format()} px" for name, mean in px.items() if mean.n)


def _ranking(finding):
    numbers = finding.numbers
    scores = ", ".join(f"{name} {score:g}" for name, score in numbers["scores"].items())
    px = {f"{name} ({plural(mean.n, 'run')})": mean for name, mean in numbers["px"].items()}
    left_out = (f"; left out, without a complete run: {listed(numbers['left_out'])}"
                if numbers["left_out"] else "")
    return [f"By the paper's scores: {scores}.",
            f"By our validation RMSE, {ORDER[finding.verdict]} by these: {_errors(px)}{left_out}."]


def _same_images(finding):
    return [f"On the same validation images{runs_of(finding.basis, places=True)}: "
            f"{_errors(finding.numbers['px'])}."]


def _near_duplicates(finding):
    return [f"At least {shares(finding.numbers)} of the validation images have a near-duplicate in "
            f"training (thumbnails correlate above {SAME:g})."]


def shares(numbers):
    """The lowest and the highest share of images with near-duplicates, in percent."""
    low, high = (f"{share:.0%}" for share in numbers["shares"])
    return low if low == high else f"{low} to {high}"


WORDS = {"fastest": _fastest, "gap": _gap, "change": _change, "helpful": _helpful,
         "ranking": _ranking, "same images": _same_images, "near-duplicates": _near_duplicates}


def span(values, shown=str):
    """Numbers as text: "500", or "77 to 94"; `shown` makes text of one."""
    values = list(values)
    low, high = shown(min(values)), shown(max(values))
    return low if low == high else f"{low} to {high}"


def plural(n, word):
    """A number and its noun: "1 epoch", "2 epochs"."""
    return f"{n} {word}" + "s" * (n != 1)


def listed(words):
    """Words as an enumeration: "a", "a and b", "a, b and c"."""
    words = list(words)
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def state(runs):
    """How far runs are: of all together where all are complete."""
    notes = []
    for run in runs:
        where = f"fold {run.fold}{f' seed {run.seed}' * bool(run.seed)} " * (len(runs) > 1)
        if run.state != "complete":
            left_out = not run.complete and any(other.complete for other in runs)
            notes.append(f"{where}{run.state}" + " (left out of the means)" * left_out)
        if run.complete and run.frozen_since is not None:
            notes.append(f"{where}frozen since epoch {run.frozen_since}")
    early = all(run.stopped_by == "patience" for run in runs)
    return "; ".join(notes) or "complete" + ", stopped early" * early
