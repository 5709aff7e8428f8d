"""One run after the other, in this process."""
import gc
import sys
import traceback

from facekp.errors import FacekpError
from facekp.experiment.guard import worded
from facekp.text import shown


class InTurn:
    """A launcher (:mod:`facekp.experiment.launch`).

    Parameters
    ----------
    tables : (facekp.data.Training, facekp.data.Test, facekp.data.Lookup)
    """

    def __init__(self, tables):
        from facekp.training.train import train  # slow, and a fault of the engine is told here
        self.tables, self._train = tables, train

    def __call__(self, plan):
        """Train runs; the error of an only run is raised instead of being returned."""
        failures = {}
        for run, settings in plan:
            try:
                self._train(run, settings, *self.tables)
            except BrokenPipeError:
                raise
            except Exception as error:
                if len(plan) == 1:
                    raise
                if not isinstance(error, (FacekpError, OSError, MemoryError)):
                    traceback.print_exc()
                failures[run] = worded(error)
                print(f"{run.folder}: failed: {shown(failures[run], 4000)}", file=sys.stderr)
            # A net and its compiled functions are cycles of few but huge objects: Python's own
            # collector does not come round to them, and each 14-layer CNN would keep 300 MB.
            gc.collect()
        return failures
