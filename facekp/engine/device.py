"""Use a GPU: find pygpu, and check that Theano really computes on the requested device.

Theano alone would only log a failure and continue on the CPU.
"""

import ctypes
import glob
import importlib.machinery
import importlib.util
import logging
import os
import re
import sys
import sysconfig

import numpy as np

from facekp.errors import EngineError

DEBIAN = "/usr/lib/python3/dist-packages"  # where Debian's python3-pygpu is
UNPACKED = os.path.join(sys.prefix, "gpu")  # and where it is unpacked without root


class Faults(logging.Handler):
    """Collects the errors that Theano's GPU back-end logs, so that no tracebacks are printed.

    Attributes
    ----------
    reasons : list of str
    """

    def __init__(self):
        super().__init__(logging.ERROR)
        self.reasons = []

    def __enter__(self):
        self.logger = logging.getLogger("theano.gpuarray")
        self.propagate, self.logger.propagate = self.logger.propagate, False
        self.logger.addHandler(self)
        return self

    def __exit__(self, *exc):
        self.logger.removeHandler(self)
        self.logger.propagate = self.propagate

    def emit(self, record):
        cause = record.exc_info[1] if record.exc_info else None
        self.reasons.append(" ".join(str(cause or record.getMessage()).split()))


def adopt_system_pygpu():
    """Make Debian's pygpu importable in a virtual environment of the same Python version.

    There is no wheel of pygpu, so a virtual environment lacks it. With Debian's whole folder on the
    path, its numpy would be imported, too. So only pygpu and mako, which it needs, are loaded: from
    the system's folder, or from the one into which ``requirements/gpu.sh`` unpacks Debian's
    packages for a user who is not root.

    Returns
    -------
    bool
        Whether pygpu can be imported now.
    """
    for folder in (DEBIAN, UNPACKED + DEBIAN):
        extension = os.path.join(folder, "pygpu",
                                 "gpuarray" + sysconfig.get_config_var("EXT_SUFFIX"))
        if importlib.util.find_spec("pygpu") is None and os.path.exists(extension):
            if folder.startswith(UNPACKED):
                _adopt_library()
            for name in ("mako", "pygpu"):
                spec = importlib.machinery.PathFinder.find_spec(name, [folder])
                if spec is not None and importlib.util.find_spec(name) is None:
                    sys.modules[name] = importlib.util.module_from_spec(spec)
                    spec.loader.exec_module(sys.modules[name])
    return importlib.util.find_spec("pygpu") is not None


def _adopt_library():
    """Load the unpacked libgpuarray, and let the compiler find its headers and its library."""
    library = glob.glob(UNPACKED + "/usr/lib/**/libgpuarray.so.3", recursive=True)[0]
    ctypes.CDLL(library)  # from now on, whatever needs libgpuarray.so.3 gets it
    for name, path in (("CPATH", UNPACKED + "/usr/include"),
                       ("LIBRARY_PATH", os.path.dirname(library))):
        before = os.environ.get(name, "").split(os.pathsep)
        if path not in before:
            os.environ[name] = os.pathsep.join([path] + list(filter(None, before)))


def prepare(plan):
    """Provide what the GPUs of a plan need, before Theano is imported; nothing for the CPU.

    Parameters
    ----------
    plan : facekp.engine.plan.Plan

    Raises
    ------
    EngineError
        If the driver or a library of CUDA is missing or unfit.
    """
    if plan.flags["device"].value == "cpu" and not (
            {"init_gpu_device", "contexts"} & set(plan.flags)):
        return
    from facekp.engine import cuda

    cuda.provide(plan)
    adopt_system_pygpu()


def check(config, reasons):
    """Raise EngineError if a GPU was requested and Theano does not compute on it.

    A product of the device is compared with the CPU's.

    Parameters
    ----------
    config : theano.config
    reasons : list of str
        What Theano logged.
    """
    wanted = config.device
    if wanted == "cpu":
        wanted = config.init_gpu_device or config.contexts
    if not wanted:
        return
    from theano import gpuarray

    if not gpuarray.pygpu_activated:
        raise EngineError(message(wanted, "; ".join(reasons) or "Theano gives no reason"))
    if config.device != "cpu":
        try:  # Theano accepts an OpenCL device even if it has no BLAS
            fault = wrong_product(gpuarray.type.get_context(None))
        except Exception as error:
            fault = error
        if fault:
            raise EngineError(message(wanted, fault))


def wrong_product(context):
    """Multiply two matrices on a device; what is wrong with the product, None if nothing is.

    Parameters
    ----------
    context : pygpu.gpuarray.GpuContext
    """
    import pygpu.blas

    random = np.random.RandomState(0)  # small whole numbers: the product must be exact
    a, b = (random.randint(-9, 10, shape).astype("float32") for shape in ((67, 53), (53, 41)))
    on_device = [pygpu.asarray(x, context=context) for x in (a, b)]
    product = pygpu.zeros((67, 41), dtype="float32", context=context)
    found = np.asarray(pygpu.blas.gemm(1, *on_device, 0, product, overwrite_c=True))
    if np.array_equal(found, a.dot(b)):
        return None
    return "it multiplies wrongly (%d of %d numbers)" % ((found != a.dot(b)).sum(), found.size)


def message(device, why):
    """One line: the device, why it cannot be used, and the remedy."""
    why = re.sub(r"^b'(.*)'$", r"\1", str(why))  # pygpu's errors hold bytes
    if "pygpu" in why:
        why, mend = "pygpu 0.7 cannot be imported", (
            "install it (make gpu; conda: make conda-env; Debian's own Python: apt install "
            "python3-pygpu libgpuarray-dev)"
        )
    elif "Missing Blas library" in why:
        why, mend = "it has no BLAS", "install one (apt install libclblast-dev; CUDA: cuBLAS)"
    else:
        mend = "check the driver and the device's number"
    return "device=%s cannot be used: %s; %s, or take device=cpu" % (device, why, mend)
