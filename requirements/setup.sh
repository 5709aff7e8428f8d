#!/bin/sh
# Sets up an environment, or does nothing if it is complete: sh requirements/setup.sh FOLDER SET
# FOLDER is the virtual environment (or a conda environment, which is not created here), SET the
# pinned set: run, test or docs. PYTHON= names the interpreter. Interrupted at any point, it mends
# the rest.
set -eu

folder=$1
set_name=$2
here=$(dirname "$0")
project=$(cd "$here/.." && pwd)
pins=$here/$set_name.txt
stamp=$folder/facekp-$set_name.stamp
log=$folder/install.log
FIT='import sys, venv; sys.exit(not (3, 8) <= sys.version_info[:2] <= (3, 11))'
VERSION='import sys; print("%d.%d" % sys.version_info[:2])'
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_USER=0 PYTHONNOUSERSITE=1

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

fits() {  # an interpreter that runs (a pyenv shim may exist and not) and has a fitting version
    "$1" -c "$FIT" > /dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        found=$("$PYTHON" -c "$VERSION" 2> /dev/null) ||
            fail "PYTHON=$PYTHON does not run; name an interpreter of Python 3.8 to 3.11"
        fits "$PYTHON" || fail "PYTHON=$PYTHON is Python $found; facekp needs Python 3.8 to 3.11"
        echo "$PYTHON"
        return
    fi
    for candidate in python3.11 python3.10 python3.9 python3.8 python3 \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.11.*/bin/python \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.10.*/bin/python \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.9.*/bin/python \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.8.*/bin/python; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    if command -v uv > /dev/null 2>&1; then
        echo uv
        return
    fi
    fail "no Python 3.8 to 3.11 found: install one (apt install python3 python3-venv python3-dev, or uv)," \
         "or with conda: make conda-env && conda activate facekp, then this command again"
}

create() {
    python=$(find_python)
    rm -rf "$folder"
    if [ "$python" = uv ]; then
        echo "No Python 3.8 to 3.11 here: uv gets one for $folder"
        uv venv --quiet --seed --python 3.11 "$folder" || fail "uv could not get Python 3.11"
    else
        echo "Setting up $folder with $python, about two minutes (log: $log)"
        "$python" -m venv "$folder" > /dev/null 2>&1 || fail \
            "$python -m venv fails: on Debian and Ubuntu, apt install python3-venv;" \
            "or name another interpreter: make PYTHON=..."
    fi
}

unfit() {  # the environment's own interpreter or pip is broken, or PYTHON= asks for another version
    fits "$folder/bin/python" && "$folder/bin/python" -m pip --version > /dev/null 2>&1 || return 0
    [ -n "${PYTHON:-}" ] || return 1
    find_python > /dev/null
    [ "$("$PYTHON" -c "$VERSION")" != "$("$folder/bin/python" -c "$VERSION")" ]
}

install() {
    echo "\$ pip install $*" >> "$log"
    "$folder/bin/python" -m pip install --no-deps --no-build-isolation "$@" >> "$log" 2>&1 || {
        tail -n 5 "$log" >&2
        fail "pip install $* failed; all of its output is in $log"
    }
}

# two set-ups at once would undo each other's work (macOS has no flock: there they must not)
if command -v flock > /dev/null 2>&1; then
    (: > "$folder.lock") 2> /dev/null || fail "$(dirname "$folder"): cannot be written"
    exec 9> "$folder.lock"
    flock 9
fi
wanted=$(cat "$here/build.txt" "$here/setup.sh" "$pins" "$project/setup.cfg" | cksum; cd "$project"; pwd)
if [ -d "$folder/conda-meta" ]; then
    fits "$folder/bin/python" || fail "$folder: not a conda environment with Python 3.8 to 3.11"
elif unfit; then
    create
fi
if [ "$(cat "$stamp" 2> /dev/null)" != "$wanted" ]; then
    echo "Installing the pinned packages of $pins into $folder (log: $log)"
    install --require-hashes -r "$here/build.txt"
    install --require-hashes -r "$pins"
    install --editable "$project"
    # so that `import theano` before `import facekp` finds the engine ready (facekp/engine/hook.py)
    "$folder/bin/python" -c 'import sysconfig; print(
r"""import sys; exec("try:\n    import facekp.engine.hook\nexcept ImportError:\n    pass")""", file=open(
        sysconfig.get_path("purelib") + "/facekp-engine.pth", "w"))'
    echo "$wanted" > "$stamp"
fi
touch "$stamp"
