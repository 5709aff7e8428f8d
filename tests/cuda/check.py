"""Compile every GPU kernel of every net for several GPUs, without a GPU: ``python -m cuda.check``.

1. Each net trains and predicts once on stand-ins for CUDA's driver and libraries, which write down
   the kernels (cuda.record).
2. The real NVRTC compiles and assembles each source for each compute capability; the kernels that
   were asked for must be in it.
3. The real NVRTC is found as a training on a GPU finds it, and compiles through libgpuarray.

Needs g++, pygpu, and requirements/test-cuda.txt. The exit code is 1 if something fails.
"""
import argparse
import collections
import ctypes
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from facekp.engine import device
from facekp.machine import usable_cores
from standin_cuda import build

WHEEL = Path(sysconfig.get_path("purelib"), "nvidia", "cu13")
CAPABILITIES = ("75", "80", "90", "100")
GROUPS = ((("lenet5", "lenet5, batch norm", "resnet"), "1"),
          (("cnn14", "small_vgg", "unet", "vggnet"), "1"),
          (("lenet5, batch norm",), "0"))
"""Nets of cuda.record that one process compiles, since they share modules, and its FACEKP_FUSED:
with 0, Theano's own convolutions and sums are compiled."""

THROUGH_LIBGPUARRAY = """
from facekp.engine import ready
import theano.gpuarray.type
import pygpu
from pygpu.elemwise import GpuElemwise, arg
context = theano.gpuarray.type.get_context(None)
z = pygpu.zeros((3, 4), dtype="float32", context=context)
GpuElemwise(context, "z = tanh(z)", [arg("z", "float32", read=True, write=True)])(z)
from facekp.engine import cuda
print(next(part.found for part in cuda.prepare(ready.plan) if part.name == "NVRTC"))
"""


def environment(folder, **more):
    """The environment of a process that computes on the stand-ins."""
    mine = ("THEANO", "FACEKP", "GPUARRAY", "STANDIN", "CUDA_VISIBLE")
    env = {key: value for key, value in os.environ.items() if not key.startswith(mine)}
    flags = "base_compiledir=%s,gcc.cxxflags=-O0" % (folder / "cache")  # compiled in half the time
    return dict(env, THEANORC=os.devnull, THEANO_FLAGS=flags, FACEKP_DEVICE="cuda0",
                PYTHONPATH=os.pathsep.join(sys.path[:1] + [env.get("PYTHONPATH", "")]), **more)


def record(folder, groups):
    """Run the nets on the stand-ins; returns {source file: names of its kernels}."""
    given, kernels = build(folder / "standins"), folder / "kernels"
    kernels.mkdir()
    running = []
    for k, (nets, fused) in enumerate(groups):
        own = folder / f"group{k}"
        own.mkdir()
        running.append(subprocess.Popen(
            [sys.executable, "-m", "cuda.record", *nets], stderr=subprocess.PIPE,
            universal_newlines=True, env=environment(
                own, FACEKP_CUDA=given, STANDIN_FOLDER=str(kernels), FACEKP_FUSED=fused)))
    for process in running:
        said = process.communicate()[1]
        if process.returncode:
            sys.exit(f"{' '.join(process.args)} failed:\n{said}")
    names = collections.defaultdict(set)
    for line in (kernels / "entries").read_text().splitlines():
        source, name = line.split()
        names[kernels / f"{source}.cu"].add(name)
    lost = set(kernels.glob("*.cu")) ^ set(names)
    if lost:
        sys.exit(f"{sorted(map(str, lost))}: only the source, or only a kernel's name")
    return names


def nvrtc():
    """The real NVRTC, loaded."""
    for path in sorted((WHEEL / "lib").glob("libnvrtc-builtins.so.*")):
        ctypes.CDLL(str(path))
    return ctypes.CDLL(str(next((WHEEL / "lib").glob("libnvrtc.so.*"))))


def compile_kernels(job):
    """Compile and assemble a source for each compute capability.

    Returns
    -------
    dict of capability -> what is wrong
    """
    path, names = job
    library, faults = nvrtc(), {}
    for capability in CAPABILITIES:
        program = ctypes.c_void_p()
        library.nvrtcCreateProgram(ctypes.byref(program), path.read_bytes(), None, 0, None, None)
        # "sm_", not "compute_": NVRTC then runs its assembler, which a driver contains too
        options = (ctypes.c_char_p * 2)(f"-arch=sm_{capability}".encode(),
                                        b"-I" + os.fsencode(path.parent))
        if library.nvrtcCompileProgram(program, 2, options):
            faults[capability] = text_of(library, program, "ProgramLog").decode()
        elif not text_of(library, program, "CUBIN"):
            faults[capability] = "was not assembled"
        else:
            ptx = text_of(library, program, "PTX")
            lost = [name for name in names if f".entry {name}(".encode() not in ptx]
            if lost:
                faults[capability] = f"lacks the kernels {lost}"
        library.nvrtcDestroyProgram(ctypes.byref(program))
    return faults


def text_of(library, program, what):
    """The log, the PTX or the machine code of a program, as bytes."""
    size = ctypes.c_size_t()
    getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(library, f"nvrtcGet{what}")(program, text)
    return text.raw


def check_bridge(folder):
    """Compile one kernel with the wheel's NVRTC, found as a training finds it; returns its path."""
    given = build(folder / "without NVRTC", ["driver", "cublas"])
    done = subprocess.run(
        [sys.executable, "-c", THROUGH_LIBGPUARRAY], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True,
        env=environment(folder / "group0", FACEKP_CUDA=given, STANDIN_FOLDER=str(folder)))
    if done.returncode:
        sys.exit(f"NVRTC through libgpuarray failed:\n{done.stderr}")
    return done.stdout.splitlines()[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nets", nargs="+", help="these alone", choices=sorted(
        {net for nets, _ in GROUPS for net in nets}))
    parser.add_argument("--keep", type=Path, help="a folder for the sources, which stays")
    options = parser.parse_args()
    if not device.adopt_system_pygpu():
        sys.exit("pygpu cannot be imported; make gpu brings it")
    if not WHEEL.exists():
        sys.exit(f"{WHEEL}: not there; install requirements/test-cuda.txt (make test-cuda does)")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        sys.exit(check(folder, [(options.nets, "1")] if options.nets else GROUPS))


def check(folder, groups):
    """Do all three steps; returns the number of compilations that failed."""
    start = time.time()
    names = record(folder, groups)
    print(f"{len(names)} sources of kernels, {time.time() - start:.0f} s")
    jobs = sorted(names.items())
    count = collections.Counter()
    with ProcessPoolExecutor(usable_cores()) as pool:
        for (path, _), faults in zip(jobs, pool.map(compile_kernels, jobs, chunksize=8)):
            for capability, fault in faults.items():
                count[capability] += 1
                print(f"{path.name}, compute capability {capability}: {fault}")
    for capability in CAPABILITIES:
        print(f"compute capability {int(capability) / 10}: {len(jobs) - count[capability]} "
              f"compiled, {count[capability]} failed")
    print(f"through libgpuarray: {check_bridge(folder)}")
    print(f"{time.time() - start:.0f} s")
    return min(sum(count.values()), 1)


if __name__ == "__main__":
    main()
