# Finds a Python that fits, or uv, which gets one. Read by setup.sh, which sets here and project.

FIT='import sys, venv; sys.exit(not (3, 8) <= sys.version_info[:2] <= (3, 11))'
VERSION='import sys; print("%d.%d" % sys.version_info[:2])'
HEADERS='import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))'

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

fits() {  # an interpreter that runs (a pyenv shim may exist and not) and has a fitting version
    "$1" -c "$FIT" > /dev/null 2>&1
}

given_python() {  # checks PYTHON=
    found=$("$PYTHON" -c "$VERSION" 2> /dev/null) ||
        fail "PYTHON=$PYTHON does not run; name an interpreter of Python 3.8 to 3.11"
    fits "$PYTHON" || fail "PYTHON=$PYTHON is Python $found; facekp needs Python 3.8 to 3.11"
}

find_python() {  # Theano compiles modules, which needs Python's C headers, too
    for candidate in python3.11 python3.10 python3.9 python3.8 python3 \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.11.*/bin/python \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.10.*/bin/python \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.9.*/bin/python \
        "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.8.*/bin/python; do
        if fits "$candidate" && "$candidate" -c "$HEADERS" > /dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

find_uv() {  # on PATH, or, pinned and checked by its hashes, in the project's folder .uv
    if command -v uv; then
        return
    fi
    uv=$project/.uv/bin/uv
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
        "$uv" --version > /dev/null 2>&1 && break
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2> /dev/null || continue
        pip=$candidate
        if ! "$pip" -m pip --version > /dev/null 2>&1; then
            "$candidate" -m venv "$project/.uv/pip" > /dev/null 2>&1 || continue
            pip=$project/.uv/pip/bin/python
        fi
        echo "Installing uv into .uv" >&2
        "$pip" -m pip install --quiet --upgrade --target "$project/.uv" --require-hashes \
            -r "$here/uv.txt" >&2 || continue
    done
    "$uv" --version > /dev/null 2>&1 && echo "$uv"
}

python_of_uv() {  # FOLDER: an environment with a Python that uv has or gets
    uv=$(find_uv) ||
        fail "no Python 3.8 to 3.11 with its C headers found, and no uv or pip that could get one" \
             "$(advice /etc/os-release)"
    case $uv in "$project"/*)  # what it gets lies beside it
        export UV_PYTHON_INSTALL_DIR="$project/.uv/python" UV_CACHE_DIR="$project/.uv/cache" ;;
    esac
    echo "No Python 3.8 to 3.11 with its C headers here: uv gets one (into $("$uv" python dir))"
    said=$("$uv" venv --quiet --seed --python-preference only-managed --python 3.11 "$1" 2>&1) ||
        fail "uv could not get Python 3.11: $(printf '%s\n' "$said" | sed -n '2p;$p' | tr -s '\n ' ' ')" \
             "$(advice /etc/os-release)"
}

advice() {  # OS-RELEASE: what to do on this system, in one line
    ID='' ID_LIKE='' VERSION_ID=''
    # shellcheck disable=SC1090
    [ ! -r "$1" ] || . "$1"
    case "$(uname 2> /dev/null) $ID $VERSION_ID $ID_LIKE" in
        Darwin*) todo="brew install python@3.11" ;;
        *\ debian\ 1[12]\ * | *\ ubuntu\ 2[0-2].*)
            todo="apt install python3 python3-venv python3-dev" ;;
        *\ ubuntu\ *) todo="add-apt-repository ppa:deadsnakes/ppa && \
apt install python3.11 python3.11-venv python3.11-dev" ;;
        *fedora* | *rhel*) todo="dnf install python3.11 python3.11-devel" ;;
        *suse*) todo="zypper install python311 python311-devel" ;;
        *\ arch*) todo="pacman -S uv" ;;
        *debian*) todo="apt install python3-venv (so that uv can be installed and get a Python)" ;;
        *) todo="install Python 3.8 to 3.11 with its C headers, or uv" ;;
    esac
    echo "$todo; or with conda: make conda-env && conda activate facekp; then this command again"
}
