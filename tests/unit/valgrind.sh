#!/bin/sh
# SPDX-License-Identifier: MIT
# The matrix under valgrind, one thread at a time: a sequential server of streams, a forking one of datagrams. It sees
# what the sanitizers do not: memory that was never initialised. Skipped (77) without valgrind, and in a build with
# sanitizers, which do not go together with it.
set -u
matrix=${BUILD:-build}/tests/matrix/matrix

if [ -n "${SANITIZE:-}" ]; then echo "skipped: this build has sanitizers"; exit 77; fi
if ! command -v valgrind >/dev/null; then echo "skipped: no valgrind"; exit 77; fi

# The matrix counts the heap precisely with this setting, and would start itself anew to get it. It runs fewer
# servers at a time where they are slow.
export GLIBC_TUNABLES=glibc.malloc.tcache_count=0 SANITIZE=valgrind
rc=0
valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect "$matrix" \
    "TCPServer, IPv4, sequential" >&2 || rc=$?
# Who looks for leaks reads all memory that is shared for messages, most of it never used, at the end of each child.
valgrind --quiet --error-exitcode=9 --leak-check=no "$matrix" \
    "UnixDatagramServer, path, forking" >&2 || rc=$?
exit $rc
