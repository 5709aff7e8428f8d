"""The allocator keeps freed memory, unless the user has asked for something else."""
import subprocess
import sys

import pytest

from facekp.engine import allocator


@pytest.mark.parametrize("env, expected", [
    ({"FACEKP_MALLOC": "0"}, "default (FACEKP_MALLOC=0)"),
    ({"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
     "the user's (GLIBC_TUNABLES=glibc.malloc.hugetlb=1)"),
    ({"MALLOC_MMAP_MAX_": "5"}, "the user's (MALLOC_MMAP_MAX_=5)"),
    ({"LD_PRELOAD": "libjemalloc.so.2"}, "the user's (LD_PRELOAD=libjemalloc.so.2)")])
def test_settings_of_the_users_are_left_alone(env, expected, monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", None)  # a call would fail
    assert allocator.tune(env) == expected


def test_another_libc_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())
    assert allocator.tune({}) == "default (not glibc)"


CODE = """
import resource
import numpy as np
from facekp.engine import allocator
if %d:
    print(allocator.tune(), allocator.tune())
    assert "freed memory is kept" in allocator.tune()
def fill():
    np.empty(40 << 20, np.uint8).fill(1)
np.core.multiarray._set_madvise_hugepage(0)
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's settings")
def test_memory_used_again_causes_no_page_faults(clean_env):
    if "not glibc" in allocator.tune({}):
        pytest.skip("this libc is not glibc")
    faults = [int(subprocess.check_output([sys.executable, "-c", CODE % tuned],
                                          env=clean_env).split()[-1]) for tuned in (0, 1)]
    assert faults[0] > 100  # 10240 a time with pages of 4 KB, 20 with pages of 2 MB
    assert faults[1] < faults[0] / 10
