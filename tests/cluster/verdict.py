"""What came of the six runs of the campaign."""
from collections import defaultdict

from faults import harness


class Verdict:
    """Compares the runs with undisturbed ones, and looks for those that were trained twice.

    Parameters
    ----------
    campaign : cluster.campaign.Campaign, at its end
    attempts : int, how often the command that waits was given

    Attributes
    ----------
    faults : list of str
    figures : str, a paragraph
    """

    def __init__(self, campaign, attempts):
        self.campaign, self.faults = campaign, list(campaign.faults)
        self._compare()
        rows = campaign.rows()
        processes = self._processes(rows)
        cuts = [campaign.cuts_of(seed) for seed in sorted(processes)]
        if min(cuts, default=0) < 2:
            self.faults.append(f"expected each run to be cut at least twice by its time limit, "
                               f"found {cuts}")
        if not campaign.on_lost_node:
            self.faults.append("no run was on the node whose slurmd was killed")
        minutes = (max(row[-1] for row in rows) - min(row[-1] for row in rows)) / 60
        counts = [len(spans) for spans in processes.values()]
        lost = len(campaign.on_lost_node)
        self.figures = (
            f"{len(cuts)} runs, {minutes:.0f} minutes from the first epoch to the last: the time "
            f"limit cut each {span(cuts)} times; on the lost node, there "
            f"{'was' if lost == 1 else 'were'} {lost}; {span(counts)} processes trained each, "
            "never two at a time; the command that waits was given "
            f"{'once' if attempts == 1 else f'{attempts} times'}, and once more at the end, when "
            "it trained nothing. All are complete, byte for byte as undisturbed.")
        if self.faults:
            print(campaign.log.read_text()[-6000:])
            for path in sorted(campaign.out.glob("cluster-jobs/*/*.out")):
                print(f"---- {path}", path.read_text()[-2000:], sep="\n")

    def _compare(self):
        undisturbed = self.campaign.folder / "undisturbed"
        runs = sorted(undisturbed.glob("study/**/fold0"))
        if len(runs) != 6:
            self.faults.append(f"expected 6 undisturbed runs, found {len(runs)}")
        for run in runs:
            twin = self.campaign.out / run.relative_to(undisturbed)
            if not (twin / "summary.json").exists():
                self.faults.append(f"{twin}: not complete")
            elif harness.differences(twin, harness.results(run)):
                self.faults.append(f"{twin}: differs: "
                                   f"{harness.differences(twin, harness.results(run))}")

    def _processes(self, rows):
        """Dict of seed -> list of (first, last) times of its processes; they must not overlap."""
        spans = defaultdict(dict)
        for seed, pid, _, at in rows:
            first, last = spans[seed].get(pid, (at, at))
            spans[seed][pid] = min(first, at), max(last, at)
        found = {seed: sorted(of_seed.values()) for seed, of_seed in spans.items()}
        for seed, ordered in found.items():
            if any(after[0] < before[1] for before, after in zip(ordered, ordered[1:])):
                self.faults.append(f"run {seed}: trained by two processes at a time")
        return found


def span(numbers):
    """The smallest and the largest, like "2 to 4"."""
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
