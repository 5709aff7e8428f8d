"""The way to CUDA's libraries, with a driver, an NVRTC and a cuBLAS that need no GPU."""
import json
import os
import subprocess
import sys

import pytest

from facekp.engine import plan
from standin_cuda import build

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="CUDA is for Linux")

# Only the places that FACEKP_CUDA names exist: the computer may have a GPU and a toolkit.
FIND = """
import ctypes, json, os
from facekp.engine import cuda, cuda_libraries, plan

candidates = cuda_libraries.Search.candidates
cuda_libraries.Search.candidates = lambda self, name: (
    path for path in candidates(self, name) if "/" in path)
cuda_libraries.folders = lambda env: cuda_libraries.users_folders(env) + ["/an/empty/place"]
chosen = plan.decide(os.environ)
try:
    cuda.provide(chosen)
    names = {bare: cuda_libraries.file_of(getattr(ctypes.CDLL(bare), function)) for bare, function
             in (("libcuda.so", "cuInit"), ("libnvrtc.so", "nvrtcVersion"),
                 ("libcublas.so", "cublasGetProperty"))}
    print(json.dumps([[part.found for part in cuda.prepare(chosen)], names]))
except ImportError as error:
    print(error)
"""


def python(code, env):
    return subprocess.run([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)


@pytest.fixture(scope="module")
def standins(tmp_path_factory):
    """Two folders of libraries: all three, and an older NVRTC alone."""
    folder = tmp_path_factory.mktemp("cuda")
    return build(folder / "all"), build(folder / "old", ["nvrtc"], VERSION=1108)


@pytest.fixture
def env(clean_env, tmp_path, standins):
    clean_env.pop("CUDA_VISIBLE_DEVICES", None)
    return dict(clean_env, XDG_CACHE_HOME=str(tmp_path / "cache"), FACEKP_DEVICE="cuda0",
                FACEKP_CUDA=standins[0])


def find(env):
    done = python(FIND, env)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1, done.stdout
    return done.stdout


def test_libraries_that_lie_anywhere_have_the_names_that_libgpuarray_opens(env, tmp_path):
    found, names = json.loads(find(env))
    assert names == {"libcuda.so": env["FACEKP_CUDA"] + "/libcuda.so.1",
                     "libnvrtc.so": env["FACEKP_CUDA"] + "/libnvrtc.so.13",
                     "libcublas.so": env["FACEKP_CUDA"] + "/libcublas.so.13"}
    assert found == [names["libcuda.so"] + " (CUDA 13.0)",
                     "Stand-in GPU (compute capability 9.0)",
                     names["libnvrtc.so"] + " (13.0)", names["libcublas.so"] + " (13.0)"]
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize("place", ["", "lib64", "lib", "nvidia/cu13/lib"])
def test_a_place_is_a_folder_a_toolkit_or_wheels(env, tmp_path, standins, place):
    folder = tmp_path / "it's a [place]"
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    if place:
        (folder / place).symlink_to(standins[0])
    else:
        folder = standins[0]
    found, _ = json.loads(find(dict(env, FACEKP_CUDA=f"/nowhere:{folder}")))
    assert all(found)


def test_the_first_library_that_fits_the_driver_is_taken(env, standins):
    both = dict(env, FACEKP_CUDA=":".join(standins))
    assert json.loads(find(both))[1]["libnvrtc.so"].startswith(standins[0])
    older = json.loads(find(dict(both, STANDIN_CUDA="12040", STANDIN_CUBLAS="12")))
    assert older[1]["libnvrtc.so"].startswith(standins[1])
    assert "(11.8)" in older[0][2]


def test_several_devices(env):
    several = dict(env, FACEKP_DEVICE="", THEANO_FLAGS="contexts=a->cuda1;b->cuda0",
                   STANDIN_DEVICES="2")
    assert len(json.loads(find(several))[0]) == 5


FAULTS = {
    "no driver": ({"FACEKP_CUDA": "OLD"}, ["NVIDIA's driver: no libcuda.so", "/an/empty/place"]),
    "no GPU": ({"STANDIN_INIT": "100"}, ["cuInit fails with error 100, CUDA_ERROR_STANDIN"]),
    "no such GPU": ({"FACEKP_DEVICE": "cuda3", "CUDA_VISIBLE_DEVICES": "5"},
                    ["device=cuda3 ", "has 1 device,", "CUDA_VISIBLE_DEVICES=5"]),
    "Blackwell": ({"STANDIN_CAPABILITY": "100"}, ["Stand-in GPU has compute capability 10.0"]),
    "old driver": ({"STANDIN_CUDA": "11040"},
                   ["libnvrtc.so.13: it is of CUDA 13.0, and the driver runs CUDA 11.4",
                    "nvidia-cuda-nvrtc-cu11<11.5", "libcublas.so.13: it is of CUDA 13, and"]),
    "NVRTC too new by a minor version": (
        {"STANDIN_NVRTC": "1209", "STANDIN_CUDA": "12080", "STANDIN_CUBLAS": "12"},
        ["it is of CUDA 12.9, and the driver runs CUDA 12.8", "nvidia-cuda-nvrtc-cu12<12.9"]),
    "NVRTC too new for the GPU": ({"STANDIN_CAPABILITY": "60"},
                                  ["it is of CUDA 13.0, which cannot compile for Stand-in GPU"]),
    "no cuBLAS": ({"FACEKP_CUDA": "DRIVER:OLD"},
                  ["cuBLAS: no libcublas.so where the dynamic linker looks, nor in ",
                   "/an/empty/place", "nvidia-cublas-cu12"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_missing_or_unfit_is_one_line_with_its_remedy(env, standins, tmp_path, fault):
    setting, expected = FAULTS[fault]
    env.update(setting)
    env["FACEKP_CUDA"] = env["FACEKP_CUDA"].replace("OLD", standins[1])
    if "DRIVER" in env["FACEKP_CUDA"]:
        env["FACEKP_CUDA"] = env["FACEKP_CUDA"].replace("DRIVER", build(tmp_path / "d", ["driver"]))
    error = find(env)
    assert error.startswith("device=cuda") and error.endswith("take device=cpu\n"), error
    for words in expected:
        assert words in error


def test_a_file_that_is_no_library(env, tmp_path):
    (tmp_path / "libcuda.so.1").write_text("nothing")
    error = find(dict(env, FACEKP_CUDA=str(tmp_path)))
    assert str(tmp_path / "libcuda.so.1") in error


def test_cudnn_is_off_unless_the_user_decides(env):
    flags = plan.decide(env).flags
    assert flags["dnn.enabled"].value == "False"
    env["THEANO_FLAGS"] = "dnn.enabled=auto"
    assert plan.decide(env).flags["dnn.enabled"].value == "auto"
    env["FACEKP_DEVICE"] = "cpu"
    assert plan.decide(dict(env, THEANO_FLAGS="")).flags.keys().isdisjoint({"dnn.enabled"})


def test_the_cpu_needs_nothing_of_this(clean_env):
    done = python("import sys, facekp.engine.ready; print('facekp.engine.cuda' in sys.modules)",
                  dict(clean_env, FACEKP_CUDA="/nowhere"))
    assert done.stdout == "False\n", done.stderr


@pytest.fixture
def theano(env, tmp_path):
    """Run code with Theano on the stand-in GPU."""
    # the user's modules, but not the user's kernels: the stand-in compiles none
    env.pop("XDG_CACHE_HOME")
    env.update({key: os.environ[key] for key in ("XDG_CACHE_HOME",) if key in os.environ},
               THEANO_FLAGS="gpuarray.cache_path=%s" % tmp_path)
    probe = python("from facekp.engine import device; print(device.adopt_system_pygpu())", env)
    if probe.stdout != "True\n":
        pytest.skip("pygpu cannot be imported (make gpu)")
    return lambda code, **more: python(code, dict(env, **more))


def test_a_device_that_multiplies_wrongly_is_an_error(theano):
    good = theano("import facekp.engine.ready as r; print(r.theano.config.device)")
    assert good.stdout == "cuda0\n", good.stderr
    bad = theano("import facekp.engine.ready", STANDIN_WRONG="1")
    assert "device=cuda0 cannot be used: it multiplies wrongly" in bad.stderr.splitlines()[-1]


def test_info_says_what_was_found_where_and_what_is_missing(env):
    code = "import sys; from facekp.cli import commands; sys.exit(commands.main(['info']))"
    done = python(code, dict(env, STANDIN_CUDA="12080"))  # the error comes before Theano
    assert done.returncode == 2
    rows = dict(line.split(None, 1) for line in done.stdout.splitlines()[1:])
    assert rows["driver"] == env["FACEKP_CUDA"] + "/libcuda.so.1 (CUDA 12.8)"
    assert "missing or unfit" in rows["NVRTC"] and "missing or unfit" in rows["cuBLAS"]
    assert "pygpu" in rows
    assert "NVRTC" in done.stderr and "cuBLAS" in done.stderr
