"""The text of the kernels as Theano gets it: each header once, the same in every checkout."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import os

import pytest
import theano.tensor as T

from facekp.fused import cop
from facekp.fused.conv_algorithms import DIRECT, winograd
from facekp.fused.conv_gradient_ops import ConvReluPoolGrad
from facekp.fused.conv_ops import ConvReluPool, conv_relu_pool


@pytest.fixture
def csrc(tmp_path, monkeypatch):
    monkeypatch.setattr(cop, "CSRC", str(tmp_path))
    cop.amalgamation.cache_clear()
    yield tmp_path
    cop.amalgamation.cache_clear()


def test_each_header_once_where_it_is_first_included(csrc):
    (csrc / "a.h").write_text('#pragma once\n#include <omp.h>\n#include "b.h"\nint a;\n')
    (csrc / "b.h").write_text('#pragma once\nint b;\n')
    (csrc / "c.h").write_text('#include "b.h"\n#include "a.h"\nint c;\n')
    text = cop.amalgamation(("c.h", "a.h"))
    code = [line for line in text.splitlines() if line and not line.startswith("#line")]
    assert code == ["int b;", "#include <omp.h>", "int a;", "int c;"]
    lines = text.splitlines()
    assert lines[lines.index("int a;") - 1] == '#line 4 "a.h"'  # for the compiler's messages
    assert lines[lines.index("int c;") - 1] == '#line 3 "c.h"'


def test_no_folder_is_part_of_the_compiled_code():
    for op, function in ((ConvReluPool(0, True, DIRECT, 0.5, True), "conv_relu_pool"),
                         (ConvReluPoolGrad(0, True, winograd(5), 0.5), "conv_backward")):
        assert function in op.c_support_code()
        told = [op.c_support_code(), *op.c_headers(), *op.c_compile_args()]
        assert not any(os.path.dirname(cop.CSRC) in text for text in told)


def test_an_edit_of_a_header_makes_another_version(csrc, monkeypatch):
    monkeypatch.setattr(ConvReluPool, "headers", ("x.h",))
    versions = []
    for text in ("int x;\n", "int y;\n"):
        (csrc / "arrays.h").write_text("")
        (csrc / "x.h").write_text(text)
        cop.amalgamation.cache_clear()
        versions.append(ConvReluPool(0, True, DIRECT, 0.5, True).c_code_cache_version())
    assert versions[0] != versions[1]


def test_an_edit_of_the_body_makes_another_version(monkeypatch):
    node = conv_relu_pool(T.ftensor4(), T.ftensor4(), T.fvector()).owner
    versions = [node.op.c_code_cache_version_apply(node)]
    monkeypatch.setattr(ConvReluPool, "body", lambda *_: "other();")
    versions.append(node.op.c_code_cache_version_apply(node))
    assert versions[0] != versions[1]
