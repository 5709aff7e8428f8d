"""onnxruntime-web, which runs the nets in the browser: one pinned package of npm."""
import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from facekp import files
from facekp.errors import ConfigError, EngineError

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"

INTEGRITY = ("q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02V"
             "b7QmRMDs1SigqR4CXAfKYQ==")
"""SHA-512 of the package, as npm's registry and lock files name it."""

FILES = ("ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm", "ort.wasm.min.mjs")
"""What the page needs of it."""

FOLDER = Path(__file__).parent / "runtime"
"""Where they are kept; a wheel that is built when they are there brings them."""


def complete(folder=FOLDER):
    """Whether all files are in a folder."""
    return all((Path(folder) / name).exists() for name in FILES)


def fetch(folder=FOLDER):
    """The files of the pinned package, fetched with npm if they are not there yet.

    Parameters
    ----------
    folder : path

    Returns
    -------
    dict of str -> Path, the files by name

    Raises
    ------
    EngineError
        If npm is not installed or does not get the package.
    ConfigError
        If it gets another one, or the folder cannot be written.
    """
    kept = {name: Path(folder) / name for name in FILES}
    if complete(folder):
        return kept
    with tempfile.TemporaryDirectory() as temporary:
        content = _packed(temporary)
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with tarfile.open(content) as archive:
                for name, path in kept.items():
                    with files.replacing(path) as file:
                        shutil.copyfileobj(archive.extractfile(f"package/dist/{name}"), file)
        except OSError as error:
            raise ConfigError(f"{folder}: cannot be written ({error.strerror}); let somebody run "
                              "this who may") from None
    return kept


def _packed(folder):
    """The path of the package in `folder`, after its hash was checked."""
    npm = shutil.which("npm")
    if npm is None:
        raise EngineError(f"npm is not installed, which gets {PACKAGE} {VERSION} for the page; "
                          "install Node.js with npm, and try again")
    done = subprocess.run([npm, "pack", f"{PACKAGE}@{VERSION}", "--silent"], cwd=folder,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    found = list(Path(folder).glob("*.tgz"))
    if done.returncode or len(found) != 1:
        why = (done.stderr.strip().splitlines() or ["it says no more"])[-1][:200]
        raise EngineError(f"npm cannot get {PACKAGE} {VERSION} ({why}); try again when the network "
                          "is there")
    digest = base64.b64encode(hashlib.sha512(found[0].read_bytes()).digest()).decode()
    if digest != INTEGRITY:
        raise ConfigError(f"{PACKAGE} {VERSION}: found the SHA-512 {digest}, expected {INTEGRITY}; "
                          "it was changed on the way and is not used")
    return found[0]
