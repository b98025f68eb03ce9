#!/bin/sh
# SPDX-License-Identifier: MIT
# Unit tests whose servers are stepped in a loop that looks at nothing but ss_server_fileno: what holds with
# ss_serve_forever holds with ss_server_step. (The unit tests of steps have a thread less, and look closer.)
set -u
unit=${BUILD:-build}/tests/unit
export STEPPED=1

rc=0
for name in forked layers_http mailbox one_server park server_message signals socketserver udp wait; do
    [ -x "$unit/test_$name" ] || { echo "skipped: $unit/test_$name is not built"; exit 77; }
    "$unit/test_$name" >"$unit/stepped-$name.log" 2>&1 || { cat "$unit/stepped-$name.log" >&2; rc=1; }
done
exit $rc
