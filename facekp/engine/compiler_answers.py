"""Remember what Theano asks the C++ compiler at each start: the processor's flags, and OpenMP.

For that, each process compiled and ran small programs, which took a third of a second. The answers
lie beside the compiled modules, under a digest of all that they depend on: the compiler's file, its
version and options, and the processor. Another compiler or processor is asked itself. Remove this
module with Theano.
"""
import hashlib
import json
import logging
import os
import re

from facekp import files

CPU = re.compile(r"(vendor_id|cpu family|model|model name|stepping|cache size|flags|CPU \w+"
                 r"|Features)\s*:")
"""What /proc/cpuinfo says of a processor and does not change while it runs."""

ENVIRONMENT = ("COMPILER_PATH", "GCC_EXEC_PREFIX", "CCC_OVERRIDE_OPTIONS")
"""Variables that change which programs a compiler runs, or how."""

log = logging.getLogger("facekp")


def install():
    """Let Theano look for remembered answers before it asks the compiler."""
    from theano.gof import OpenMPOp, cmodule

    compiler = cmodule.GCC_compiler
    compile_args, try_march_flag = compiler.compile_args, cmodule.try_march_flag
    test_openmp = OpenMPOp.test_gxx_support
    tried = []  # the outcome of each trial of the processor's flags

    def recording(flags):
        tried.append(try_march_flag(flags))
        return tried[-1]

    def with_remembered_flags(march_flags=True):
        if not march_flags or compiler.march_flags is not None:
            return compile_args(march_flags)
        compiler.march_flags = recall("march")
        tried.clear()
        args = compile_args(march_flags)
        # flags that Theano fell back to may be due to a full disk: they are not kept
        if tried and tried[0] == (True, True):
            remember("march", compiler.march_flags)
        return args

    def with_remembered_openmp():
        found = recall("openmp")
        if found is None:
            found = test_openmp()
            if found is True:
                remember("openmp", found)
        return found

    cmodule.try_march_flag = recording
    compiler.compile_args = staticmethod(with_remembered_flags)
    OpenMPOp.test_gxx_support = staticmethod(with_remembered_openmp)


def recall(question):
    """The remembered answer, None if there is none.

    Parameters
    ----------
    question : str, "march" or "openmp"

    Returns
    -------
    list of str, True or None
    """
    path = place(question)
    try:
        with open(path, encoding="utf-8") as file:
            answer = json.load(file)
    except (OSError, TypeError, ValueError):  # TypeError: no place
        return None
    fits = answer is True if question == "openmp" else (
        isinstance(answer, list) and all(isinstance(flag, str) for flag in answer))
    return answer if fits else None


def remember(question, answer):
    """Write an answer down, if it can be told what it depends on and the folder can be written."""
    path = place(question)
    if path is not None:
        try:
            files.write_json(path, answer)
        except OSError as error:
            log.info("%s cannot be written: %s", path, error)


def place(question):
    """The path of an answer's file; None if the compiler or the processor cannot be identified."""
    from theano import config

    known = [identify(config.cxx), processor()]
    if None in known:
        return None
    from theano.gof.cmodule import gcc_version_str

    known += [config.cxx, gcc_version_str, config.gcc.cxxflags]
    known += [os.environ.get(name) for name in ENVIRONMENT]
    digest = hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]
    return os.path.join(config.compiledir, f"{question}-{digest}.json")


def identify(cxx):
    """What tells one compiler from another: its file's path, size, times and inode.

    None for a file that is not there, and for a script or a wrapper like ccache: which compiler it
    runs, its file does not say.
    """
    path = os.path.realpath(cxx)
    try:
        with open(path, "rb") as file:
            script = file.read(2) == b"#!"
        status = os.stat(path)
    except OSError:
        return None
    if script or not re.search(r"\+\+|gcc|clang", os.path.basename(path)):
        return None
    return [path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def processor(path="/proc/cpuinfo"):
    """What tells one processor from another, a list of lines; None where the system has no file
    that says it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            first = file.read().partition("\n\n")[0]
    except OSError:
        return None
    return [line for line in first.splitlines() if CPU.match(line)] or None
