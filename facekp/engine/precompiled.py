"""Compile the headers that all of Theano's modules begin with only once in a process.

Theano's modules are short, and begin with the same lines: Python's, numpy's and the C++ library's
headers, on which g++ spends a third to a half of its time. The first two modules are compiled as
ever. Then the lines are compiled by themselves, and g++ begins each further module with the
result; its machine code is the same to the bit. g++ itself compares the options, and reads the
headers where they differ. Remove this module with Theano.
"""
import atexit
import os
import re
import shutil
import subprocess
import tempfile
import threading

from facekp.engine import compiler

LEADING = re.compile(r'(#include [<"][^<>"\n]+[>"]\n)+')
AFTER = 2
"""Modules that are compiled without; the headers take as long as about two modules win."""


class Headers:
    """The headers that this process has compiled, each for one set of options.

    They are 50 MB each, and removed at the end of the process.

    Parameters
    ----------
    within : str
        Theano's cache, from which it removes what a killed process has left there.
    """

    def __init__(self, within):
        self.within, self.lock = within, threading.Lock()
        self.folder, self.seen, self.paths = None, {}, {}

    def find(self, text, command):
        """The path of compiled headers; None for the first modules, and while they are compiled.

        Parameters
        ----------
        text : str, the module's first lines
        command : list of str, the compiler with its options, without input and output
        """
        key = (text, *command)
        with self.lock:
            self.seen[key] = self.seen.get(key, 0) + 1
            if self.seen[key] <= AFTER or key in self.paths:
                path = self.paths.get(key)
                return path if path and os.path.exists(path) else None
            self.paths[key] = None  # other threads do not wait
        self.paths[key] = path = self._compile(text, command)
        return path

    def _compile(self, text, command):
        try:
            with self.lock:
                if self.folder is None:
                    self.folder = tempfile.mkdtemp(prefix="tmp_headers", dir=self.within)
                    atexit.register(self.close, os.getpid())
            file, path = tempfile.mkstemp(suffix=".h", dir=self.folder)
            with open(file, "w", encoding="utf-8") as stream:
                stream.write(text)
            answer = subprocess.run(
                [*command, "-x", "c++-header", path, "-o", path + ".gch"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return path if answer.returncode == 0 else None
        except OSError:  # a full disk, for one: the modules are compiled without, or say it
            return None

    def close(self, owner):
        """Remove the files, unless this is a fork of the process that has made them."""
        if os.getpid() == owner:
            shutil.rmtree(self.folder, ignore_errors=True)


def install():
    """Let Theano's compiler use compiled headers, and make no debugging symbols.

    The symbols are a fifth of its time, and four fifths of a module's size; ``-g`` among
    ``gcc.cxxflags`` brings them back.
    """
    from theano import config
    from theano.gof import cmodule

    if cmodule.GCC_compiler.compile_str.__module__ == __name__:  # a second call changes nothing
        return
    compile_str, headers = cmodule.GCC_compiler.compile_str, Headers(config.compiledir)

    def with_headers(module_name, src_code, location=None, include_dirs=None, lib_dirs=None,
                     libs=None, preargs=None, py_module=True, hide_symbols=True):
        preargs = ["-g0", *(preargs or [])]
        leading = LEADING.match(src_code)
        if leading and config.cxx and compiler.version(config.cxx)[0] == "g++":
            folders = [*filter(None, include_dirs or []), *cmodule.std_include_dirs()]
            path = headers.find(leading.group(), [
                config.cxx, "-g", *preargs, *("-I" + folder for folder in folders),
                *["-fvisibility=hidden"] * hide_symbols])
            preargs += ["-include", path] if path else []
        return compile_str(module_name, src_code, location, include_dirs, lib_dirs, libs, preargs,
                           py_module, hide_symbols)

    cmodule.GCC_compiler.compile_str = staticmethod(with_headers)
