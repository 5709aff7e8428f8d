"""The pinned sets, conda's environment and the metadata agree; what is installed is complete."""

import configparser
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata

import pytest
import yaml
from packaging_tools import build_wheel

import facekp
from facekp.experiment import known

from checkout import ROOT
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)(?: ; (.*?))? \\$", re.MULTILINE)
LOOSE = {"pygpu", "gxx", "make", "openblas", "libblas", "pip", "python"}  # conda's own


def pins(name):
    """Dict of package -> version from a generated file; every package has one version."""
    found = {}
    for package, version, _ in PIN.findall((ROOT / "requirements" / (name + ".txt")).read_text()):
        assert package not in found, package
        found[package] = version
    return found


@pytest.fixture(scope="module")
def config():
    parser = configparser.ConfigParser()
    parser.read(str(ROOT / "setup.cfg"))
    return parser


def test_each_set_is_part_of_the_next():
    build, run, test = pins("build"), pins("run"), pins("test")
    assert len(build) == 2 and len(run) > 20 and len(test) > 60
    assert build.items() <= run.items() <= test.items()


def test_the_documentation_s_set_goes_into_the_same_environment():
    docs, test = pins("docs"), pins("test")
    assert "sphinx" in docs and "jinja2" in docs
    assert {name: test.get(name, version) for name, version in docs.items()} == docs


def test_the_distribution_theano_is_in_no_set():
    for name in ("build", "run", "test", "docs", "uv"):
        assert "theano" not in {package.lower() for package in pins(name)}
    assert pins("run")["theano-pymc"] == "1.0.9"


@pytest.mark.parametrize("name", ["build", "run", "test", "docs", "uv", "gpu", "cluster"])
def test_generated_files_hold_what_is_asked_for_with_hashes(name):
    text = (ROOT / "requirements" / (name + ".txt")).read_text()
    for line in (ROOT / "requirements" / (name + ".in")).read_text().splitlines():
        asked = re.match(r"([A-Za-z0-9_.-]+)(?:==(\S+))?", line)
        if asked and not line.startswith("-"):
            version = pins(name)[asked.group(1)]
            assert asked.group(2) in (None, version), line
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) == len(pins(name))
    for block in blocks:
        assert "--hash=sha256:" in block, block
    assert "http" not in text and "index" not in text


def test_conda_has_the_pinned_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == "facekp"
    run = pins("run")
    shared = {}
    for dependency in environment["dependencies"]:
        name, _, version = dependency.partition("=")
        if name in LOOSE:
            assert name not in run, name
        else:
            shared[name] = version
    wheels = pins("gpu")  # conda has other names for them
    for name, wheel in (("cuda-nvrtc", "cuda-nvrtc-cu12"), ("libcublas", "cublas-cu12")):
        assert shared.pop(name) == wheels["nvidia-" + wheel]
    assert shared and shared.items() <= run.items()
    assert {"python=3.8", "pygpu=0.7.6"} <= set(environment["dependencies"])


def test_every_pin_fits_the_metadata(config):
    from pkg_resources import Requirement

    run = pins("run")
    for part in (config["options"]["install_requires"], config["options.extras_require"]["train"]):
        requirements = list(map(Requirement.parse, part.strip().splitlines()))
        assert len(requirements) > 2
        for requirement in requirements:
            assert run[requirement.key] in requirement.specifier, str(requirement)
    test = set(config["options.extras_require"]["test"].split())
    assert test <= set(pins("test"))
    python = Requirement.parse("python" + config["options"]["python_requires"]).specifier
    assert [minor for minor in range(20) if f"3.{minor}.0" in python] == list(range(8, 14))


def test_installed_distributions_are_the_pinned_ones():
    # this folder alone: pkg_resources, once imported, shows what setuptools carries as well
    found = {re.sub("[-_.]+", "-", distribution.metadata["Name"]).lower(): distribution.version
             for distribution in metadata.distributions(path=[sysconfig.get_path("purelib")])}
    wrong = {package: found[package] for package, version in pins("run").items()
             if found.get(package, version) != version}  # absent: for another Python or platform
    if wrong and not os.path.exists(os.path.join(sys.prefix, "facekp-run.stamp")):
        pytest.skip("not installed by make env; other versions than pinned: %s" % wrong)
    assert not wrong


def test_pip_check_complains_about_nolearns_theano_alone():
    done = subprocess.run([sys.executable, "-m", "pip", "check"], stdout=subprocess.PIPE,
                          universal_newlines=True)
    assert done.stdout == "nolearn 0.6.1 requires theano, which is not installed.\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """With one more experiment in a folder of its own."""
    def add(source):
        beyond = source / "experiments" / "beyond"
        beyond.mkdir(exist_ok=True)
        (beyond / "far_away.py").write_text((source / "experiments" / "lenet.py").read_text(
            ).replace('name="lenet"', 'name="far-away"'))
    return build_wheel(tmp_path_factory.mktemp("wheel"), add)


def sources(folder):
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}


def test_a_wheel_is_complete(wheel):
    """Every module, the kernels' sources, the experiments and the command are in it."""
    with zipfile.ZipFile(str(wheel)) as archive:
        inside = set(archive.namelist())
        [entry_points] = [name for name in inside if name.endswith("entry_points.txt")]
        assert "facekp = facekp.cli:main" in archive.read(entry_points).decode()
    expected = sources("facekp") | {f"facekp/{name}" for name in sources("experiments")}
    assert expected | {"facekp/experiments/beyond/far_away.py"} == {
        name for name in inside if name.startswith("facekp/")}
    assert {name.partition("/")[0] for name in inside} == {
        "facekp", f"facekp-{facekp.__version__}.dist-info"}


def test_an_installed_package_runs_experiments(wheel, tmp_path, clean_env):
    """Outside of the checkout: as pip unpacks it, beside the packages of this environment."""
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
                    "--target", str(tmp_path / "site"), str(wheel)], check=True)
    clean_env["PYTHONPATH"] = str(tmp_path / "site")

    def run(*arguments):
        return subprocess.run([sys.executable, "-m", "facekp.cli", "run", *arguments],
                              cwd=str(tmp_path), env=clean_env, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True)
    listed = {line.split()[0] for line in run().stdout.splitlines()}
    assert listed == {*known.files(), "far-away"}
    done = run("far-away", "--only", "nonsense")
    assert done.returncode == 2 and "only: found 'nonsense', expected none" in done.stderr
    assert run("far-away", "--help").returncode == 0
