"""Choose Theano's settings before it is imported: device, precision, BLAS, threads, caches.

Theano reads its settings only once, while it is imported. ``configure()`` sets those that the user
has not set in ``THEANO_FLAGS`` or in a theanorc file: the user's values always have priority.
``decide()`` tells what would be chosen and why, and changes nothing.

facekp's own environment variables are ``FACEKP_DEVICE`` (``cpu``, ``cuda0``, ``opencl0:0``; it has
priority over ``device`` in THEANO_FLAGS), ``FACEKP_FUSED=0`` (do not use the fused CPU kernels),
``FACEKP_MALLOC=0`` (see facekp.engine.allocator) and ``FACEKP_CUDA`` (see facekp.engine.cuda).
"""

import errno
import json
import mmap
import os
import re
import sys
import tempfile
from typing import NamedTuple

from facekp.engine import blas, compiler
from facekp.errors import EngineError
from facekp.machine import usable_cores
from facekp.engine.flags import format_flags, parse_flags, read_theanorc

DEVICES = re.compile(r"cpu|cuda\d*|opencl\d+:\d+")
DECIDED = (
    "device", "floatX", "allow_gc", "openmp", "cxx", "compile.wait", "compile.timeout",
    "base_compiledir", "compiledir", "blas.ldflags", "gcc.cxxflags", "dnn.enabled",
    "init_gpu_device", "contexts",
)
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
_EXPORTED = "FACEKP_CHOSEN"  # what configure() has set: variable -> [value before, value after]
_chosen = None  # what configure() did in this process


class Choice(NamedTuple):
    """A value and why it was chosen."""

    value: str
    reason: str


class Plan(NamedTuple):
    """All decisions.

    Attributes
    ----------
    flags : dict of str -> Choice
        Theano's settings, as in THEANO_FLAGS.
    environ : dict of str -> Choice
        Environment variables for the thread pools and the compiler.
    blas : str
        Name of the BLAS.
    """

    flags: dict
    environ: dict
    blas: str


def cache_folder(env):
    """The folder for compiled modules; all of a user's checkouts share it."""
    home = os.path.expanduser("~")  # stays "~" for a user without an account and without HOME
    base = env.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    own = os.path.join(base, "facekp", "theano")
    user = getattr(os, "getuid", int)()  # Windows has no getuid
    # directly in /tmp: its sticky bit prevents others from renaming the folder
    spare = os.path.join(tempfile.gettempdir(), "facekp-theano-%d" % user)
    why = []
    for folder in [own] * (not base.startswith("~")) + [spare]:
        obstacle = obstacle_to_modules(folder, user)
        if obstacle is None:
            return Choice(folder, "; ".join(why) or "this user's cache")
        why.append("%s: %s" % (folder, obstacle))
    raise EngineError("no folder for compiled modules: %s; set XDG_CACHE_HOME to one that you can "
                      "write, on a disk that is not full and not mounted noexec" % "; ".join(why))


def obstacle_to_modules(folder, user):
    """Why a folder cannot be used for compiled modules, None if it can; it is made if missing."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if user != os.stat(folder).st_uid:
            return "it belongs to somebody else"
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b" " * mmap.PAGESIZE)
            file.flush()
            if hasattr(mmap, "PROT_EXEC"):
                mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()
    except OSError as error:
        noexec = error.errno == errno.EPERM
        return "it is mounted noexec" if noexec else error.strerror or str(error)
    return None


def choose_device(env, given):
    """The device as a Choice, from FACEKP_DEVICE, the user's flags, or the CPU."""
    if env.get("FACEKP_DEVICE"):
        choice = Choice(env["FACEKP_DEVICE"], "FACEKP_DEVICE")
    elif "device" in given:
        choice = given["device"]
    else:
        choice = Choice("cpu", "default; DEVICE=cuda0 or THEANO_FLAGS=device=cuda0 for a GPU")
    if not DEVICES.fullmatch(choice.value):
        raise EngineError(
            "device=%s (from %s): expected cpu, cuda, cuda0, ... or opencl0:0, ..." % choice
        )
    return choice


def choose_threads(env, fused):
    """Thread counts as a dict of environment variable -> Choice.

    Two thread pools that wait actively at the same time are slower than one. The fused kernels
    divide BLAS calls among OpenMP's threads, so with them the BLAS itself gets one thread.
    """
    for key in ("OMP_NUM_THREADS", *BLAS_THREADS):
        # OpenMP accepts a list, one number per level of nested regions; the first one is used
        levels = env.get(key, "").split(",") if key == "OMP_NUM_THREADS" else [env.get(key, "")]
        if env.get(key) and not all(re.fullmatch(" *0*[1-9][0-9]{0,3} *", n) for n in levels):
            raise EngineError("%s=%s: expected a whole number from 1 to 9999; correct or unset it"
                              % (key, env[key]))
    if env.get("OMP_NUM_THREADS"):
        threads = Choice(env["OMP_NUM_THREADS"].split(",")[0].strip(), "OMP_NUM_THREADS is set")
    else:
        threads = Choice(str(usable_cores()), "cores this process may use")
    inner = Choice("1", "inside the fused kernels' threads") if fused else threads
    chosen = {"OMP_NUM_THREADS": threads}
    for key in BLAS_THREADS:
        chosen[key] = Choice(env[key], key + " is set") if env.get(key) else inner
    if not (env.get("GOMP_SPINCOUNT") or env.get("OMP_WAIT_POLICY")):
        chosen["GOMP_SPINCOUNT"] = Choice("1000", "waiting threads soon leave their core")
    if not env.get("MKL_THREADING_LAYER"):
        chosen["MKL_THREADING_LAYER"] = Choice("GNU", "the OpenMP that Theano's modules use")
    return chosen


