# SPDX-License-Identifier: MIT
"""A network with a name server of the test's own: scenes run in a process in namespaces of its own, whose /etc/resolv.conf,
/etc/hosts and /etc/nsswitch.conf are those of the test."""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback

import pytest

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x10000000, 0x40000000, 0x1000, 0x4000, 0x40000
TUNSETIFF, IFF_TUN_NO_PI = 0x400454CA, 0x1001
LIBC = ctypes.CDLL(None, use_errno=True)
NOT_ALLOWED = 77
SERVER = "127.0.0.53"
A, PTR, AAAA = 1, 12, 28
NXDOMAIN = 3

FILES = {"/etc/resolv.conf": f"nameserver {SERVER}\noptions timeout:30 attempts:1\n",
         "/etc/hosts": "127.0.0.1 localhost\n",
         "/etc/nsswitch.conf": "hosts: files dns\nservices: files\n"}


def system(call, *arguments):
    if call(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def begin():
    user, group = os.geteuid(), os.getegid()
    system(LIBC.unshare, CLONE_NEWNS | CLONE_NEWNET | (CLONE_NEWUSER if user else 0))
    if user:
        for name, text in ("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1"):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    system(LIBC.mount, b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    with tempfile.TemporaryDirectory() as directory:
        for path, text in FILES.items():
            own = os.path.join(directory, os.path.basename(path))
            with open(own, "w", encoding="ascii") as file:
                file.write(text)
            if os.path.exists(path):
                system(LIBC.mount, own.encode(), os.path.realpath(path).encode(), None, MS_BIND, None)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return make_hole()


def make_hole():
    """A network that swallows everything: nobody reads the packets that are sent into this device."""
    hole = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(hole, TUNSETIFF, struct.pack("16sH22x", b"hole", IFF_TUN_NO_PI))
    for command in (["address", "add", "192.0.2.1/24", "dev", "hole"],
                    ["address", "add", "2001:db8::1/64", "dev", "hole", "nodad"], ["link", "set", "hole", "up"]):
        subprocess.run(["ip", *command], check=True)
    return hole


def in_network(scene, *arguments):
    """Runs scene(*arguments) in a process in there, and raises what it has raised."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            try:
                begin()
            except (OSError, subprocess.CalledProcessError) as failure:
                os.write(writing, str(failure).encode())
                os._exit(NOT_ALLOWED)
            scene(*arguments)
            status = 0
        except BaseException:  # pylint: disable=broad-exception-caught
            os.write(writing, traceback.format_exc().encode()[-60000:])
        finally:
            sys.stdout.flush()
            os._exit(status)
    os.close(writing)
    with open(reading, encoding="utf-8", errors="replace") as file:
        told = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == NOT_ALLOWED:
        pytest.skip(f"no namespaces with a network of their own here: {told.strip()}")
    if status:
        pytest.fail(told or f"the scene has ended with {status}", pytrace=False)


def question_of(packet):
    """The name, the type, and where the question ends."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    return ".".join(labels).lower(), struct.unpack_from("!H", packet, at + 1)[0], at + 5


def data_of(kind, text):
    if kind == PTR:
        return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"
    return socket.inet_pton(socket.AF_INET6 if kind == AAAA else socket.AF_INET, text)


class NameServer:
    """Answers from a table {name: {type: [text]}}; of other names it says nothing, unless they begin with "no"."""

    def __init__(self, table):
        self.table, self.asked, self.change = table, set(), threading.Condition()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((SERVER, 53))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            packet, client = self.socket.recvfrom(600)
            name, kind, end = question_of(packet)
            with self.change:
                self.asked.add(name)
                self.change.notify()
            if name not in self.table and not name.startswith("no"):
                continue
            found = self.table.get(name, {}).get(kind, [])
            head = packet[:2] + struct.pack("!HHHHH", 0x8180 | (0 if name in self.table else NXDOMAIN), 1, len(found), 0, 0)
            answers = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data
                               for data in (data_of(kind, text) for text in found))
            self.socket.sendto(head + packet[12:end] + answers, client)

    def wait_for(self, *names):
        """Until it was asked for all of them."""
        with self.change:
            assert self.change.wait_for(lambda: self.asked >= set(names), 20), self.asked
