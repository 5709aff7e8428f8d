"""Train one run after the other, in this process."""
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
        from facekp.training import train  # slow to import; it reports faults of the engine now
        self.tables, self._train = tables, train

    def __call__(self, plan):
        """Train runs. If there is only one run, its error is raised, not returned."""
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
            # A net and its compiled functions are reference cycles of few but huge objects.
            # Python's collector runs too late for them: each 14-layer CNN would keep 300 MB.
            gc.collect()
        return failures
