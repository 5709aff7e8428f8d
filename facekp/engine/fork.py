"""Let forked processes compute on one thread; otherwise they would wait for ever.

A fork copies only the calling thread. GNU's OpenMP in the child still expects the threads of the
parent, and waits for them without end. With one thread it does not need them. A child that needs
several threads must be a new process (multiprocessing's "spawn", joblib's default). This module can
be removed when libgomp starts new threads after a fork.
"""
import ctypes
import os

LIBRARY = "libgomp.so.1"


def install():
    """Let every process that is forked from now on compute on one thread."""
    if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
        os.register_at_fork(after_in_child=one_thread)


def one_thread():
    """Tell GNU's OpenMP to use one thread, if it is loaded."""
    try:
        ctypes.CDLL(LIBRARY, mode=getattr(os, "RTLD_NOLOAD", 0)).omp_set_num_threads(1)
    except OSError:  # another OpenMP, or none
        pass
