# SPDX-License-Identifier: MIT
"""Two network namespaces with a cable between them, for what is said to all in a network: nobody outside hears it."""

import contextlib
import ctypes
import os
import socket
import subprocess
import threading

import programs
import wire

CLONE_NEWNET = 0x40000000


class Namespace:
    """One end of the cable is v0, the other one v1. `address` is its IPv4 address, `local` its link-local one."""

    def __init__(self, stack, number):
        self.process = stack.enter_context(subprocess.Popen(["unshare", "-n", "sleep", "1000"]))
        stack.callback(self.process.kill)
        self.number, self.device = number, f"v{number}"
        self.address, self.local = f"10.9.8.{number + 1}", f"fe80::{number + 1}"
        self.enter = ["nsenter", "-t", str(self.process.pid), "-n"]

    def exists(self):
        return os.readlink(f"/proc/{self.process.pid}/ns/net") != os.readlink("/proc/self/ns/net")

    def run(self, *argv):
        return programs.run([*self.enter, *argv])

    def ip(self, line):
        result = self.run("ip", *line.split())
        assert result.returncode == 0, result.stderr

    def connect(self):
        """Its addresses; nobody else has them, which nobody needs to find out."""
        self.ip("link set lo up")
        self.ip(f"link set {self.device} addrgenmode none")
        self.ip(f"address add {self.address}/24 broadcast 10.9.8.255 dev {self.device}")
        self.ip(f"address add {self.local}/64 dev {self.device} nodad")
        self.ip(f"link set {self.device} up")

    def is_connected(self):
        """The kernel takes a moment until datagrams to groups have a way."""
        return "state UP" in self.run("ip", "link", "show", self.device).stdout and \
            "ff00::/8" in self.run("ip", "-6", "route", "show", "table", "local").stdout

    def start(self, started, directory, *argv):
        server = programs.Server([*self.enter, *argv], directory)
        started.append(server)
        return server

    def socket(self, family=socket.AF_INET):
        """A socket for datagrams in there."""
        made = []

        def make():  # in a thread of its own, which nobody needs afterwards
            with open(f"/proc/{self.process.pid}/ns/net", encoding="ascii") as file:
                if programs.LIBC.setns(file.fileno(), CLONE_NEWNET) == 0:
                    made.append(socket.socket(family, socket.SOCK_DGRAM))
                    made[0].settimeout(wire.LIMIT)

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        assert made, os.strerror(ctypes.get_errno())
        return made[0]

    def scope(self):
        return int(self.run("ip", "-o", "link", "show", self.device).stdout.split(":")[0])


@contextlib.contextmanager
def cable():
    """Both, or None where that is not allowed."""
    with contextlib.ExitStack() as stack:
        if programs.run(["unshare", "-n", "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"]).returncode:
            yield None
            return
        both = [Namespace(stack, number) for number in range(2)]
        for one in both:
            wire.wait_until(one.exists)
        both[0].ip(f"link add v0 type veth peer name v1 netns {both[1].process.pid}")
        for one in both:
            one.connect()
        for one in both:
            wire.wait_until(one.is_connected)
        yield both
