"""ONNX files opened with onnxruntime, on as many threads as the process may use."""
import contextlib
import functools
import io
import os
import re

from facekp.errors import ConfigError, EngineError
from facekp.machine import usable_cores

MODELS = os.path.join(os.path.dirname(__file__), "models")
"""The folder of the files that come with the package."""


def open_session(path, threads=None):
    """An ONNX file, ready to run; opened once for all who ask for it.

    Parameters
    ----------
    path : path
    threads : int or None
        None: the cores that this process may use, which onnxruntime misjudges in containers.

    Returns
    -------
    onnxruntime.InferenceSession

    Raises
    ------
    ConfigError
        If the file cannot be opened.
    EngineError
        If onnxruntime is not installed.
    """
    path = os.path.abspath(path)
    try:
        changed = os.stat(path).st_mtime_ns
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name an ONNX file") from None
    return _open(path, threads or usable_cores(), changed)


@functools.lru_cache(maxsize=8)
def _open(path, threads, changed):
    try:
        import onnxruntime
    except ImportError:
        raise EngineError("onnxruntime is not installed, which finding keypoints needs; install it "
                          "(pip install onnxruntime)") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    # else weights of 8 bits would be unpacked again in every run, not once
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # where it tells that it tries twice
            return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class for each of its codes, and no base class
        why = (str(error).splitlines() or [""])[0]
        # less the line of its own source
        why = re.sub(r".*failed:\s*(/\S*onnxruntime.*?\) )?", "", why)[:200]
        raise ConfigError(f"{path}: is no ONNX file that can be run ({why}); name another, or "
                          "export the run again") from None
