"""requirements/setup.sh: which interpreter it takes, and what it says where none fits."""
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from checkout import ROOT

TOOLS = ("sh", "cat", "cksum", "cp", "dirname", "flock", "grep", "head", "mkdir", "rm", "sed",
         "sleep", "tail", "touch", "tr", "uname")
REAL = f'exec "{sys.executable}" "$@"\n'


@pytest.fixture
def machine(tmp_path):
    """A copy of requirements/ and a PATH with a shell's tools, but no Python."""
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    (tmp_path / "bin").mkdir()
    for tool in filter(shutil.which, TOOLS):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    return tmp_path


def program(folder, name, text):
    path = folder / "bin" / name
    path.unlink(missing_ok=True)  # written through a link, it would be the system's own
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def shell(folder, command, *arguments, **env):
    return subprocess.run(["/bin/sh", "-c", command, "sh", *arguments], cwd=str(folder),
                          env={"PATH": str(folder / "bin"), "HOME": str(folder), **env},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def set_up(folder, **env):
    return shell(folder, "exec /bin/sh requirements/setup.sh .venv run", **env)


NEW_PYTHON = 'case "$*" in *"(3, 11)"*) exit 1 ;; esac\n'


def test_pip_installs_uv_by_its_hashes_where_only_a_new_python_is_there(machine):
    program(machine, "python3", NEW_PYTHON + 'case "$*" in *"pip install"*) echo "$@" >> calls\n'
            '"%s" -c "import os; os.makedirs(\'.uv/bin\')"\n'
            'printf \'#!/bin/sh\\necho uv "$@" >> calls\\n\' > .uv/bin/uv\n'
            '"%s" -c "import os; os.chmod(\'.uv/bin/uv\', 0o755)"; exit ;; esac\n'
            % (sys.executable, sys.executable) + REAL)
    set_up(machine)
    calls = (machine / "calls").read_text().splitlines()
    assert "--require-hashes" in calls[0] and calls[0].endswith("requirements/uv.txt")
    assert any(call.startswith("uv venv") for call in calls)


def test_uv_takes_the_system_s_python_where_venv_does_not_work(machine):
    program(machine, "python3.11", 'case "$*" in "-m venv"*) exit 1 ;; esac\n' + REAL)
    program(machine, "uv", 'echo "$@" >> calls\n')
    set_up(machine)
    assert (machine / "calls").read_text().splitlines()[0].endswith("--python python3.11 .venv")


def test_a_python_without_headers_is_passed_over(machine):
    program(machine, "python3.11", 'case "$*" in *Python.h*) exit 1 ;; esac\n' + REAL)
    program(machine, "python3.10", REAL)
    done = shell(machine, "here=requirements project=$PWD; . requirements/python.sh; find_python")
    assert done.stdout.strip() == "python3.10"


@pytest.mark.parametrize("with_uv", [True, False])
def test_two_lines_say_what_to_do_where_nothing_helps(machine, with_uv):
    if with_uv:
        program(machine, "uv", 'case "$1" in venv) printf "error: 1\\n cause: no route\\n" >&2; '
                               'exit 2 ;; esac\n')
    done = set_up(machine)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 2
    assert ("no route" in done.stderr) == with_uv
    assert "make conda-env" in done.stderr.splitlines()[1]
    assert not (machine / ".venv").exists()


@pytest.mark.parametrize("release, package", [
    ("ID=ubuntu\nVERSION_ID=\"22.04\"\nID_LIKE=debian", "python3-venv python3-dev"),
    ("ID=ubuntu\nVERSION_ID=\"24.04\"\nID_LIKE=debian", "python3.11-dev"),
    ("ID=debian\nVERSION_ID=\"12\"", "python3-venv python3-dev"),
    ("ID=debian\nVERSION_ID=\"13\"", "python3-venv"),
    ("ID=fedora\nVERSION_ID=42", "python3.11-devel"),
    ("ID=\"rocky\"\nVERSION_ID=\"9.4\"\nID_LIKE=\"rhel centos fedora\"", "python3.11-devel"),
    ("ID=\"opensuse-leap\"\nVERSION_ID=\"15.6\"\nID_LIKE=\"suse opensuse\"", "python311-devel"),
    ("ID=arch", "uv"), ("ID=other", "uv"), ("", "uv")])
def test_the_advice_names_packages_that_the_system_has(machine, release, package):
    program(machine, "uname", "echo Linux\n")
    (machine / "os-release").write_text(release)
    done = shell(machine, '. requirements/python.sh; set -u; advice ./os-release')
    assert done.returncode == 0 and done.stdout.count("\n") == 1
    assert set(package.split()) <= set(done.stdout.partition(";")[0].split())


def test_the_advice_on_macos_is_homebrew(machine):
    program(machine, "uname", "echo Darwin\n")
    done = shell(machine, '. requirements/python.sh; advice no-such-file')
    assert done.stdout.startswith("brew install python@3.11")


def test_an_unfit_interpreter_is_refused(machine):
    program(machine, "old", 'case "$2" in *print*) echo 3.12 ;; *) exit 1 ;; esac\n')
    done = set_up(machine, PYTHON="old")
    assert done.returncode == 1
    assert done.stderr == "PYTHON=old is Python 3.12; facekp needs Python 3.8 to 3.11\n"
    done = set_up(machine, PYTHON="nowhere")
    assert done.returncode == 1 and "nowhere does not run" in done.stderr


@pytest.fixture
def shims(machine):
    """That machine with interpreters that exist and fail, as pyenv's shims may."""
    for name in ("python3.11", "python3.8", "python3"):
        program(machine, name, "exit 127\n")
    return machine


def test_uv_is_asked_for_an_interpreter(shims):
    program(shims, "uv", 'echo "$@" > asked; exit 1\n')
    done = set_up(shims)
    assert done.returncode == 1 and "uv could not get Python 3.11" in done.stderr
    assert (shims / "asked").read_text().split() == [
        "venv", "--quiet", "--seed", "--python-preference", "only-managed", "--python", "3.11",
        ".venv"]


def test_a_missing_venv_module_is_explained(shims):
    program(shims, "python3.9", '[ "$1" = -c ]\n')  # fits, but `-m venv` fails
    done = set_up(shims)
    assert done.returncode == 1 and "apt install python3-venv" in done.stderr


def test_pyenvs_versions_are_found(shims):
    (shims / ".pyenv/versions/3.10.4/bin").mkdir(parents=True)
    program(shims / ".pyenv/versions/3.10.4", "python", '[ "$1" = -c ]\n')
    assert f"with {shims}/.pyenv/versions/3.10.4/bin/python\n" in set_up(shims).stdout


def test_a_failed_installation_names_its_log(shims):
    program(shims, "python3.9", """
case "$1 $2" in
  "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip") case "$3" in --version) ;; *) echo "no such package"; exit 1 ;; esac ;;
esac
""")
    done = set_up(shims)
    assert done.returncode == 1 and "no such package" in done.stderr
    assert ".venv/install.log" in done.stderr
    assert "no such package" in (shims / ".venv/install.log").read_text()
    assert not list((shims / ".venv").glob("*.stamp"))


@pytest.mark.skipif(not shutil.which("flock"), reason="this system has no flock")
def test_of_two_set_ups_at_once_one_waits_and_finds_all_done(shims):
    program(shims, "python3.9", """
case "$1 $2" in
  "-m venv") echo venv >> done; sleep 0.3; mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip") case "$3" in install) echo install >> done ;; esac ;;
esac
""")
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(set_up, [shims] * 2))
    assert [done.returncode for done in both] == [0, 0]
    assert (shims / "done").read_text().split() == ["venv"] + ["install"] * 3
