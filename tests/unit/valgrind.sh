#!/bin/sh
# SPDX-License-Identifier: MIT
# The matrix under valgrind, one thread at a time: the sequential and the forking servers, for streams and for
# datagrams. It sees what the sanitizers do not: memory that was never initialised. Skipped (77) without valgrind,
# and in a build with sanitizers, which do not go together with it.
set -u
matrix=${BUILD:-build}/tests/matrix/matrix

if [ -n "${SANITIZE:-}" ]; then echo "skipped: this build has sanitizers"; exit 77; fi
if ! command -v valgrind >/dev/null; then echo "skipped: no valgrind"; exit 77; fi

# the matrix counts the heap precisely with this setting, and would start itself anew to get it
GLIBC_TUNABLES=glibc.malloc.tcache_count=0 exec valgrind --quiet --error-exitcode=9 --leak-check=full \
    --errors-for-leak-kinds=definite,indirect "$matrix" \
    "TCPServer, IPv4, sequential" "TCPServer, IPv4, forking" \
    "UnixDatagramServer, path, sequential" "UnixDatagramServer, path, forking" >&2
