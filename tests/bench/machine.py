# SPDX-License-Identifier: MIT
"""The machine under the benchmark: a network of its own, processors, and what a tree of processes takes of it."""

import ctypes
import fcntl
import os
import platform
import resource
import socket
import struct

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
CONGESTION = "/proc/sys/net/ipv4/tcp_congestion_control"
SETTINGS = {  # of the network namespace
    CONGESTION: "reno",
    "/proc/sys/net/core/somaxconn": "4096",
    "/proc/sys/net/ipv4/ip_local_port_range": "20000 65000",
    "/proc/sys/net/ipv4/tcp_max_tw_buckets": "2000",  # else each round finds more closed connections than the last
}
PORTS = range(10000, 20000)  # for servers: no outgoing connection takes them
TICKS = os.sysconf("SC_CLK_TCK")


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def read(path):
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read().strip()


def enter_own_network():
    """Move this process into a network namespace in which nobody else's traffic, ports and settings count.

    Congestion control is reno there: bbr, some machines' default, paces, and on the loopback interface its timers
    would be most of what is measured. Works for users too, where they may have a user namespace. Return why not, or
    None."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    try:
        if libc.unshare(CLONE_NEWNET) < 0:
            if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0:
                return os.strerror(ctypes.get_errno())
            write("/proc/self/setgroups", "deny")
            write("/proc/self/uid_map", f"{uid} {uid} 1")
            write("/proc/self/gid_map", f"{gid} {gid} 1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
        for path, value in SETTINGS.items():
            if os.path.exists(path):
                write(path, value)
    except OSError as error:
        return str(error)
    return None


def free_port(kind):
    """A port of the loopback interface that nobody uses."""
    for port in PORTS:
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise OSError("no free port")


def describe(own_network):
    """What a reader of the figures wants to know."""
    model = [line.partition(":")[2].strip() for line in read("/proc/cpuinfo").splitlines() if "model name" in line]
    return {
        "processor": model[0] if model else platform.machine(),
        "processors": os.cpu_count(),
        "kernel": platform.release(),
        "congestion_control": read(CONGESTION),
        "own_network": own_network,
    }


def in_words(machine):
    """A line of what describe() has found."""
    network = "a network namespace of its own" if machine["own_network"] else "the machine's own network"
    return (f"{machine['processor']}, {machine['processors']} processors, Linux {machine['kernel']}; {network}, "
            f"congestion control {machine['congestion_control']}")


def place(cpus, server_cpu, load_cpu, count):
    """Processors for a server that is to have `count` of them, and for as many load generators. A server that is not
    busy all the time costs more for each request, and one generator keeps one processor busy: so where there are not
    enough for both, it is one and one."""
    spare = [cpu for cpu in cpus if cpu not in (server_cpu, load_cpu)]
    if len(spare) < 2 * (count - 1):
        count = 1
    return [server_cpu, *spare[:count - 1]], [load_cpu, *spare[count - 1:2 * (count - 1)]]


def processes():
    """{pid: (parent, session, CPU seconds with those of the children it has waited for)} of all processes."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = read(f"/proc/{name}/stat").rpartition(")")[2].split()
        except OSError:
            continue
        found[int(name)] = int(fields[1]), int(fields[3]), sum(map(int, fields[11:15])) / TICKS
    return found


def tree(root):
    """{pid: CPU seconds} of the session that this process leads, and of the descendants of its members."""
    every = processes()
    members = {pid for pid, (_, session, _) in every.items() if session == root}
    while more := {pid for pid, (parent, _, _) in every.items() if parent in members} - members:
        members |= more
    return {pid: every[pid][2] for pid in members}


def memory(root):
    """Bytes of user memory of the processes of this tree: their shares of what they share (PSS), and all that is
    resident (RSS), in which shared memory counts once for each process."""
    sums = {"Pss": 0, "Rss": 0}
    for pid in tree(root):
        for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
            key, _, value = line.partition(":")
            if key in sums:
                sums[key] += int(value.split()[0]) * 1024
    return sums["Pss"], sums["Rss"]


def allow_files(count):
    """Let this process and its children open so many files; return how many it can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= count:
        return count
    most = count if hard == unlimited or hard >= count else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


def busy(cpus):
    """Seconds that these processors have worked, for anybody, stolen time included."""
    names, seconds = {f"cpu{cpu}" for cpu in cpus}, 0.0
    for line in read("/proc/stat").splitlines():
        name, *fields = line.split()
        if name in names:
            user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
            seconds += (user + nice + system + irq + softirq + steal) / TICKS
    return seconds
