"""The machine: its cores, processor and system."""
import contextlib
import math
import os
import platform
import re
import sys
from pathlib import Path


def usable_cores():
    """Cores that this process may use: its CPU affinity, limited by a container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, cgroup_cores()))


def cgroup_cores(root="/sys/fs/cgroup"):
    """Cores in the control group's CPU quota (version 2, then 1); infinity without a quota."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            text = ""
            for name in names:
                with open(os.path.join(root, name)) as file:
                    text += file.read() + " "
            quota, period = (float(word) for word in text.split())
        except (OSError, ValueError):  # no such file, or "max"
            continue
        if quota > 0:
            return math.ceil(quota / period)
    return math.inf


def available_memory():
    """Bytes that can still be used without swapping: the system's, or what is left of a control
    group's limit (a container's, a batch job's); infinity where neither is told."""
    found = [math.inf]
    with contextlib.suppress(OSError, TypeError), open("/proc/meminfo", encoding="ascii") as file:
        found.append(int(re.search(r"MemAvailable:\s*(\d+) kB", file.read())[1]) * 1024)
    return max(0, min(found + list(left_by_cgroups())))


CGROUPS = (
    (r"^0::/(.*)", "", "memory.max", "memory.current", "inactive_file"),
    (r"^\d+:(?:.*,)?memory(?:,.*)?:/(.*)", "memory", "memory.limit_in_bytes",
     "memory.usage_in_bytes", "total_inactive_file"))
"""Of control groups of version 2 and 1: where /proc names the process's own, the folder of all, the
files, and the part of memory.stat that the system takes back when it is needed."""


def left_by_cgroups(root="/sys/fs/cgroup", own="/proc/self/cgroup"):
    """Bytes that the limits of this process's control group and those above leave."""
    try:
        groups = Path(own).read_text()
    except OSError:
        return
    for pattern, part, limit, usage, cached in CGROUPS:
        found = re.search(pattern, groups, re.M)
        folder = Path(root, part, found[1] if found else "")
        for group in (folder, *folder.parents):
            with contextlib.suppress(OSError, TypeError, ValueError):
                left = int((group / limit).read_text())  # ValueError: "max"
                stat = (group / "memory.stat").read_text()
                left += int(re.search(rf"^{cached} (\d+)", stat, re.M)[1])
                yield left - int((group / usage).read_text())


def host():
    """The machine: its processor, cores and system.

    Returns
    -------
    dict
    """
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            model = next(line.split(":", 1)[1].strip() for line in lines
                         if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {"name": platform.node(), "cpu": model, "cores": usable_cores(),
            "system": platform.platform()}


def peak_memory_mb():
    """The most memory that this process has held at a time, in MB (float)."""
    try:  # resource's would start from what the parent held
        with open("/proc/self/status", encoding="ascii") as status:
            return int(re.search(r"VmHWM:\s*(\d+) kB", status.read())[1]) * 1024 / 1e6
    except (OSError, TypeError):
        import resource
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
