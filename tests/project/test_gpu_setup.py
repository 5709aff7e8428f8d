"""`make gpu` on pretended systems: with python3-pygpu or not, with root or not."""
import os
import shutil
import subprocess

import pytest

from checkout import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("sh"), reason="there is no shell")

# The environment's Python: it has pygpu once the file says so, and lacks NVRTC if told so.
PYTHON = """#!/bin/sh
case "$*" in
    *adopt_system_pygpu*) test -e "{folder}/pygpu" ;;
    *cuda.prepare*) test -n "$LACKS_NVRTC" ;;
    *version_info*) echo 3.11 ;;
    *facekp.cli*) echo "info for $FACEKP_DEVICE" ;;
esac
"""
COMMANDS = {
    "id": "echo $PRETENDED_USER",
    "apt-cache": 'echo "Depends: python3 (<< $BELOW), python3 (>= 3.8~), python3-mako"',
    "apt-get": 'echo "$@" >> "{folder}/asked"; case "$*" in *download*) touch a.deb ;; '
               '*) test -z "$BROKEN" && touch "{folder}/pygpu" ;; esac',
    "dpkg": 'test -e "$2" && touch "{folder}/pygpu"',
}


@pytest.fixture
def make_gpu(tmp_path):
    """Run the script on a pretended system: exit code, what it says, the environment's folder."""
    folder, programs = tmp_path / "an env", tmp_path / "programs"
    (folder / "bin").mkdir(parents=True)
    programs.mkdir()

    def write(path, text):
        path.write_text(text.replace("{folder}", str(folder)))
        path.chmod(0o755)

    write(folder / "bin" / "python", PYTHON)
    for name in ("sh", "dirname", "sed", "head", "tail", "touch", "rm", "mkdir", "cksum", "cat"):
        (programs / name).symlink_to(shutil.which(name))

    def run(user="0", below="3.12", apt=True, **settings):
        for name, text in COMMANDS.items():
            if apt or not name.startswith("apt"):
                write(programs / name, f"#!/bin/sh\n{text}\n")
        done = subprocess.run(
            ["sh", str(ROOT / "requirements" / "gpu.sh"), str(folder)], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, universal_newlines=True,
            env=dict(settings, PATH=str(programs), PRETENDED_USER=user, BELOW=below))
        return done.returncode, done.stdout, folder
    return run


def test_root_installs_the_packages(make_gpu):
    code, said, folder = make_gpu(FACEKP_DEVICE="cuda1")
    assert code == 0 and said.endswith("info for cuda1\n"), said
    asked = (folder / "asked").read_text()
    assert asked.startswith("install ") and "python3-pygpu libgpuarray-dev" in asked
    assert make_gpu()[0] == 0 and (folder / "asked").read_text() == asked  # it is there now


def test_others_unpack_them_into_the_environment(make_gpu):
    code, said, folder = make_gpu(user="1000")
    assert code == 0, said
    assert (folder / "asked").read_text().startswith("download ")
    assert os.path.isdir(folder / "gpu") and not (folder / "gpu" / "packages").exists()


@pytest.mark.parametrize("system, words", [
    ({"below": "3.13"}, ["for Python 3.12", "the environment has 3.11", "make conda-env"]),
    ({"below": ""}, ["has no python3-pygpu", "make conda-env"]),
    ({"apt": False}, ["only Debian, Ubuntu and conda", "docs/gpu.md"]),
    ({"BROKEN": "1"}, ["apt-get install", "failed"]),
])
def test_what_cannot_be_done_is_said_with_another_way(make_gpu, system, words):
    code, said, folder = make_gpu(**system)
    assert code == 1 and all(word in said for word in words), said


def test_a_conda_environment_is_told_to_conda(make_gpu, tmp_path):
    (tmp_path / "an env" / "conda-meta").mkdir()
    code, said, folder = make_gpu()
    assert code == 1 and "make conda-env" in said and not (folder / "asked").exists()


def test_wheels_come_where_nvrtc_or_cublas_is_missing(make_gpu, tmp_path):
    (tmp_path / "an env" / "pygpu").touch()
    code, said, folder = make_gpu(LACKS_NVRTC="1")  # the pretended Python installs nothing
    log = (folder / "install.log").read_text()
    assert "requirements/gpu.txt" in log, said
