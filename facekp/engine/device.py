"""Use a GPU: find pygpu, and check that Theano really computes on the requested device.

Theano alone would only log a failure and continue on the CPU.
"""

import importlib.machinery
import importlib.util
import logging
import os
import re
import sys
import sysconfig

from facekp.errors import EngineError

DEBIAN = "/usr/lib/python3/dist-packages"  # where Debian's python3-pygpu is


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


def adopt_system_pygpu(folder=DEBIAN):
    """Make Debian's pygpu importable in a virtual environment of the same Python version.

    There is no wheel of pygpu, so a virtual environment lacks it. With Debian's whole folder on the
    path, its numpy would be imported, too. So only pygpu and mako, which it needs, are loaded.

    Returns
    -------
    bool
        Whether pygpu can be imported now.
    """
    extension = os.path.join(folder, "pygpu", "gpuarray" + sysconfig.get_config_var("EXT_SUFFIX"))
    if importlib.util.find_spec("pygpu") is None and os.path.exists(extension):
        for name in ("mako", "pygpu"):
            spec = importlib.machinery.PathFinder.find_spec(name, [folder])
            if spec is not None and importlib.util.find_spec(name) is None:
                sys.modules[name] = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(sys.modules[name])
    return importlib.util.find_spec("pygpu") is not None


def check(config, reasons):
    """Raise EngineError if a GPU was requested and Theano does not compute on it.

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
        import pygpu.blas

        try:  # Theano accepts an OpenCL device even if it has no BLAS
            unit = pygpu.zeros((2, 2), dtype="float32", context=gpuarray.type.get_context(None))
            pygpu.blas.gemm(1, unit, unit, 0, unit.copy(), overwrite_c=True)
        except Exception as error:
            raise EngineError(message(wanted, error))


def message(device, why):
    """One line: the device, why it cannot be used, and the remedy."""
    why = re.sub(r"^b'(.*)'$", r"\1", str(why))  # pygpu's errors hold bytes
    if "pygpu" in why:
        why, mend = "pygpu 0.7 cannot be imported", (
            "install it (conda: make conda-env; Debian's own Python: apt install python3-pygpu "
            "libgpuarray-dev)"
        )
    elif "Missing Blas library" in why:
        why, mend = "it has no BLAS", "install one (apt install libclblast-dev; CUDA: cuBLAS)"
    else:
        mend = "check the driver and the device's number"
    return "device=%s cannot be used: %s; %s, or take device=cpu" % (device, why, mend)
