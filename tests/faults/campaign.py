"""Kills training processes at random moments until there were enough; writes the figures.

    PYTHONPATH=.:tests python -m faults.campaign [--kills 200] [--jobs N] [--minutes N]

All configurations get the same number of kills. Each is trained once undisturbed, then killed and
restarted until it ends, over and over. Stopped at any moment, the same command goes on. The figures
are in docs/reliability.json, from which :mod:`faults.report` makes the tables.
"""
import argparse
import json
import os
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from facekp import files
from facekp.runs import provenance
from faults import configurations, figures, harness


class Campaign:
    """The kills of one configuration, and what they did.

    Parameters
    ----------
    name : str, of the configuration
    work : Path, where its runs, its data and its state are
    """

    def __init__(self, name, work):
        self.name, self.key, self.data = name, f"KILLED/{name}", work / "data"
        self.folder = work / name.replace(" ", "-").replace(",", "")
        self.state_file = self.folder / "state.json"
        revision = provenance.git_state()["revision"]
        self.state = {"code": revision, "attempts": 0, "safe": 0, "figures": {
            "kills": {}, "runs": 0, "differing": [], "epochs_lost": 0, "damaged": 0,
            "failures": []}}
        if self.state_file.exists():
            found = files.read_json(self.state_file)
            if found["code"] == self.state["code"]:
                self.state = found
            else:  # other code: the undisturbed run is of no use
                shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def figures(self):
        return self.state["figures"]

    @property
    def kills(self):
        return sum(self.figures["kills"].values())

    def undisturbed(self):
        """Results, moments passed and seconds of a run that nobody disturbs."""
        out, log = self.folder / "undisturbed", self.folder / "undisturbed.log"
        if "passed" not in self.state:
            shutil.rmtree(out, ignore_errors=True)
            done = harness.attempt(self.key, self.data, out, log)
            if done.code != 0:
                sys.exit(f"{self.name}: the undisturbed run ended with {done.code}:\n"
                         f"{done.output}")
            self.state.update(passed=done.passed, seconds=done.seconds)
            self.keep()
        return (harness.results(configurations.run_folder(self.key, out)),
                self.state["passed"], self.state["seconds"])

    def keep(self):
        files.write_json(self.state_file, self.state)

    def step(self, ending=False):
        """Start one process; kill it unless the run is to end now."""
        expected, passed, seconds = self.undisturbed()
        state, out = self.state, self.folder / "run"
        state["attempts"] += 1
        random = np.random.RandomState([*self.name.encode(), state["attempts"]])
        moment = None if ending else harness.draw(random, passed, state["safe"], seconds)
        done = harness.attempt(self.key, self.data, out, self.folder / "log", moment)
        if done.went_on is not None or done.saved:
            went_on = done.went_on or 0
            self.figures["epochs_lost"] += max(0, state["safe"] - went_on)
            state["safe"] = max(went_on, done.saved)
        self.figures["damaged"] += done.output.count("cannot be used")
        if done.code == -signal.SIGKILL and done.struck_at:
            self.figures["kills"][done.struck_at] = (
                self.figures["kills"].get(done.struck_at, 0) + 1)
        elif done.code == 0:
            folder = configurations.run_folder(self.key, out)
            self.figures["differing"] += harness.differences(folder, expected)
            self.figures["runs"] += 1
            shutil.rmtree(out)
            state["safe"] = 0
        else:
            self.figures["failures"].append(f"exit code {done.code}: {done.output[-500:]}")
            shutil.rmtree(out)
            state["safe"] = 0
        self.keep()
        return done

    def finished(self, kills):
        """Whether it was killed that often, and ended after the last kill."""
        return self.kills >= kills and not (self.folder / "run").exists()


def main(argv=None):
    parser = argparse.ArgumentParser(prog="faults.campaign", description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=200, help="of all configurations together")
    parser.add_argument("--work", type=Path, default=Path("runs/faults"), metavar="FOLDER")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at once")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after so long")
    options = parser.parse_args(argv)
    options.work = options.work.resolve()
    configurations.write_data(options.work / "data")
    each = -(-options.kills // len(configurations.KILLED))
    deadline = time.monotonic() + 60 * options.minutes
    campaigns = {name: Campaign(name, options.work) for name in configurations.KILLED}
    while time.monotonic() < deadline:
        going = [c for c in campaigns.values() if not c.finished(each)]
        if not going:
            break
        # those that have the fewest kills, so that a stopped campaign has some of all
        chosen = sorted(going, key=lambda c: c.kills)[:options.jobs]
        with ThreadPoolExecutor(options.jobs) as pool:
            attempts = list(pool.map(lambda c: c.step(ending=c.kills >= each), chosen))
        for campaign, done in zip(chosen, attempts):
            print(f"{time.strftime('%H:%M:%S')} {campaign.name}: "
                  f"{done.struck_at or 'ended with %d' % done.code} after {done.seconds:.1f} s")
        print(f"{sum(c.kills for c in campaigns.values())} kills, "
              f"{sum(c.figures['runs'] for c in campaigns.values())} runs", flush=True)
    print("enough kills" if not going else "stopped; the same command goes on")
    figures.write("kills", {name: campaign.figures for name, campaign in campaigns.items()})
    print(json.dumps({name: c.figures for name, c in campaigns.items()}, indent=1))
    bad = [name for name, c in campaigns.items() if c.figures["differing"] or
           c.figures["epochs_lost"] or c.figures["damaged"] or c.figures["failures"]]
    return f"lost or differing: {', '.join(bad)}" if bad else 0


if __name__ == "__main__":
    sys.exit(main())
