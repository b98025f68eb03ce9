#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""welcome_client.py [PORT [NAME]]: welcome_raw_client.c in Python, whose socket module has the same calls.

Try:  python3 samples/welcome.py 8090
and:  python3 samples/welcome_client.py 8090 Ada
"""
import socket
import sys

PORT, NAME = (sys.argv[1:] + ["8090", "nobody"][len(sys.argv) - 1:])[:2]

with socket.create_connection(("127.0.0.1", int(PORT)), timeout=5) as server, server.makefile("rw", newline="\n") as lines:
    print(lines.readline(), end="")
    print(NAME, file=lines, flush=True)
    print(lines.readline(), end="")
