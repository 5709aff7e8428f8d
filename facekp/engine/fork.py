"""Forked processes: a child computes on one thread instead of waiting for threads it has not got.

A fork copies the calling thread alone. GNU's OpenMP would still count on the threads that its
parent had started, and wait for them for ever. With one thread it needs none. A child that wants
more must be started anew (multiprocessing's "spawn", joblib's default). Remove it with a libgomp
that starts its threads anew after a fork.
"""
import ctypes
import os

LIBRARY = "libgomp.so.1"


def install():
    """Let every child that is forked from now on compute on one thread."""
    if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
        os.register_at_fork(after_in_child=one_thread)


def one_thread():
    """Tell GNU's OpenMP to use one thread, if it is loaded."""
    try:
        ctypes.CDLL(LIBRARY, mode=getattr(os, "RTLD_NOLOAD", 0)).omp_set_num_threads(1)
    except OSError:  # another OpenMP, or none
        pass
