"""The benchmark's yardstick: the rate of the BLAS that Theano links, in GFLOP/s, as JSON."""
import ctypes
import os

import facekp.engine.ready  # noqa: F401
from facekp.cli import info
import worker


def blas_threads():
    """Threads of the loaded OpenBLAS, None for another BLAS."""
    for prefix in ("scipy_", ""):
        function = getattr(ctypes.CDLL(None), prefix + "openblas_get_num_threads", None)
        if function:
            return function()
    return None


if __name__ == "__main__":
    worker.answer({"gflops": info.gemm_rate(as_layer=False, size=3072, repeats=15) / 1e9,
                   "threads": int(os.environ["OMP_NUM_THREADS"]), "blas_threads": blas_threads()})