def fused_wanted(env, flags):
    """Whether the fused CPU kernels will be used, as far as is known before Theano is imported.

    facekp.fused.status decides finally. Apple's clang has no OpenMP.
    """
    cxx = flags["cxx"].value
    return (
        env.get("FACEKP_FUSED", "1") != "0"
        and flags["device"].value == "cpu"
        and flags["floatX"].value == "float32"
        and compiler.too_old(cxx) is None
        and not (sys.platform == "darwin" and compiler.version(cxx)[0] == "clang")
    )


def decide(env):
    """Choose all settings except the BLAS; the user's own settings are kept.

    Parameters
    ----------
    env : dict
        The environment.

    Returns
    -------
    Plan

    Raises
    ------
    EngineError
        If the device's name, THEANO_FLAGS or a theanorc is malformed, or there is no C++ compiler.
    """
    given = {key: Choice(value, "theanorc") for key, value in read_theanorc(env, DECIDED).items()}
    for key, value in parse_flags(env.get("THEANO_FLAGS", "")).items():
        given[key] = Choice(value, "THEANO_FLAGS")
    flags = {"floatX": Choice("float32", "half the memory traffic of float64"), **given}
    flags["device"] = choose_device(env, given)
    flags["cxx"] = Choice(compiler.find(env, given["cxx"].value if "cxx" in given else None),
                          given["cxx"].reason if "cxx" in given else "on PATH")
    environ = choose_threads(env, fused_wanted(env, flags))
    if flags["device"].value == "cpu":
        several = environ["OMP_NUM_THREADS"].value != "1" and sys.platform != "darwin"
        flags.setdefault("allow_gc", Choice("False", "temporaries are kept for the next batch"))
        flags.setdefault("openmp", Choice(str(several), "elementwise work on all threads"))
    elif flags["device"].value.startswith("cuda"):
        flags.setdefault("dnn.enabled", Choice("False", "cuDNN 8 and 9 lack what Theano 1.0 calls"))
    flags.setdefault("compile.wait", Choice("1", "seconds before another run's lock is tried"))
    flags.setdefault("compile.timeout", Choice("600", "a living run's lock is not broken before"))
    if "compiledir" not in given and "base_compiledir" not in given:
        flags["base_compiledir"] = cache_folder(env)
    return Plan(flags, environ, "the user's")


def add_blas(plan, library, env):
    """Add a BLAS to the plan, unless the user has set ``blas.ldflags``.

    Parameters
    ----------
    plan : Plan
    library : facekp.engine.blas.Blas
    env : dict
        The environment. Its LIBRARY_PATH is kept and extended.

    Returns
    -------
    Plan
    """
    if "blas.ldflags" in plan.flags:
        return plan
    flags, environ = dict(plan.flags), dict(plan.environ)
    flags["blas.ldflags"] = Choice(library.ldflags, library.reason)
    if library.cxxflags:
        mine = flags["gcc.cxxflags"].value + " " if "gcc.cxxflags" in flags else ""
        flags["gcc.cxxflags"] = Choice(mine + library.cxxflags, "the names inside " + library.name)
    if library.library_path:
        path = os.pathsep.join(filter(None, [library.library_path, env.get("LIBRARY_PATH")]))
        environ["LIBRARY_PATH"] = Choice(path, "where the linker finds " + library.name)
    return Plan(flags, environ, library.name)


def configure():
    """Apply the chosen settings to this process; a second call does nothing.

    Returns
    -------
    Plan or None
        None if Theano was imported before; then its settings stay as they are.
    """
    global _chosen
    if _chosen is None and "theano" not in sys.modules:
        compiler.check_headers()
        _undo_parent()
        before = dict(os.environ)
        plan = decide(before)
        _export(plan)  # before a BLAS is loaded below: then it reads its number of threads
        if "blas.ldflags" not in plan.flags:
            plan = add_blas(plan, blas.find(plan.flags["cxx"].value), os.environ)
        _export(plan)
        os.environ["THEANO_FLAGS"] = format_flags({k: c.value for k, c in plan.flags.items()})
        os.environ[_EXPORTED] = json.dumps({
            key: [before.get(key), os.environ[key]] for key in [*plan.environ, "THEANO_FLAGS"]})
        _chosen = plan
    return _chosen


def users_environ():
    """The environment as the user has set it, without the choices of :func:`configure`.

    Returns
    -------
    dict of str -> str
    """
    env = dict(os.environ)
    for key, (before, chosen) in json.loads(env.pop(_EXPORTED, "{}")).items():
        if env.get(key) == chosen:
            if before is None:
                del env[key]
            else:
                env[key] = before
    return env


def _undo_parent():
    """Undo the choices of a parent process, unless they were changed since then.

    A child process decides for itself: its parent's choices are not the user's.
    """
    env = users_environ()
    for key in set(os.environ) - set(env):
        del os.environ[key]
    os.environ.update(env)


def _export(plan):
    os.environ.update({key: choice.value for key, choice in plan.environ.items()})
