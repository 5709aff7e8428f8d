#!/bin/sh
# Builds and runs the kernels' own tests, outside Theano, with AddressSanitizer and UBSan, once for
# each vector width that this CPU can run: sh tests/kernels/run.sh
# ARCH=aarch64 builds them for that processor instead, and runs them in qemu (Debian's packages
# g++-aarch64-linux-gnu and qemu-user); sanitizers do not work there.
set -eu
cd "$(dirname "$0")"
cxx=${CXX:-g++}
run=''
checks="-O1 -fsanitize=address,undefined -fno-sanitize-recover=all"
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

can_run() {  # FEATURE: whether the CPU has it (only x86 has widths to choose from)
    printf 'int main() { __builtin_cpu_init(); return !__builtin_cpu_supports("%s"); }\n' "$1" \
        > "$build/probe.cpp"
    "$cxx" "$build/probe.cpp" -o "$build/probe" 2> /dev/null && "$build/probe"
}

if [ -n "${ARCH:-}" ]; then
    cxx=$ARCH-linux-gnu-g++ run="qemu-$ARCH -L /usr/$ARCH-linux-gnu" checks=-O2 widths=-mcpu=generic
    for tool in "$cxx" "qemu-$ARCH"; do
        command -v "$tool" > /dev/null || {
            echo "$tool is not installed: apt install g++-$ARCH-linux-gnu qemu-user" >&2; exit 2; }
    done
else
    widths="-march=native"
    if can_run avx2 && can_run fma; then widths="$widths|-mavx2 -mfma"; else echo "no AVX2: left out"; fi
    if can_run sse2; then widths="$widths|-msse2"; else echo "no SSE2: left out"; fi
fi

export OMP_WAIT_POLICY=passive  # the tests have more threads than a small or busy machine has cores
passed=0
for source in test_*.cpp; do
    IFS='|'
    for width in $widths; do
        unset IFS
        echo "== $source ${ARCH:-$width}"
        # shellcheck disable=SC2086
        "$cxx" -std=c++14 -g -fopenmp -fno-math-errno -fno-trapping-math $width $checks -include lines.h \
            -I ../../facekp/fused/csrc "$source" -o "$build/test"
        # shellcheck disable=SC2086
        $run "$build/test" || { echo "$source $width: failed"; exit 1; }
        passed=$((passed + 1))
    done
done
echo "$passed passed, 0 failed"
