"""Make's variables reach the script as they were given, or are refused before anything is done."""
import os
import shlex
import shutil
import subprocess
import sys

import pytest
from kaggle_csv import write_folder

from checkout import ROOT

from facekp.experiment import known

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


def make(*arguments, folder=ROOT):
    return run_make("-n", *arguments, folder=folder)


def run_make(*arguments, folder=ROOT):
    done = subprocess.run(["make", "--no-print-directory", *map(os.fsencode, arguments)],
                          cwd=str(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr)


def command(*arguments):
    """The shell command of `make lenet` without the interpreter."""
    code, out, err = make("lenet", *arguments)
    assert code == 0, err
    [line] = [line for line in out.splitlines() if "experiments/lenet.py" in line]
    return line.split("/python ", 1)[1]


@pytest.mark.parametrize("value", [
    "my faces", "it's", 'a"b', "a\\b", "`id`", ";id;", "a|b", "--help", "*", "caf\udce9", "a,b",
    "(a)", "~", "a&b", "\u4e2d\u6587"])
@pytest.mark.parametrize("variable, option", [("DATA", "--data"), ("OUT", "--out"),
                                              ("ONLY", "--only"), ("EPOCHS", "--epochs")])
def test_any_name_is_one_word_for_the_script(variable, option, value):
    words = shlex.split(command(f"{variable}={value}"))
    assert words[words.index(option) + 1] == value


def test_a_switch_is_off_at_0():
    assert "--force-new" in command("NEW=1")
    assert "--force-new" not in command("NEW=0")
    assert "--force-new" not in command("NEW=")
    assert "--quick" in command("QUICK=1") and "--quick" not in command("QUICK=0")


def test_variables_become_options():
    words = shlex.split(command("DATA=my data", "OUT=o", "EPOCHS=3", "SEED=4", "FOLDS=2", "JOBS=5",
                                "SPLIT=grouped", "ONLY=a,b", "ARGS=--device cpu"))
    assert dict(zip(words[1::2], words[2::2])) == {
        "--data": "my data", "--out": "o", "--epochs": "3", "--seeds": "4", "--folds": "2",
        "--jobs": "5", "--split": "grouped", "--only": "a,b", "--device": "cpu"}


def test_a_file_is_a_target_and_a_line_of_help():
    _, listed, _ = run_make("help")
    lines = dict(line.split(maxsplit=2)[1:] for line in listed.splitlines())
    for name, path in known.files().items():
        code, out, err = make(name, "EPOCHS=3")
        assert code == 0, err
        assert f"{path.relative_to(ROOT)} " in out and "--epochs '3'" in out
        doc = known.load(path).__doc__.splitlines()[0]
        assert lines.pop(name) == doc and len(doc) < 100
    assert {"env", "test", "demo", "data", "figures", "report", "results"} <= set(lines)


def test_a_file_dropped_in_is_a_target_at_once(tmp_path):
    for name in ("Makefile", "setup.cfg"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    for folder, name in (("experiments", "my_study"), ("experiments/beyond", "far_away")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.py").write_text('# mine\n"""Mine, %s."""\n' % name)
    _, listed, _ = run_make("help", folder=tmp_path)
    assert "make my-study           Mine, my_study." in listed.splitlines()
    assert "make far-away           Mine, far_away." in listed.splitlines()
    code, out, _ = make("far-away", "OUT=o", folder=tmp_path)
    assert code == 0 and "experiments/beyond/far_away.py --data 'data/kaggle' --out 'o'" in out


@pytest.mark.parametrize("target", ["lenet", "demo", "data", "test", "help"])
@pytest.mark.parametrize("variable", ["EPOCH", "epochs", "SEEEDS", "FOLD", "GPU"])
def test_a_misspelt_variable_is_refused(target, variable):
    code, out, err = make(target, f"{variable}=5")
    assert code == 2 and out == "" and err.count("\n") == 1
    assert f"found {variable}=, expected some of PYTHON DATA OUT" in err


def test_variables_of_the_engine_may_be_given():
    assert command("FACEKP_FUSED=0", "THEANO_FLAGS=openmp=False", "OMP_NUM_THREADS=1") == command()


@pytest.mark.parametrize("arguments, words", [
    (["EPOCHS=abc"], "argument --epochs: found 'abc', expected a whole number from 1 to 1000000"),
    (["EPOCHS=0"], "--epochs: found '0'"), (["EPOCHS=1e3"], "--epochs: found '1e3'"),
    (["EPOCHS=1_0"], "--epochs: found '1_0'"), (["EPOCHS=\u0663"], "--epochs: found '\u0663'"),
    (["EPOCHS=5 --folds 2"], "--epochs: found '5 --folds 2'"),
    (["SEED=-1"], "--seeds/--seed: found '-1'"),
    (["SEED=x"], "--seeds/--seed: found 'x'"), (["SEED=1,1"], "found 1 twice"),
    (["SEED=4294967296"], "found '4294967296'"), (["SEED=" + "9" * 5000], "found '999"),
    (["FOLDS=6"], "--folds: found '6'"), (["FOLDS=none"], "--folds: found 'none'"),
    (["DATA="], "--data: found '', expected a name"), (["OUT="], "--out: found '', expected"),
    (["OUT= "], "--out: found '"), (["ONLY=x"], "only: found 'x'"),
    (["ONLY=,"], "only: found ','"),
    (["DATA=nowhere"], "nowhere: found no folder that can be read"),
    (["DATA=--help"], "--data: expected one argument"),
    (["DATA=setup.cfg"], "setup.cfg: found no folder that can be read (Not a directory)"),
])
def test_a_wrong_value_is_one_error_line_and_exit_code_2(arguments, words, few_faces, tmp_path,
                                                         capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    words_of_make = shlex.split(command(*completed(arguments, few_faces, tmp_path)))
    try:
        code = known.get("lenet").main(words_of_make[1:])
    except SystemExit as stopped:  # argparse's
        code = stopped.code
    assert code == 2
    check_line(capsys.readouterr().err, words, tmp_path)


@pytest.mark.parametrize("arguments, environment, words", [
    (["DATA=caf\udce9"], {}, "caf\\xe9: found no folder that can be read"),
    # the Makefile exports it
    (["DEVICE=nonsense"], {"FACEKP_DEVICE": "nonsense"},
     "device=nonsense (from FACEKP_DEVICE): expected cpu, cuda"),
])
def test_a_whole_command_says_one_line_too(arguments, environment, words, few_faces, tmp_path,
                                           clean_env):
    words_of_make = command(*completed(arguments, few_faces, tmp_path))
    done = subprocess.run(f"{shlex.quote(sys.executable)} {words_of_make}", shell=True,
                          cwd=str(ROOT), env={**clean_env, **environment}, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    assert done.returncode == 2
    check_line(done.stderr.decode(), words, tmp_path)


@pytest.fixture(scope="module")
def few_faces(tmp_path_factory):
    """Data that are read at once: without them, the whole synthetic set would be drawn."""
    return write_folder(tmp_path_factory.mktemp("faces"))


def completed(arguments, data, out):
    given = {argument.split("=")[0] for argument in arguments}
    rest = {"DATA": data, "OUT": out}
    return [*arguments, *(f"{name}={rest[name]}" for name in sorted(set(rest) - given))]


def check_line(text, words, out):
    [line] = [line for line in text.splitlines() if "error: " in line]
    assert words in line and len(line) < 400
    assert "Traceback" not in text
    assert list(out.iterdir()) == []
