"""Prevent glibc from returning freed memory to the kernel between two batches.

A training step allocates and frees temporary arrays of up to 145 MB. By default, glibc maps each
of them and unmaps it when it is freed. So in every step the kernel clears the same pages, and the
process causes page faults for them. Two settings (``man 3 mallopt``) prevent this: large blocks
come from the heap like small ones (``M_MMAP_MAX`` = 0), and the top of the heap is never returned
(``M_TRIM_THRESHOLD``). The disadvantage: the process keeps its peak memory until it ends.

Filling a new array of 144 MB takes 6.3 ms with these settings and 12 to 57 ms without (one core,
with and without the huge pages that numpy requests from 4 MB on). Huge pages for everything would
need an environment variable before the process starts (``GLIBC_TUNABLES=glibc.malloc.hugetlb=1``).
They take 5.8 ms: this gain is too small for starting the process a second time.
"""
import ctypes
import os

M_TRIM_THRESHOLD = -1  # of malloc.h
M_MMAP_MAX = -4


def tune(env=os.environ):
    """Set up the process's allocator, before the first large allocation; a second call is harmless.

    Parameters
    ----------
    env : dict
        The environment. Nothing is changed with ``FACEKP_MALLOC=0``, or if the user has set the
        allocator up (``GLIBC_TUNABLES`` with ``glibc.malloc``, ``MALLOC_MMAP_MAX_``, ...).

    Returns
    -------
    str
        One line for ``facekp info``: what was done and why.
    """
    if env.get("FACEKP_MALLOC") == "0":
        return "default (FACEKP_MALLOC=0)"
    if "glibc.malloc" in env.get("GLIBC_TUNABLES", ""):
        return "the user's (GLIBC_TUNABLES=%s)" % env["GLIBC_TUNABLES"]
    own = [name for name in ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_") if name in env]
    if own:
        return "the user's (%s)" % ", ".join("%s=%s" % (name, env[name]) for name in own)
    if "malloc" in env.get("LD_PRELOAD", ""):
        return "the user's (LD_PRELOAD=%s)" % env["LD_PRELOAD"]
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version
    except (OSError, TypeError, AttributeError):  # TypeError: Windows
        return "default (not glibc)"
    if not (libc.mallopt(M_MMAP_MAX, 0) and libc.mallopt(M_TRIM_THRESHOLD, 2 ** 31 - 1)):
        return "default (mallopt refused)"
    return "freed memory is kept (mallopt M_MMAP_MAX=0, M_TRIM_THRESHOLD=max; FACEKP_MALLOC=0: off)"
