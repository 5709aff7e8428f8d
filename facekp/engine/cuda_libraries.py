"""Find shared libraries of CUDA, load them, and give them the names that libgpuarray opens.

libgpuarray 0.7.6 opens ``libcuda.so``, ``libnvrtc.so`` and ``libcublas.so``. Today's machines have
``libcuda.so.1``, ``libnvrtc.so.12`` and so on, often in folders that the dynamic linker does not
know (conda's, or those of PyTorch's wheels). :func:`give_name` solves both.
"""

import contextlib
import ctypes
import glob
import os
import re
import subprocess
import sys
import sysconfig
import tempfile

from facekp.errors import EngineError


class Unfit(Exception):
    """A library, or the device, cannot be used; the message says why."""


class Address(ctypes.Structure):
    """``Dl_info`` of dlfcn.h: which file an address comes from."""

    _fields_ = [("file", ctypes.c_char_p), ("base", ctypes.c_void_p),
                ("symbol", ctypes.c_char_p), ("start", ctypes.c_void_p)]


def users_folders(env):
    """Existing folders with libraries at the places that ``FACEKP_CUDA`` names.

    Each place is a folder of libraries, a CUDA toolkit, or a ``site-packages`` with NVIDIA's
    wheels; a colon stands between two places.
    """
    parts = ("", "lib64", "lib", "nvidia/*/lib")
    return _existing(os.path.join(glob.escape(place), part)
                     for place in env.get("FACEKP_CUDA", "").split(":") if place for part in parts)


def folders(env):
    """Existing folders in which CUDA's libraries may be, in the order in which they are searched.

    Parameters
    ----------
    env : dict
        The environment.

    Returns
    -------
    list of str
    """
    patterns = [glob.escape(folder) for folder in
                users_folders(env) + env.get("LD_LIBRARY_PATH", "").split(":")]
    for name in ("CUDA_HOME", "CUDA_PATH", "CONDA_PREFIX"):
        patterns += [os.path.join(env[name], lib) for lib in ("lib64", "lib") if env.get(name)]
    patterns += [os.path.join(sys.prefix, "lib"), "/usr/local/cuda*/lib64", "/opt/cuda/lib64"]
    patterns += [os.path.join(place, "nvidia", "*", "lib") for place in sys.path]
    patterns += ["/usr/local/nvidia/lib64", "/usr/local/nvidia/lib", "/usr/lib/wsl/lib"]
    patterns += ["/usr/lib/%s" % sysconfig.get_config_var("MULTIARCH"), "/usr/lib64", "/usr/lib"]
    return _existing(patterns)


def _existing(patterns):
    found = {}  # real path -> path; toolkits are linked under several names
    for pattern in patterns:
        for folder in sorted(glob.glob(pattern), key=_numbers, reverse=True) if pattern else ():
            if os.path.isdir(folder):
                found.setdefault(os.path.realpath(folder), os.path.normpath(folder))
    return list(found.values())


def _numbers(path):
    return [int(number) for number in re.findall(r"\d+", path)], path


def files(name, places):
    """Paths of ``lib<name>.so*`` in some folders, the newest one of each folder first."""
    return [path for folder in places for path in sorted(
        glob.glob(os.path.join(glob.escape(folder), "lib%s.so*" % name)),
        key=lambda path: _numbers(os.path.basename(path)), reverse=True)]


def load(path):
    """Load a library by its path or its bare name.

    Returns
    -------
    ctypes.CDLL

    Raises
    ------
    OSError
        If it is not there, is no library, or lacks one that it needs.
    """
    return ctypes.CDLL(path)


def unload(library):
    """Unload a library that is not used: otherwise its name would stay taken."""
    import _ctypes

    _ctypes.dlclose(library._handle)


def file_of(function):
    """The real path of the library that a function comes from."""
    dladdr, found = ctypes.CDLL(None).dladdr, Address()
    dladdr.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    if not dladdr(ctypes.cast(function, ctypes.c_void_p), ctypes.byref(found)):
        raise EngineError("the dynamic linker does not know where %s is" % function.__name__)
    return os.path.realpath(os.fsdecode(found.file))


