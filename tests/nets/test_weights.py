"""weights.npz: read back as written, and refused, never executed, when it is anything else."""
import io
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

from facekp.errors import RunError
from facekp.nets.lenet import lenet5
from facekp.nets.weights import load_weights, read_weights, save_weights

VALUES = {"conv1.W": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
          "conv1.b": np.array([1, np.pi], np.float32)}
SHAPES = {name: value.shape for name, value in VALUES.items()}


def npy(array, **kwargs):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), **kwargs)
    return file.getvalue()


def header(text, version=b"\x01\x00"):
    text = text.encode()
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text


def write_zip(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def good():
    return {f"{name}.npy": npy(value) for name, value in VALUES.items()}


def refused(path, *words):
    with pytest.raises(RunError) as caught:
        load_weights(path, SHAPES)
    message = str(caught.value)
    assert message.startswith(f"{path}: these weights cannot be used: ")
    assert "\n" not in message
    for word in words:
        assert word in message


def refused_or_harmless(path, offset):
    """RunError, or the values as they were."""
    try:
        loaded = load_weights(path, SHAPES)
    except RunError:
        return
    for name, value in VALUES.items():
        np.testing.assert_array_equal(loaded[name], value, err_msg=f"byte {offset}")


def test_there_and_back(tmp_path):
    path = tmp_path / "weights.npz"
    save_weights(path, VALUES)
    loaded = load_weights(path, SHAPES)
    assert list(loaded) == list(VALUES)
    for name, value in VALUES.items():
        assert loaded[name].dtype == np.float32 and loaded[name].flags.writeable
        np.testing.assert_array_equal(loaded[name], value)
    with np.load(path) as plain:  # an ordinary npz for everybody else
        assert sorted(plain.files) == sorted(VALUES)


def test_weights_of_float64_are_read_into_a_net_of_float32(tmp_path):
    net = lenet5("classic")
    values = {name: parameter.get_value() + np.float32(0.5)
              for name, parameter in net.weights().items()}
    save_weights(tmp_path / "w", {name: value.astype(float) for name, value in values.items()})
    read_weights(net, tmp_path / "w")
    for name, parameter in net.weights().items():
        assert parameter.get_value().dtype == np.float32
        np.testing.assert_array_equal(parameter.get_value(), values[name])


def test_the_same_values_are_the_same_bytes(tmp_path):
    save_weights(tmp_path / "a", VALUES)
    save_weights(tmp_path / "b", VALUES)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_missing_and_additional_names(tmp_path):
    members = good()
    members["conv9.W.npy"] = members.pop("conv1.W.npy")
    write_zip(tmp_path / "w", members)
    refused(tmp_path / "w", "lacks conv1.W.npy", "conv9.W.npy")


def test_a_name_that_is_there_twice(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        with zipfile.ZipFile(tmp_path / "w", "w") as archive:
            for name, content in [*good().items(), ("conv1.b.npy", npy(VALUES["conv1.b"]))]:
                archive.writestr(name, content)
    refused(tmp_path / "w")


@pytest.mark.parametrize("array, words", [
    (np.zeros(3, np.float32), ("conv1.b", "(3,)", "expected <f4 or <f8 (2,)")),
    (np.zeros((2, 1), np.float32), ("(2, 1)",)),
    (np.zeros(2, np.float16), ("<f2",)),
    (np.zeros(2, np.int32), ("<i4",)),
    (np.zeros(2, ">f4"), (">f4",)),
    (np.zeros(2, [("a", "f4")]), ()),
    (np.float32(1), ("()",)),
])
def test_wrong_shape_or_dtype(tmp_path, array, words):
    write_zip(tmp_path / "w", {**good(), "conv1.b.npy": npy(array)})
    refused(tmp_path / "w", *words)


def test_no_pickle_is_ever_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return open, (str(tmp_path / "executed"), "w")

    objects = np.array([Bomb(), Bomb()], object)
    for name, content in (("npy", npy(objects, allow_pickle=True)),
                          ("bare", pickle.dumps(Bomb())),
                          ("tail", npy(VALUES["conv1.b"]) + pickle.dumps(Bomb()))):
        path = tmp_path / name
        write_zip(path, {**good(), "conv1.b.npy": content})
        refused(path)
    (tmp_path / "raw").write_bytes(pickle.dumps(Bomb()))
    refused(tmp_path / "raw")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("text", [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}\n",
    "{'descr': '<f4', 'fortran_order': True, 'shape': (2,)}\n",
    "{'descr': '<f4', 'fortran_order': False, 'shape': 'x'}\n",
    "{'descr': '|O', 'fortran_order': False, 'shape': (2,)}\n",
    "{'descr': 'nonsense', 'fortran_order': False, 'shape': (2,)}\n",
    "{'descr': [], 'fortran_order': False, 'shape': (2,)}\n",
    "__import__('os').abort()\n",
    "[]\n", "", "{(", "'''", "  x\n y", "(" * 3000, "\x00", "{'descr': '<f4'}\n",
])
def test_hostile_headers(tmp_path, text):
    write_zip(tmp_path / "w", {**good(), "conv1.b.npy": header(text) + bytes(8)})
    refused(tmp_path / "w")


def test_other_npy_versions(tmp_path):
    array = npy(VALUES["conv1.b"], version=(2, 0))
    write_zip(tmp_path / "w", {**good(), "conv1.b.npy": array})
    refused(tmp_path / "w", "(2, 0)")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", npy(VALUES["conv1.b"])[:-1],
                                     npy(VALUES["conv1.b"]) + b"\0"])
def test_too_few_or_too_many_bytes(tmp_path, content):
    write_zip(tmp_path / "w", {**good(), "conv1.b.npy": content})
    refused(tmp_path / "w")


@pytest.mark.parametrize("compression, words", [
    (zipfile.ZIP_DEFLATED, "found 9 bytes, expected 8"),  # one byte too many is looked at
    (zipfile.ZIP_BZIP2, "found compression method 12"),
    (zipfile.ZIP_LZMA, "found compression method 14")])
def test_a_zip_bomb_fills_no_memory(tmp_path, compression, words):
    bomb = npy(VALUES["conv1.b"]) + bytes(50_000_000)
    write_zip(tmp_path / "w", {**good(), "conv1.b.npy": bomb}, compression)
    del bomb
    tracemalloc.start()
    try:
        refused(tmp_path / "w", words)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_not_a_zip_a_folder_and_nothing(tmp_path):
    (tmp_path / "text").write_text("conv1.W")
    (tmp_path / "empty").write_bytes(b"")
    for name in ("text", "empty", "gone"):
        refused(tmp_path / name)
    refused(tmp_path)


def test_damage_anywhere_is_refused_or_harmless(tmp_path):
    """A flipped bit gives RunError, or the values as they were; never others, never a traceback."""
    path = tmp_path / "weights.npz"
    save_weights(path, VALUES)
    whole = path.read_bytes()
    for offset in range(len(whole)):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1:])
        refused_or_harmless(path, offset)


def test_truncation_anywhere_is_refused(tmp_path):
    path = tmp_path / "weights.npz"
    save_weights(path, VALUES)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        refused(path)


def test_damage_in_compressed_members_is_refused(tmp_path):
    random = np.random.RandomState(0)
    path = tmp_path / "w"
    write_zip(path, good(), zipfile.ZIP_DEFLATED)
    whole = path.read_bytes()
    for offset in random.randint(0, len(whole), 300):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0x55]) + whole[offset + 1:])
        refused_or_harmless(path, offset)
