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
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_USER=0 PIP_ROOT_USER_ACTION=ignore
export PYTHONNOUSERSITE=1
. "$here/python.sh"

create() {
    [ -z "${PYTHON:-}" ] || given_python
    rm -rf "$folder"
    if python=${PYTHON:-$(find_python)}; then
        echo "Creating $folder with $python"
        "$python" -m venv "$folder" > /dev/null 2>&1 && return
        # Debian's Python comes without ensurepip; uv does not need it
        uv=$(find_uv) && "$uv" venv --quiet --seed --clear --python "$python" "$folder" && return
        fail "$python -m venv fails: on Debian and Ubuntu, apt install python3-venv;" \
             "or name another interpreter: make PYTHON=..."
    fi
    python_of_uv "$folder"
}

unfit() {  # the environment's own interpreter or pip is broken, or PYTHON= asks for another version
    fits "$folder/bin/python" && "$folder/bin/python" -m pip --version > /dev/null 2>&1 || return 0
    [ -n "${PYTHON:-}" ] || return 1
    given_python
    [ "$found" != "$("$folder/bin/python" -c "$VERSION")" ]
}

install() {
    echo "\$ pip install $*" >> "$log"
    # most modules are never imported: see compile_imported
    "$folder/bin/python" -m pip install --no-deps --no-build-isolation --no-compile "$@" \
        >> "$log" 2>&1 || {
        tail -n 5 "$log" >&2
        fail "pip install $* failed; all of its output is in $log"
    }
}

compile_imported() {  # the bytecode of what a training imports; pip would compile all, for a minute
    # PYTHONDONTWRITEBYTECODE, which many containers set, would have each start compile it again
    env -u PYTHONDONTWRITEBYTECODE FACEKP_DEVICE=cpu "$folder/bin/python" -c \
        "import facekp.training, facekp.report.story" >> "$log" 2>&1 ||
        true  # no compiler yet, for example: the first training says so
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
    echo "Installing the $(grep -c == "$pins") packages of $pins into $folder, about a minute" \
         "(log: $log)"
    install --require-hashes -r "$here/build.txt"
    install --require-hashes -r "$pins"
    echo "Installing facekp itself"
    install --editable "$project"
    # so that `import theano` before `import facekp` finds the engine ready (facekp/engine/hook.py)
    "$folder/bin/python" -c 'import sysconfig; print(
r"""import sys; exec("try:\n    import facekp.engine.hook\nexcept ImportError:\n    pass")""", file=open(
        sysconfig.get_path("purelib") + "/facekp-engine.pth", "w"))'
    [ "$set_name" != run ] || compile_imported
    echo "$wanted" > "$stamp"
fi
touch "$stamp"
