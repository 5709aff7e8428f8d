"""Builds a driver, an NVRTC and a cuBLAS that need no GPU, from the sources in tests/cuda."""
import subprocess

from checkout import ROOT

FILES = {"driver": "libcuda.so.1", "nvrtc": "libnvrtc.so.13", "cublas": "libcublas.so.13"}


def build(folder, names=FILES, **macros):
    """Compile some of the three libraries into a folder.

    Parameters
    ----------
    folder : Path
    names : iterable of str
    macros : values of macros of their sources

    Returns
    -------
    str, the folder
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", f"-Wl,-soname,{FILES[name]}",
                        *(f"-D{key}={value}" for key, value in macros.items()),
                        "-o", str(folder / FILES[name]), str(ROOT / "tests/cuda" / f"{name}.c")],
                       check=True)
    return str(folder)
