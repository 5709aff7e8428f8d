"""A study for tests of the cluster: a small net, whose epochs last as long as the test says.

``STUDY_SECONDS`` are added to each epoch, so that a busy machine cuts a run no more often than an
idle one; ``STUDY_TRACE`` names a file that gets a line for each epoch: seed, process, epoch, time.
"""
import os
import time

from facekp.experiment import Experiment
from facekp.nets.registry import register
from facekp.settings import Settings


@register("slow-lenet5", batch_size=16)
def slow_lenet5(optimizer="adam", learning_rate=0.001, batch_size=16, seed=0, fused=True):
    from facekp.nets.lenet import lenet5
    from facekp.training import handlers
    table = handlers.EpochTable.table

    def slow_table(self, net, history):
        if "STUDY_TRACE" in os.environ:
            with open(os.environ["STUDY_TRACE"], "a") as trace:
                trace.write(f"{seed} {os.getpid()} {len(history)} {time.time()}\n")
        time.sleep(float(os.environ.get("STUDY_SECONDS", 0)))
        return table(self, net, history)

    handlers.EpochTable.table = slow_table
    return lenet5("classic", optimizer=optimizer, learning_rate=learning_rate,
                  batch_size=batch_size, seed=seed, fused=fused)


STUDY = Experiment("study", {"": Settings("slow-lenet5", batch_size=16, epochs=90)},
                   title="Six short runs")

if __name__ == "__main__":
    raise SystemExit(STUDY.main())
