"""What all tests share: settings that do not depend on the user's, and fixed seeds."""

import gc
import os
import sys

# Before anything imports Theano: a test's numbers must not depend on the user's settings.
for name in ("THEANO_FLAGS", "FACEKP_DEVICE", "FACEKP_FUSED", "FACEKP_MALLOC"):
    os.environ.pop(name, None)
# nor a `make` that a test starts on the variables given to `make test`
for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARGS"):
    os.environ.pop(name, None)
os.environ["THEANORC"] = os.devnull
os.environ.setdefault("MPLBACKEND", "agg")

from facekp.machine import usable_cores  # noqa: E402

# Processes side by side (`make test`) share the cores; some tests are of threads and need two.
_threads = max(2, usable_cores() // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)))
if _threads < usable_cores():
    os.environ.setdefault("OMP_NUM_THREADS", str(_threads))

import numpy as np  # noqa: E402
import pytest  # noqa: E402


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """A process for each core, at most four: each may need 2 GB of memory."""
    return min(4, usable_cores())


SLOW = "takes long: make test ARGS=--slow runs it"


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests that are marked slow, too")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason=SLOW))


def pytest_collection_finish():
    """What takes time in every test and serves none.

    Python's search for garbage need not look at the tests and libraries again and again: with them
    and with Theano's many small objects it takes a sixth of the time. And Theano need not note for
    each variable where it was made.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    if "theano" in sys.modules:
        sys.modules["theano"].config.traceback.limit = 0


PAGE = "tests/predict/test_page_"
COSTLY = ("predict/test_page_", "fused_gpu/test_gpu_ops.py", "training/test_golden.py",
          "report/test_notebooks.py", "experiment/test_made_up.py", "experiment/test_averages.py",
          "fused/test_fused_substitution.py", "engine/test_compile_cache.py",
          "project/test_disk_faults.py", "engine/test_hook.py", "training/test_ensemble.py",
          "fused/test_fused_compile_ahead.py", "fused/test_fused_residual.py",
          "project/test_docs.py", "engine/test_fork.py", "training/test_large_data.py")
"""Files whose few tests take long."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """--dist loadfile with :data:`COSTLY` first: what is begun last, others cannot share."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class CostlyFirst(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return PAGE if file.startswith(PAGE) else file  # with one browser

        def _assign_work_unit(self, node):
            for name in COSTLY:
                if f"tests/{name}" in self.workqueue:
                    self.workqueue.move_to_end(f"tests/{name}", last=False)
                    break
            super()._assign_work_unit(node)
    return CostlyFirst(config, log)


def pytest_terminal_summary(terminalreporter):
    left_out = [report for report in terminalreporter.stats.get("skipped", ())
                if SLOW in str(report.longrepr)]
    if left_out:
        terminalreporter.write_line(
            f"{len(left_out)} slow tests were left out: make test ARGS=--slow runs them, too")


@pytest.fixture(autouse=True)
def fixed_seeds():
    """Every test starts from the same random state, numpy's and Lasagne's."""
    np.random.seed(0)
    if "lasagne" in sys.modules:
        sys.modules["lasagne"].random.set_rng(np.random.RandomState(0))


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk():
    """Files are not synced, which takes up to a quarter of a test's time: no power cut comes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)  # it, too, raises OSError for a file that is closed
        yield


@pytest.fixture
def random():
    """A numpy generator with a fixed seed."""
    return np.random.RandomState(1)


@pytest.fixture(scope="session")
def engine():
    """facekp.engine.ready, imported when a test first asks for it."""
    import facekp.engine.ready

    return facekp.engine.ready


@pytest.fixture(scope="module")
def quick_pictures():
    """Figures become small PNGs without ticks and with nothing laid out, in a tenth of the time.

    For modules that test what is done with figures; tests/plots and tests/report/test_notebooks.py
    test the pictures themselves.
    """
    from facekp.plots import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    @style.printed
    def quick(figure, file, kind, dpi=None):
        figure.set_layout_engine("none")
        figure.set_dpi(20)
        for axes in figure.axes:
            axes.set_axis_off()
        FigureCanvasAgg(figure).print_png(file)  # savefig draws twice
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "render", quick)
        yield


@pytest.fixture
def clean_env(tmp_path):
    """This environment for a new process, less everything that facekp or Theano has set."""
    mine = ("THEANO", "FACEKP", "OMP_", "OPENBLAS_NUM", "MKL_", "BLIS_", "LIBRARY_PATH", "CPATH")
    env = {key: value for key, value in os.environ.items() if not key.startswith(mine)}
    env["THEANORC"] = os.devnull
    env["PYTHONPATH"] = os.pathsep.join(
        filter(None, [os.path.dirname(os.path.dirname(__file__)), env.get("PYTHONPATH")])
    )
    return env
