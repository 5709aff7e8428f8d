"""Headers compiled once: used from the third module on, to the same machine code."""
import os
import subprocess
import sys

import pytest
import theano
from theano.gof import cmodule

import facekp.engine.ready  # noqa: F401
from facekp.engine import compiler, precompiled

TEXT = '#include <vector>\n#include <string>\n'
SOURCE = TEXT + 'extern "C" int size() { return std::vector<std::string>(3).size(); }\n'
pytestmark = pytest.mark.skipif(compiler.version(theano.config.cxx)[0] != "g++",
                                reason="headers are compiled for g++ alone")


@pytest.fixture
def headers(tmp_path):
    made = precompiled.Headers(str(tmp_path))
    yield made
    if made.folder:
        made.close(os.getpid())


def command(*options):
    return [theano.config.cxx, "-g0", "-O1", "-fPIC", *options]


def test_they_are_compiled_for_the_third_module_with_the_same_options(headers):
    found = [headers.find(TEXT, command()) for _ in range(4)]
    assert found[:2] == [None, None] and found[2] == found[3]
    assert os.path.getsize(found[2] + ".gch") > 1e6
    assert headers.find(TEXT, command("-DX=1")) is None
    assert headers.find("#include <map>\n", command()) is None


def test_a_module_has_the_same_bytes_with_and_without(headers, tmp_path):
    source = tmp_path / "mod.cpp"
    source.write_text(SOURCE)
    path = [headers.find(TEXT, command()) for _ in range(3)][-1]
    modules = []
    for more in ([], ["-include", path, "-Winvalid-pch", "-Werror"]):
        subprocess.run(command("-shared", *more, str(source), "-o", str(tmp_path / "m.so")),
                       check=True)
        modules.append((tmp_path / "m.so").read_bytes())
    assert modules[0] == modules[1]


def test_what_cannot_be_compiled_is_left_to_the_module(headers):
    text = "#include <no_such_header>\n"
    assert [headers.find(text, command()) for _ in range(4)] == [None] * 4
    path = [headers.find(TEXT, command()) for _ in range(3)][-1]
    os.remove(path)  # by whoever cleans the cache
    assert headers.find(TEXT, command()) is None


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path):
    (tmp_path / "file").write_text("")
    headers = precompiled.Headers(str(tmp_path / "file"))
    assert [headers.find(TEXT, command()) for _ in range(4)] == [None] * 4


def test_a_fork_leaves_the_files_to_its_parent(headers):
    path = [headers.find(TEXT, command()) for _ in range(3)][-1]
    headers.close(os.getpid() + 1)
    assert os.path.exists(path)
    headers.close(os.getpid())
    assert not os.path.exists(os.path.dirname(path))


PROCESS = """
import os, sys
used = []
def hear(event, details):
    if event == "subprocess.Popen":
        command = " ".join(map(str, details[1])).split()
        used.extend(command[i + 1] for i, word in enumerate(command) if word == "-include")
import facekp.engine.ready
import theano, theano.tensor as T
sys.addaudithook(hear)
x = T.fvector()
for y in (T.sin(x), T.cos(x), T.tan(x), T.exp(x)):
    theano.function([x], y)([1])
print(len(used), all(map(os.path.exists, used)), os.path.dirname(used[0]))
"""


def test_theanos_modules_use_them_and_have_no_debugging_symbols(clean_env, tmp_path):
    env = dict(clean_env, THEANO_FLAGS="base_compiledir=%s" % tmp_path)
    answer = subprocess.run([sys.executable, "-c", PROCESS], env=env, stdout=subprocess.PIPE,
                            check=True).stdout.decode().split()
    assert int(answer[0]) >= 2 and answer[1] == "True"
    assert not os.path.exists(answer[2])  # gone with the process
    modules = list(tmp_path.glob("*/tmp*/*.so"))
    assert len(modules) >= 4
    assert not any(b".debug_info" in module.read_bytes() for module in modules)


def test_leading_lines_are_those_of_theanos_modules():
    module = cmodule.DynamicModule()
    module.add_include("<math.h>")
    module.add_support_code("#include <map>\nint f();")
    assert precompiled.LEADING.match(module.code()).group() == (
        '#include <Python.h>\n#include <iostream>\n#include "theano_mod_helper.h"\n'
        '#include <math.h>\n')
