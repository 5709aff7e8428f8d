"""What Theano asks the C++ compiler is asked once for each compiler and processor."""
import json
import subprocess
import sys

import pytest
import theano
from theano.gof import OpenMPOp, cmodule

import facekp.engine.ready  # noqa: F401
from facekp.engine import compiler_answers

ASK = """
import json, sys
asked = []
def hear(event, details):
    if event == "subprocess.Popen":
        command = " ".join(map(str, details[1]))
        asked.extend(word for word in ("-march=native", "try_march_", "test_omp_")
                     if word in command)
import facekp.engine.ready
from facekp.engine import compiler_answers
from theano.gof import OpenMPOp, cmodule
compiler_answers.place = lambda question: "%s/%s.json" % (sys.argv[1], question)
cmodule.GCC_compiler.march_flags = None  # asked where Theano compiled a part of itself
sys.addaudithook(hear)
print(json.dumps([cmodule.GCC_compiler.compile_args(), OpenMPOp.test_gxx_support(), asked]))
"""


@pytest.fixture
def compiler(monkeypatch, tmp_path):
    """Theano's compiler, asked nothing yet, and a folder for the answers."""
    monkeypatch.setattr(cmodule.GCC_compiler, "march_flags", None)
    monkeypatch.setattr(compiler_answers, "place",
                        lambda question: str(tmp_path / f"{question}.json"))
    return cmodule.GCC_compiler


def test_the_next_process_asks_nothing_and_compiles_alike(compiler, clean_env, tmp_path,
                                                          monkeypatch):
    commands = []

    class Heard(subprocess.Popen):
        def __init__(self, command, *args, **more):
            commands.append(" ".join(map(str, command)) if isinstance(command, list) else command)
            super().__init__(command, *args, **more)
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", Heard)
        here = [compiler.compile_args(), OpenMPOp.test_gxx_support()]
    for question in ("-march=native", "try_march_", "test_omp_"):
        assert any(question in command for command in commands), question
    there = json.loads(subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path)], env=clean_env, stdout=subprocess.PIPE,
        check=True).stdout.splitlines()[-1])
    assert there == [*here, []] and here[1] is True


def test_flags_that_failed_are_not_remembered(compiler, monkeypatch, tmp_path):
    compiler.compile_args()  # what was remembered before counts for nothing
    (tmp_path / "march.json").unlink()
    monkeypatch.setattr(compiler, "march_flags", None)
    monkeypatch.setattr(compiler, "try_compile_tmp", lambda *args, **more: (False, False))
    compiler.compile_args()
    assert compiler.march_flags == []
    OpenMPOp.test_gxx_support()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '"-march=x"'])
def test_a_damaged_answer_is_asked_for_again(compiler, tmp_path, text):
    (tmp_path / "march.json").write_text(text)
    (tmp_path / "openmp.json").write_text(text)
    assert compiler_answers.recall("march") is None
    assert compiler_answers.recall("openmp") is None


def test_a_folder_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(compiler_answers, "place", lambda question: str(tmp_path / "file" / "x"))
    compiler_answers.remember("openmp", True)
    assert compiler_answers.recall("openmp") is None


def test_another_compiler_processor_or_option_has_answers_of_its_own(monkeypatch, tmp_path):
    places = {compiler_answers.place("march"), compiler_answers.place("openmp")}
    with monkeypatch.context() as patch:
        patch.setattr(compiler_answers, "processor", lambda: ["flags : sse2"])
        places.add(compiler_answers.place("march"))
    with monkeypatch.context() as patch:
        patch.setenv("COMPILER_PATH", "/elsewhere")
        places.add(compiler_answers.place("march"))
    cxx = tmp_path / "g++"
    for content in (b"\x7fELF one", b"\x7fELF another"):
        cxx.write_bytes(content)
        with theano.configparser.change_flags(cxx=str(cxx)):
            places.add(compiler_answers.place("march"))
    assert len(places) == 6 and None not in places


@pytest.mark.parametrize("name, content", [
    ("g++", b"#!/bin/sh\nexec other-g++\n"), ("ccache", b"\x7fELF"), ("g++", None)])
def test_a_compiler_that_cannot_be_told_from_others_is_always_asked(name, content, tmp_path):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert compiler_answers.identify(str(path)) is None
    with theano.configparser.change_flags(cxx=str(path)):
        assert compiler_answers.place("march") is None
        assert compiler_answers.recall("march") is None


def test_a_processor_is_known_by_what_does_not_change(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: X\ncpu MHz\t\t: 900.1\nflags\t\t: sse2\n\n"
                    "processor\t: 1\n")
    assert compiler_answers.processor(path) == ["model name\t: X", "flags\t\t: sse2"]
    assert compiler_answers.processor(tmp_path / "none") is None
