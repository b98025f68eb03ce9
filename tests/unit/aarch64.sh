#!/bin/sh
# SPDX-License-Identifier: MIT
# Cross-compiles the coroutines and their checks for aarch64, and runs them under qemu.
# usage: aarch64.sh [build directory]      exits 0 passed, 1 failed, 77 a tool is missing
set -eu

for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    if ! command -v "$tool" >/dev/null; then
        echo "aarch64.sh: skipped, no $tool"
        exit 77
    fi
done

root=$(cd "$(dirname "$0")/../.." && pwd)
if [ $# -gt 0 ]; then
    build=$1
    mkdir -p "$build"
else
    build=$(mktemp -d)
    trap 'rm -rf "$build"' EXIT
fi

# check NAME FLAGS...: build and run one variant.
check() {
    program=$build/coroutine_check.$1
    shift
    aarch64-linux-gnu-gcc -std=c11 -D_GNU_SOURCE -I"$root/framework" -Wall -Wextra -Werror -static "$@" -o "$program" \
        "$root/tests/unit/coroutine_check.c" "$root/framework/loop/coroutine.c"
    timeout 120 qemu-aarch64 "$program"
}

check plain -O2
check debug -O0
check lto -O2 -flto
check branches -O2 -mbranch-protection=standard
check ucontext -O2 -DCO_UCONTEXT
