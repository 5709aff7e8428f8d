"""Scripts of 2014 run as they are."""
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("old_script.py2")


def run(*arguments, env):
    return subprocess.run([sys.executable, *map(str, arguments)], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)


@pytest.mark.slow
def test_an_old_script_trains_pickles_and_predicts(tmp_path, clean_env):
    done = run("-m", "facekp.compat", SCRIPT, tmp_path / "net.pickle", env=clean_env)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any("learnable parameters" in line for line in lines)
    assert len([line for line in lines if line.rstrip().endswith("s") and "|" not in line]) >= 3
    assert float(lines[-1].split()[1]) < 1
    assert (tmp_path / "net.pickle.joblib").exists()


def test_one_import_line_does_the_same_for_a_script_of_python_3(tmp_path, clean_env):
    script = tmp_path / "script.py"
    script.write_text("import facekp.compat\nimport cPickle\nfrom sklearn.externals import joblib\n"
                      "from sklearn.grid_search import GridSearchCV\n"
                      "from sklearn.cross_validation import KFold, train_test_split\n"
                      "import theano, lasagne, nolearn.lasagne\n"
                      "print(theano.config.floatX, len(KFold(6, 3)), cPickle.loads.__name__)\n")
    done = run(script, env=clean_env)
    assert done.stdout == "float32 3 loads\n", done.stderr


@pytest.mark.parametrize("content, error", [(None, "cannot be read"), ("x = = 1", "SyntaxError")])
def test_what_is_no_script_is_named(tmp_path, clean_env, content, error):
    path = tmp_path / "script.py"
    if content is not None:
        path.write_text(content)
    done = run("-m", "facekp.compat", path, env=clean_env)
    assert done.returncode and error in done.stderr and str(path) in done.stderr