def load_if_there(path):
    """Load a helper of another library, which that library would open by its bare name."""
    with contextlib.suppress(OSError):
        load(path)


def give_name(bare, path, cxx, folder):
    """Make ``dlopen(bare)`` find a library that lies anywhere, for the rest of this process.

    An empty library is linked, whose soname is `bare` and which needs the real library. Once it is
    loaded, glibc gives it to everybody who opens `bare`, and ``dlsym`` on it also searches the
    library that it needs. Nothing of this stays on the disk.

    Parameters
    ----------
    bare : str
        Such as ``libnvrtc.so``.
    path : str
        The real library.
    cxx : str
        The C++ compiler.
    folder : str
        A folder from which code can be loaded; a temporary folder is made in it.

    Raises
    ------
    EngineError
        If the compiler cannot link it, or if it cannot be loaded.
    """
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".cuda-", dir=folder) as temporary:
        alias = os.path.join(temporary, bare)
        command = [cxx, "-shared", "-nostdlib", "-o", alias, "-Wl,-soname," + bare,
                   "-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", path]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise EngineError("%s cannot be linked with %s: %s" % (
                path, cxx, " ".join(done.stdout.decode(errors="replace").split())))
        try:
            load(alias)
        except OSError as error:
            raise EngineError("%s cannot be loaded as %s: %s" % (path, bare, error))


class Search:
    """Finds libraries and gives them their bare names.

    Parameters
    ----------
    env : dict
        The environment.
    cxx : str
        The C++ compiler.
    folder : str or None
        A folder from which code can be loaded.
    """

    def __init__(self, env, cxx, folder):
        self.env, self.cxx, self.folder = env, cxx, folder

    def find(self, name, function, ask):
        """Load the first fitting library.

        Parameters
        ----------
        name : str
            ``nvrtc`` for ``libnvrtc.so``.
        function : str
            One of its functions.
        ask : callable
            Library -> what is to be known of it; raises Unfit.

        Returns
        -------
        path : str
        answer
            What `ask` returned.

        Raises
        ------
        Unfit
        """
        bare, faults = "lib%s.so" % name, []
        for candidate in self.candidates(name):
            try:
                if name == "cublas":  # it needs its other half, which lies beside it
                    load_if_there(
                        os.path.realpath(candidate).replace("libcublas.", "libcublasLt."))
                library = load(candidate)
            except OSError as error:
                if "/" in candidate:
                    faults.append(str(error))
                continue
            try:
                path = file_of(getattr(library, function))
                answer = ask(library)
            except (Unfit, AttributeError) as error:  # AttributeError: not what its name says
                unload(library)
                faults.append("%s: %s" % (candidate, error))
                continue
            if candidate != bare:
                self.give_name(bare, path, function)
            return path, answer
        raise Unfit("; ".join(faults) or "no %s where the dynamic linker looks, nor in %s"
                    % (bare, ", ".join(folders(self.env))))

    def candidates(self, name):
        """Paths and bare names to try: the user's, the linker's, then those of the known folders.

        Parameters
        ----------
        name : str
        """
        seen = set()  # toolkits have several names for one file
        bare = ["lib%s.so" % name] + ["libcuda.so.1"] * (name == "cuda")
        for path in (files(name, users_folders(self.env)) + bare
                     + files(name, folders(self.env))):
            if os.path.realpath(path) not in seen:
                yield path
            seen.add(os.path.realpath(path))

    def give_name(self, bare, path, function):
        """Make `bare` a name of the library at `path`, and check that it is one."""
        give_name(bare, path, self.cxx, self.folder)
        other = file_of(getattr(load(bare), function))
        if other != path:
            raise EngineError("%s: %s is loaded under this name already, and cannot be replaced "
                              "by %s; start Python without it" % (bare, other, path))
