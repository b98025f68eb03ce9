# SPDX-License-Identifier: MIT
"""A bad network: two network namespaces with a tun device each, and a process that carries packets from one to the other, but
loses, delays, repeats, reorders and spoils some of them. `python3 network.py FD SEED` is that process."""

import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

SIDES = ("client", "server")
ADDRESSES = {socket.AF_INET: {"client": "10.77.0.1", "server": "10.77.0.2"},
             socket.AF_INET6: {"client": "fd77::1", "server": "fd77::2"}}
CLONE_NEWNET, TUNSETIFF, IFF_TUN_NO_PI = 0x40000000, 0x400454CA, 0x1001
LOSS, TWICE, SPOILT, LATE = 0.06, 0.05, 0.02, 0.1  # of the packets
DELAY, MUCH = 0.004, 0.03  # seconds
LIBC = ctypes.CDLL(None, use_errno=True)


def system(call, *arguments):
    if call(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Carrier:
    """Packets on their way, and sockets of both sides for whoever asks."""

    def __init__(self, control, seed):
        self.control, self.random = control, random.Random(seed)
        self.way, self.number = [], 0
        self.silent, self.mtu = set(), 65536
        self.namespaces, self.tuns = {}, {}
        for side in SIDES:
            system(LIBC.unshare, CLONE_NEWNET)
            self.namespaces[side] = os.open("/proc/self/ns/net", os.O_RDONLY)
            self.tuns[side] = self.open_tun(side)

    @staticmethod
    def open_tun(side):
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN_NO_PI))
        for command in (["address", "add", ADDRESSES[socket.AF_INET][side] + "/24", "dev", "tun0"],
                        ["address", "add", ADDRESSES[socket.AF_INET6][side] + "/64", "dev", "tun0", "nodad"],
                        ["link", "set", "tun0", "up"],
                        ["route", "change", "10.77.0.0/24", "dev", "tun0", "rto_min", "20ms"],
                        ["-6", "route", "add", "fd77::/64", "dev", "tun0", "metric", "10", "rto_min", "20ms"]):
            subprocess.run(["ip", *command], check=True)
        return tun

    def answer(self):
        """Makes a socket of a side, or from now on carries nothing of this port. False: nobody asks any more."""
        words = self.control.recv(100).decode().split()
        if not words:
            return False
        if words[0] == "silence":
            self.silent = {int(words[1])}
            self.control.send(b"done")
        elif words[0] == "mtu":
            self.mtu = int(words[1])
            self.control.send(b"done")
        else:
            system(LIBC.setns, self.namespaces[words[0]], CLONE_NEWNET)
            with socket.socket(int(words[1]), int(words[2])) as made:
                socket.send_fds(self.control, [b"done"], [made.fileno()])
        return True

    def take(self, side):
        packet = os.read(self.tuns[side], 65536)
        head = 40 if packet[0] >> 4 == 6 else 20
        protocol = packet[6 if head == 40 else 9]
        if protocol in (6, 17) and self.silent & set(struct.unpack_from("!HH", packet, head)):
            return
        if len(packet) > self.mtu:
            self.too_big(side, packet)
            return
        chance = self.random.random
        if protocol in (6, 17) and chance() < LOSS and not self.begins(packet, head):
            return
        if chance() < SPOILT and len(packet) > head + 20:
            place = self.random.randrange(head, len(packet))
            packet = packet[:place] + bytes([packet[place] ^ 1 << self.random.randrange(8)]) + packet[place + 1:]
        for _ in range(2 if chance() < TWICE else 1):
            late = MUCH if chance() < LATE else 0
            self.number += 1
            heapq.heappush(self.way, (time.monotonic() + chance() * DELAY + late, self.number, side, packet))

    @staticmethod
    def begins(packet, head):
        """A SYN, whose loss costs a second."""
        return packet[head + 13] & 2 if len(packet) >= head + 20 and packet[6 if head == 40 else 9] == 6 else False

    def too_big(self, side, packet):
        """What a router says whose way on is narrower (RFC 792, 4443)."""
        if packet[0] >> 4 == 4:
            body = struct.pack("!BBHHH", 3, 4, 0, 0, self.mtu) + packet[:28]
            body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
            head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, 1, 0) + packet[16:20] + packet[12:16]
            answer = head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body
        else:
            body = struct.pack("!BBHI", 2, 0, 0, self.mtu) + packet[:1000]
            ends = packet[24:40] + packet[8:24]
            body = body[:2] + struct.pack("!H", checksum(ends + struct.pack("!II", len(body), 58) + body)) + body[4:]
            answer = struct.pack("!IHBB", 0x60000000, len(body), 58, 64) + ends + body
        os.write(self.tuns[side], answer)

    def deliver(self):
        while self.way and self.way[0][0] <= time.monotonic():
            _, _, side, packet = heapq.heappop(self.way)
            try:
                os.write(self.tuns["server" if side == "client" else "client"], packet)
            except OSError:
                pass  # what the kernel does not take is lost

    def run(self):
        sides = {tun: side for side, tun in self.tuns.items()}
        while True:
            left = max(0, self.way[0][0] - time.monotonic()) if self.way else None
            for ready in select.select([*sides, self.control], [], [], left)[0]:
                if ready is not self.control:
                    self.take(sides[ready])
                elif not self.answer():
                    return
            self.deliver()


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


class Network:
    """The carrier, as those see it who use it. PermissionError: it is not allowed here."""

    def __init__(self, seed):
        self.control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            self.process = subprocess.Popen([sys.executable, __file__, str(other.fileno()), str(seed)],
                                            pass_fds=[other.fileno()])
        told = self.control.recv(1000)
        if told != b"ready":
            self.close()
            raise PermissionError(told.decode() or "the carrier has ended")

    def tell(self, *words):
        self.control.send(" ".join(str(word) for word in words).encode())
        assert self.control.recv(100) == b"done"

    def socket(self, side, family, kind):
        self.control.send(f"{side} {int(family)} {int(kind)}".encode())
        return socket.socket(fileno=socket.recv_fds(self.control, 100, 1)[1][0])

    @contextlib.contextmanager
    def narrow(self, size):
        """Meanwhile it carries no larger packets."""
        self.tell("mtu", size)
        yield
        self.tell("mtu", 65536)

    def close(self):
        self.control.close()
        self.process.wait()


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as end:
        try:
            carrier = Carrier(end, int(sys.argv[2]))
        except (OSError, subprocess.CalledProcessError) as failure:
            end.send(str(failure).encode())
            sys.exit()
        end.send(b"ready")
        carrier.run()
