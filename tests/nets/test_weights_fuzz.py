"""Damaged and hostile weights.npz and checkpoints: the values as they were, or one RunError.

``FACEKP_FUZZ=100000 pytest tests/nets/test_weights_fuzz.py`` damages 25000 of each; the default
is short.
"""
import io
import json
import os
import random
import struct
import subprocess
import sys
import zipfile
import zlib

import numpy as np
import pytest
from fuzz_tools import N_INPUTS, Tally, mutate, noise

from facekp import files
from facekp.nets.weights import load_weights

VALUES = {"conv1.W": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
          "conv1.b": np.array([1, np.pi], np.float32)}
SHAPES = {name: value.shape for name, value in VALUES.items()}
PER_TEST = -(-N_INPUTS // 4)


def npz(compression, change=lambda member: member):
    """weights.npz with each member changed before it is packed, so that the checksums hold."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, value in VALUES.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, value)
            archive.writestr(f"{name}.npy", change(member.getvalue()))
    return buffer.getvalue()


def test_damaged_weights(tmp_path):
    """Where a checksum covers the damage, nothing but the true values is ever accepted."""
    rng, tally, path = random.Random(0), Tally(), tmp_path / "weights.npz"
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    whole = [npz(method) for method in methods]
    for number in range(PER_TEST):
        outside = number % 2
        path.write_bytes(rng.choice([mutate, mutate, noise])(rng, rng.choice(whole)) if outside
                         else npz(rng.choice(methods), lambda member: mutate(rng, member)))
        loaded = tally.read(lambda: load_weights(path, SHAPES))
        if loaded is not None:
            assert {name: value.shape for name, value in loaded.items()} == SHAPES
            assert all(value.dtype == np.float32 for value in loaded.values())
            if outside:
                for name, value in VALUES.items():
                    np.testing.assert_array_equal(loaded[name], value)
    tally.close("weights.npz")


def signed(body):
    """A checkpoint whose checksum is right, whatever is in it."""
    return files.MAGIC + struct.pack("<I", zlib.crc32(body)) + body


def test_damaged_checkpoints(tmp_path):
    """Half of them with a checksum that holds, as a forger would make it."""
    rng, tally, path = random.Random(0), Tally(), tmp_path / "checkpoint"
    files.write_arrays(path, VALUES, {"history": [{"epoch": 1}]})
    whole = path.read_bytes()
    start = len(files.MAGIC) + 4
    for number in range(PER_TEST):
        forged = number % 2
        path.write_bytes(signed(mutate(rng, whole[start:])) if forged
                         else rng.choice([mutate, mutate, noise])(rng, whole))
        found = tally.read(lambda: files.read_arrays(path))
        if found is not None:
            arrays, _ = found
            assert all(value.dtype.kind in "biuf" for value in arrays.values())
            if not forged:
                for name, value in VALUES.items():
                    np.testing.assert_array_equal(arrays[name], value)
    tally.close("checkpoint")


# Each writes a file, and must be refused within LIMIT of memory beyond what the imports take.
LIMIT = 150 * 2**20
READ = """
import resource, sys
import numpy, zipfile
from facekp import files
from facekp.nets import weights
from facekp.errors import RunError

used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]),) * 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[3:]:
    try:
        if path.endswith(".npz"):
            weights.load_weights(path, {"conv1.W": (2, 3, 2, 2), "conv1.b": (2,)})
        else:
            files.read_arrays(path)
        sys.exit(f"{path} was accepted")
    except RunError as error:
        assert "\\n" not in str(error), error
        assert "llocate" not in str(error) and "emory" not in str(error), error
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def header(shape):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def hostile_weights(folder):
    """Weights that promise or unfold to more than any memory."""
    good = {f"{name}.npy": header(shape) + VALUES[name].tobytes()
            for name, shape in SHAPES.items()}
    bomb = header((2,)) + bytes(2**26)

    def write(name, members, method=zipfile.ZIP_STORED):
        path = folder / f"{name}.npz"
        with zipfile.ZipFile(path, "w", method) as archive:
            for member, content in members:
                archive.writestr(member, content)
        return path

    def changed(content):
        return list({**good, "conv1.b.npy": content}.items())

    yield write("huge shape", changed(header((10**12,)) + bytes(8)))
    yield write("huge product", changed(header((2**62, 4)) + bytes(8)))
    yield write("negative shape", changed(header((-2,)) + bytes(8)))
    yield write("long header", changed(header("1," * 30000)))
    yield write("bomb", changed(bomb), zipfile.ZIP_DEFLATED)
    yield write("bomb by another method", changed(bomb), zipfile.ZIP_BZIP2)
    yield write("traversal", [*good.items(), ("../../etc/x.npy", b"")])
    yield write("absolute", [*good.items(), ("/etc/x.npy", b"")])
    yield write("many members", [(f"{number}.npy", b"") for number in range(5000)])
    path = write("huge declared size", good.items())
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02") + 24
    content[at:at + 4] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(content)
    yield path


def hostile_checkpoints(folder):
    """Checkpoints with a right checksum that promise more than they hold."""
    for number, listing in enumerate([
            [["W", "<f4", [10**12]]], [["W", "<f4", [2**62, 4]]], [["W", "<f4", [-1]]],
            [["W", "|O", [1]]], [["W", "V9", [1]]], [["W", "<f4", ["1"]]], [["W", "<f4", 1.5]],
            [["W", ["a", "|O"], [1]]], [["W", ",", [1]]], [["W", "1,", [1]]], "x", 5, [[]],
            [["W", "S1000000000", [10**9]]]]):
        text = json.dumps({"meta": {}, "arrays": listing}).encode()
        path = folder / f"forged{number}"
        path.write_bytes(signed(struct.pack("<Q", len(text)) + text + bytes(8)))
        yield path
    path = folder / "long text"
    path.write_bytes(signed(struct.pack("<Q", 2**63) + b"{}"))
    yield path


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="this system has no /proc")
def test_hostile_files_take_no_memory(tmp_path, clean_env):
    """In a process that may not allocate much more than it has."""
    hostile = [*hostile_weights(tmp_path), *hostile_checkpoints(tmp_path)]
    done = subprocess.run([sys.executable, "-c", READ, "x", str(LIMIT), *map(str, hostile)],
                          env=clean_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 20 * 1024  # KiB
