#!/bin/sh
# Brings what Theano's GPU back-end needs beside the driver: sh requirements/gpu.sh FOLDER
# FOLDER is the environment. pygpu comes from Debian or Ubuntu, for that system's own Python: as a
# package of the system for root, else unpacked into FOLDER/gpu. NVRTC and cuBLAS come as wheels
# where neither a toolkit nor conda has brought them. What is there already is left alone.
set -eu

folder=$1
here=$(dirname "$0")
python=$folder/bin/python

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

has_pygpu() {
    "$python" -c 'import sys; from facekp.engine import device; sys.exit(not device.adopt_system_pygpu())'
}

lacks_cuda() {  # NVRTC or cuBLAS; without a driver nobody can say which would fit
    "$python" -c 'import sys; from facekp.engine import cuda, plan; sys.exit(not any(
        part.fault and part.name in ("NVRTC", "cuBLAS") for part in cuda.prepare(plan.configure())))'
}

from_system() {
    command -v apt-get > /dev/null 2>&1 || fail \
        "pygpu: only Debian, Ubuntu and conda have it; make conda-env, or docs/gpu.md says how to build it"
    # "Depends: python3 (<< 3.12), ...": the first version that it does not fit
    limit=$(apt-cache show python3-pygpu 2> /dev/null | sed -n 's/^Depends:.*python3 (<< 3\.\([0-9]*\)).*/\1/p' | head -n 1)
    [ -n "$limit" ] || fail "pygpu: this system has no python3-pygpu (apt-get update may help);" \
        "make conda-env, or docs/gpu.md says how to build it"
    fitting=3.$((limit - 1))
    ours=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ "$ours" = "$fitting" ] || fail "python3-pygpu of this system is for Python $fitting, the environment has $ours:" \
        "make gpu PYTHON=/usr/bin/python3 if facekp runs on $fitting (3.8 to 3.11), else make conda-env"
    if [ "$(id -u)" = 0 ]; then
        echo "Installing python3-pygpu and libgpuarray-dev"
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            python3-pygpu libgpuarray-dev > "$folder/gpu.log" 2>&1 || {
            tail -n 5 "$folder/gpu.log" >&2
            fail "apt-get install python3-pygpu libgpuarray-dev failed; its output is in $folder/gpu.log"
        }
        return
    fi
    echo "Unpacking python3-pygpu and libgpuarray into $folder/gpu (no root here)"
    rm -rf "$folder/gpu"
    mkdir -p "$folder/gpu/packages"
    (cd "$folder/gpu/packages" && apt-get download -qq python3-pygpu python3-mako libgpuarray3 libgpuarray-dev) ||
        fail "apt-get download failed: no network, or old lists (apt-get update)"
    for package in "$folder"/gpu/packages/*.deb; do
        dpkg -x "$package" "$folder/gpu"
    done
    rm -rf "$folder/gpu/packages"
}

if ! has_pygpu; then
    [ ! -d "$folder/conda-meta" ] ||
        fail "pygpu is missing in $folder: make conda-env brings it (conda-forge, Python 3.7 to 3.10)"
    from_system
    has_pygpu || fail "pygpu was installed and cannot be imported; $python -m facekp.cli info says why"
fi
export FACEKP_DEVICE="${FACEKP_DEVICE:-cuda0}"
if lacks_cuda; then
    sh "$here/setup.sh" "$folder" gpu
fi
exec "$python" -m facekp.cli info
