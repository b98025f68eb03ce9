#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""welcome.py [PORT]: welcome.c in Python, whose socketserver the library is named after.

Try:  python3 samples/welcome.py 8090
and:  python3 samples/welcome_client.py 8090 Ada
"""
import socketserver
import sys


class Welcome(socketserver.StreamRequestHandler):
    timeout = 10  # seconds for a client's answer

    def handle(self):
        self.wfile.write(b"Welcome! Who are you?\n")
        name = self.rfile.readline(100).decode(errors="replace").strip()
        self.wfile.write(f"Nice to meet you, {name}.\n".encode())


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True


if __name__ == "__main__":
    with Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8090), Welcome) as server:
        print("welcome.py: ready on %s:%d" % server.server_address, flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
