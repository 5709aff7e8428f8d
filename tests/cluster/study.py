"""A study for tests of the cluster: a tiny net, whose epochs last until a test lets them be short.

With ``STUDY_FOLDER``, each epoch adds a line to the file ``trace`` there (seed, process, epoch,
time), and lasts some seconds more until there is a file ``released-SEED``. So a test decides how
often a time limit cuts a run, and the speed of the machine does not.
"""
import os
import time
from pathlib import Path

from facekp.experiment import Experiment
from facekp.nets.registry import register
from facekp.settings import Settings

SLOW_SECONDS = 4


@register("tiny", batch_size=16)
def tiny(optimizer="adam", learning_rate=0.001, batch_size=16, seed=0, fused=True):
    from facekp.nets.parts import hidden, net
    from facekp.training import handlers
    from lasagne.layers import DenseLayer, DropoutLayer
    from lasagne.nonlinearities import tanh
    table = handlers.EpochTable.table

    def slow_table(self, net, history):
        if "STUDY_FOLDER" in os.environ:
            folder = Path(os.environ["STUDY_FOLDER"])
            with open(folder / "trace", "a") as trace:
                trace.write(f"{seed} {os.getpid()} {len(history)} {time.time()}\n")
            if not (folder / f"released-{seed}").exists():
                time.sleep(SLOW_SECONDS)
        return table(self, net, history)

    handlers.EpochTable.table = slow_table
    layers = hidden(DenseLayer, "dense1", batch_norm=False, num_units=16)
    layers += [(DropoutLayer, {"name": "dropout1", "p": 0.1})]
    return net(layers, tanh, optimizer, learning_rate, batch_size, seed, fused)


STUDY = Experiment("study", {"": Settings("tiny", batch_size=16, epochs=80)},
                   title="Six short runs")

if __name__ == "__main__":
    raise SystemExit(STUDY.main())
