"""What is decided before Theano is imported, and the errors of an unfit engine."""

import errno
import os
import subprocess
import sys

import pytest

from facekp.engine import blas, compiler, plan
from facekp.machine import cgroup_cores
from facekp.engine.plan import Choice
from facekp.errors import EngineError


@pytest.fixture
def env(tmp_path):
    """A user's environment that says nothing about Theano."""
    return {"PATH": os.environ["PATH"], "THEANORC": os.devnull, "XDG_CACHE_HOME": str(tmp_path)}


def values(chosen):
    return {key: choice.value for key, choice in chosen.flags.items()}


def test_defaults(env, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "usable_cores", lambda: 3)
    chosen = plan.decide(env)
    assert {k: values(chosen)[k] for k in ("device", "floatX", "allow_gc", "openmp")} == {
        "device": "cpu", "floatX": "float32", "allow_gc": "False", "openmp": "True"}
    assert values(chosen)["base_compiledir"] == str(tmp_path / "facekp" / "theano")
    assert chosen.environ["OMP_NUM_THREADS"].value == "3"
    assert chosen.environ["OPENBLAS_NUM_THREADS"].value == "1"


def test_theano_flags_win_over_theanorc_and_both_over_the_defaults(env, tmp_path):
    rc = tmp_path / "theanorc"
    rc.write_text("[global]\nfloatX = float64\nallow_gc = True\n[blas]\nldflags = -lmine\n"
                  "[nvcc]\nfastmath = True\n")
    env.update(THEANORC=str(rc), THEANO_FLAGS="allow_gc=maybe,openmp=False")
    chosen = plan.decide(env)
    assert chosen.flags["floatX"] == Choice("float64", "theanorc")
    assert chosen.flags["allow_gc"] == Choice("maybe", "THEANO_FLAGS")
    assert chosen.flags["openmp"] == Choice("False", "THEANO_FLAGS")
    library = blas.Blas("ours", "-lours", "-DX", None, "")
    assert plan.add_blas(chosen, library, env) is chosen
    assert chosen.flags["blas.ldflags"] == Choice("-lmine", "theanorc")


def test_theanorc_may_name_the_user_as_theano_lets_it(env, tmp_path):
    rc = tmp_path / "theanorc"
    rc.write_text("[global]\nbase_compiledir = %(tmpdir)s/%(USER)s/theano\n"
                  "[gcc]\ncxxflags = -DX=%(nobody)s\n")
    env.update(THEANORC=str(rc), USER="me", TMPDIR="/fast")
    assert values(plan.decide(env))["base_compiledir"] == "/fast/me/theano"
    assert values(plan.decide(env))["gcc.cxxflags"] == "-DX=%(nobody)s"


def test_a_cache_folder_of_the_user_is_kept(env):
    env["THEANO_FLAGS"] = "compiledir=/mine"
    assert "base_compiledir" not in plan.decide(env).flags


def test_a_cache_folder_that_cannot_be_written(env, tmp_path, monkeypatch):
    (tmp_path / "facekp").write_text("a file where the folder should be")
    monkeypatch.setattr(plan.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    choice = plan.cache_folder(env)
    assert choice.value.startswith(str(tmp_path / "tmp"))
    assert str(tmp_path / "facekp") in choice.reason


def test_a_cache_folder_on_a_noexec_mount(env, tmp_path, monkeypatch):
    folders, make, map_ = [], plan.tempfile.TemporaryFile, plan.mmap.mmap

    def remember(dir):
        folders.append(dir)
        return make(dir=dir)

    def refuse(number, length, prot):
        if folders[-1].startswith(str(tmp_path / "facekp")):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return map_(number, length, prot=prot)

    monkeypatch.setattr(plan.tempfile, "TemporaryFile", remember)
    monkeypatch.setattr(plan.mmap, "mmap", refuse)
    monkeypatch.setattr(plan.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    choice = plan.cache_folder(env)
    assert choice.value.startswith(str(tmp_path / "tmp")) and "noexec" in choice.reason
    monkeypatch.setattr(plan.tempfile, "gettempdir", lambda: str(tmp_path / "facekp"))
    with pytest.raises(EngineError, match="noexec.*noexec.*XDG_CACHE_HOME"):
        plan.cache_folder(env)


def test_a_user_without_a_home_has_a_cache_folder_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(plan.os.path, "expanduser", lambda path: path)  # no account, no HOME
    monkeypatch.setattr(plan.tempfile, "gettempdir", lambda: str(tmp_path))
    assert plan.cache_folder({}).value.startswith(str(tmp_path))


def test_the_blas_joins_the_users_compiler_flags_and_library_path(env):
    env.update(THEANO_FLAGS="gcc.cxxflags=-DMINE", LIBRARY_PATH="/mine")
    library = blas.Blas("ours", "-lours", "-Dsgemm_=x", "/ours", "why")
    chosen = plan.add_blas(plan.decide(env), library, env)
    assert values(chosen)["gcc.cxxflags"] == "-DMINE -Dsgemm_=x"
    assert chosen.flags["blas.ldflags"] == Choice("-lours", "why")
    assert chosen.environ["LIBRARY_PATH"].value == "/ours" + os.pathsep + "/mine"


def test_flags_survive_the_way_through_theanos_parser(engine):
    from theano.configparser import parse_config_string

    flags = {"blas.ldflags": "-L/a b -Wl,-rpath,/a b", "x": 'say "hi" \\ now', "y": "-DA=b"}
    text = plan.format_flags(flags)
    assert parse_config_string(text) == flags == plan.parse_flags(text)
    assert plan.parse_flags("a=1, b = 2,a=3,junk") == {"a": "3", "b ": " 2"}


def test_malformed_settings(env, tmp_path):
    with pytest.raises(EngineError, match="THEANO_FLAGS=.*No closing quotation"):
        plan.decide(dict(env, THEANO_FLAGS='device="cpu'))
    rc = tmp_path / "theanorc"
    rc.write_text("floatX = float32\n")
    with pytest.raises(EngineError, match="theanorc cannot be read: .*no section headers"):
        plan.decide(dict(env, THEANORC=str(rc)))
    rc.write_bytes(b"[global]\n# caf\xe9\n")
    with pytest.raises(EngineError, match="theanorc cannot be read: .*can't decode byte 0xe9"):
        plan.decide(dict(env, THEANORC=str(rc)))


@pytest.mark.parametrize("setting, device, reason", [
    ({"FACEKP_DEVICE": "cuda0", "THEANO_FLAGS": "device=cpu"}, "cuda0", "FACEKP_DEVICE"),
    ({"THEANO_FLAGS": "device=opencl0:1"}, "opencl0:1", "THEANO_FLAGS"),
    ({"FACEKP_DEVICE": ""}, "cpu", None),
])
def test_device(env, setting, device, reason):
    chosen = plan.decide(dict(env, **setting))
    assert chosen.flags["device"].value == device
    assert reason in (None, chosen.flags["device"].reason)
    if device != "cpu":  # the BLAS and the memory are the GPU's own matter
        assert "openmp" not in chosen.flags and "allow_gc" not in chosen.flags
        assert chosen.environ["OPENBLAS_NUM_THREADS"] == chosen.environ["OMP_NUM_THREADS"]


@pytest.mark.parametrize("name", ["gpu", "gpu0", "cuda:0", "opencl", "cpu0"])
def test_a_device_that_theano_does_not_know(env, name):
    with pytest.raises(EngineError, match="device=%s .*expected cpu, cuda" % name):
        plan.decide(dict(env, FACEKP_DEVICE=name))


@pytest.mark.parametrize("setting, outer, inner", [
    ({"OMP_NUM_THREADS": "5"}, "5", "1"),
    ({"OMP_NUM_THREADS": "5,2"}, "5", "1"),
    ({"OMP_NUM_THREADS": " 5 , 2,1", "FACEKP_FUSED": "0"}, "5", "5"),
    ({"OMP_NUM_THREADS": "5", "FACEKP_FUSED": "0"}, "5", "5"),
    ({"OMP_NUM_THREADS": "5", "OPENBLAS_NUM_THREADS": "2"}, "5", "2"),
    ({"OMP_NUM_THREADS": "5", "THEANO_FLAGS": "floatX=float64"}, "5", "5"),
])
def test_threads(env, setting, outer, inner):
    chosen = plan.decide(dict(env, **setting))
    assert chosen.environ["OMP_NUM_THREADS"].value == outer
    assert chosen.environ["OPENBLAS_NUM_THREADS"].value == inner


def test_one_thread_needs_no_openmp(env):
    assert values(plan.decide(dict(env, OMP_NUM_THREADS="1")))["openmp"] == "False"


@pytest.mark.parametrize("files, cores", [
    ({"cpu.max": "150000 100000\n"}, 2),
    ({"cpu.max": "max 100000\n"}, float("inf")),
    ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
    ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, float("inf")),
    ({}, float("inf")),
])
def test_cores_of_a_control_group(tmp_path, files, cores):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cgroup_cores(str(tmp_path)) == cores


def test_no_compiler(env, tmp_path):
    with pytest.raises(EngineError, match=r"no C\+\+ compiler .*apt install g\+\+"):
        plan.decide(dict(env, PATH=str(tmp_path)))
    with pytest.raises(EngineError, match=r"no C\+\+ compiler \(g\+\+-99\)"):
        plan.decide(dict(env, THEANO_FLAGS="cxx=g++-99"))


def test_condas_compiler_is_found(env, tmp_path):
    cxx = tmp_path / "x86_64-conda-linux-gnu-c++"
    cxx.write_text("#!/bin/sh\n")
    cxx.chmod(0o755)
    env.update(PATH=str(tmp_path), CXX="%s -O2" % cxx.name)
    assert values(plan.decide(env))["cxx"] == str(cxx)


def test_where_the_kernels_cannot_run_the_blas_has_all_threads(env, tmp_path):
    cxx = tmp_path / "g++"
    cxx.write_text("#!/bin/sh\necho 'g++ (GCC) 8.5.0'\n")
    cxx.chmod(0o755)
    env["OMP_NUM_THREADS"] = "3"
    threads = [plan.decide(dict(env, PATH=path)).environ["OPENBLAS_NUM_THREADS"].value
               for path in (env["PATH"], str(tmp_path))]
    assert threads == ["1", "3"]


def test_no_python_headers(tmp_path):
    compiler.check_headers()
    with pytest.raises(EngineError, match=r"no Python.h there; install .*python3\.\d+-dev"):
        compiler.check_headers(str(tmp_path))


# A BLAS of the system is taken if it is a fast one and multiplies correctly.

SGEMM = """
extern "C" void sgemm_(const char*, const char*, const int* m, const int* n, const int* k,
                       const float*, const float* a, const int*, const float* b, const int*,
                       const float*, float* c, const int*) {
  for (int j = 0; j < *n; j++) for (int i = 0; i < *m; i++) {
    float sum = 0;
    for (int l = 0; l < *k; l++) sum += a[i + *m * l] * b[l + *k * j];
    c[i + *m * j] = %s;
  }
}
extern "C" const char* openblas_get_config() { return "OpenBLAS %s NO_AFFINITY"; }
"""


@pytest.fixture
def make_blas(tmp_path, monkeypatch):
    """Compile a libopenblas into an environment's lib folder, where blas.find looks first."""
    def make(result="sum", version="0.3.21"):
        source, library = tmp_path / "sgemm.cc", tmp_path / "lib" / "libopenblas.so"
        library.parent.mkdir()
        source.write_text(SGEMM % (result, version))
        subprocess.run(["g++", "-O1", "-shared", "-fPIC", "-o", str(library), str(source)],
                       check=True)
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
        monkeypatch.setattr(blas, "NAMES", ("openblas",))
        return str(library)
    return make


def test_an_existing_good_blas_is_taken(make_blas):
    library = make_blas()
    found = blas.find("g++")
    assert found.name == "openblas" and found.reason == "found at " + library
    assert found.ldflags == "-L%s -lopenblas" % os.path.dirname(library)
    assert found.cxxflags == "" and found.library_path is None


@pytest.mark.parametrize("result, version, fault", [
    ("sum + 1", "0.3.21", "multiplies wrongly"), ("sum", "0.3.9", "is too old (0.3.9)")])
def test_a_bad_blas_is_passed_over(make_blas, result, version, fault):
    make_blas(result, version)
    found = blas.find("g++")
    assert found.name == "scipy-openblas32" and fault in found.reason


def test_a_file_that_is_no_blas(tmp_path):
    (tmp_path / "libopenblas.so").write_text("INPUT(-lblas)")
    assert "cannot be used" in blas.check(str(tmp_path / "libopenblas.so"))


def test_the_bundled_blas_has_its_prefix_and_folder(monkeypatch):
    monkeypatch.setattr(blas, "locate", lambda name, cxx: None)
    found = blas.find("g++")
    assert found.ldflags == "-lscipy_openblas" and os.path.isdir(found.library_path)
    assert "-Dsgemm_=scipy_sgemm_" in found.cxxflags.split()
    monkeypatch.setattr(blas, "bundled", lambda: None)
    assert blas.find("g++").ldflags == "" and "pip install" in blas.find("g++").reason


def test_theano_multiplies_with_the_chosen_blas(engine):
    import numpy as np
    import theano

    assert theano.config.blas.ldflags == engine.plan.flags["blas.ldflags"].value
    a = np.arange(12, dtype="float32").reshape(3, 4)
    A = theano.tensor.matrix()
    product = theano.function([A], theano.tensor.dot(A, A.T))
    ops = {type(node.op).__name__ for node in product.maker.fgraph.toposort()}
    assert ops & {"Dot22", "Gemm"}
    np.testing.assert_array_equal(product(a), a @ a.T)


# The engine's faults, each one error with the command that mends it.

GOOD = {"theano-pymc": "1.0.9", "lasagne": "0.1", "nolearn": "0.6.1", "numpy": "1.23.5"}


def test_versions_that_work_together(engine):
    engine.check_versions(GOOD.get)


@pytest.mark.parametrize("change, message", [
    ({"Theano": "1.0.5"}, "Theano 1.0.5 is installed over theano-pymc.*pip uninstall"),
    ({"theano-pymc": "1.1.2"}, "theano-pymc 1.1.2: expected 1.0.9.*make env"),
    ({"nolearn": None}, "nolearn is not installed: expected 0.6.1.*make env"),
    ({"lasagne": "0.2.dev1"}, "lasagne 0.2.dev1: expected 0.1.*make env"),
    ({"numpy": "1.24.0"}, "numpy 1.24.0: expected 1.23.5.*make env"),
])
def test_versions_that_do_not(engine, change, message):
    with pytest.raises(EngineError, match=message):
        engine.check_versions(dict(GOOD, **change).get)


def python(code, env):
    return subprocess.run([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)


def test_theano_installed_over_theano_pymc_is_noticed_at_import(clean_env, tmp_path):
    (tmp_path / "Theano-1.0.5.dist-info").mkdir()
    (tmp_path / "Theano-1.0.5.dist-info" / "METADATA").write_text("Name: Theano\nVersion: 1.0.5\n")
    clean_env["PYTHONPATH"] += os.pathsep + str(tmp_path)
    done = python("import facekp.engine.ready", clean_env)
    assert done.stderr.splitlines()[-1].startswith(
        "facekp.errors.EngineError: Theano 1.0.5 is installed over theano-pymc")


def test_no_compiler_is_an_error_before_theano_is_imported(clean_env, tmp_path):
    code = """
import sys
try:
    import facekp.engine.ready
except ImportError as error:
    print(error, "theano" in sys.modules)
"""
    done = python(code, dict(clean_env, PATH=str(tmp_path)))
    assert done.stdout.startswith("no C++ compiler") and done.stdout.endswith("False\n")


def test_settings_stay_if_theano_was_imported_before(clean_env):
    # without the hook of this environment, which readies the engine before Theano
    done = python("from facekp.engine import hook; hook.remove(); import theano;"
                  "from facekp.engine import ready; print(ready.plan, theano.config.floatX)",
                  dict(clean_env, THEANO_FLAGS="floatX=float64,blas.ldflags="))
    assert done.stdout == "None float64\n", done.stderr


def test_waiting_threads_do_not_spin_for_long_unless_the_user_wants_it():
    assert plan.choose_threads({}, fused=True)["GOMP_SPINCOUNT"].value == "1000"
    for wish in ({"GOMP_SPINCOUNT": "5"}, {"OMP_WAIT_POLICY": "active"}):
        assert "GOMP_SPINCOUNT" not in plan.choose_threads(wish, fused=True)
