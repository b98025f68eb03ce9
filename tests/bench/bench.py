#!/usr/bin/env python3
"""What a request costs: httpserver and the echo sample against other servers, side by side.

    make bench                                            all of it; a few minutes
    make bench ARGS='--quick --only udp'                  options: --help

Each row of the table is one load on two or more servers, measured in turns (A B C, C B A, ...): the CPU time of the
server's whole tree of processes per request, medians of all rounds, and the ratio of the medians. CPU time is what
can be compared on a machine that does other work too; rates and latencies are those of one busy processor.

All of it happens in a network namespace of its own (for users: where the system gives them one) with congestion
control reno. The server has one processor and the load generator, which never sleeps, another. Nothing but the
processes started here is touched. The results go to build/bench/bench.json and build/bench/bench.svg.

A further measurement is one more Row below. In the environment: BUILD, where the programs are, and ARGS, more options.
"""

import argparse
import dataclasses
import json
import os
import shlex
import shutil
import signal
import statistics
import sys
import tempfile
import time

import instructions
import machine
import report
from servers import Failure, Running, Server, h2o, lighttpd, load, nginx

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(ROOT, "build")))
SKIPPED = 77

FILES = {"1k.txt": 1024, "100k.txt": 100 * 1024, "10m.txt": 10 << 20}  # what is served
SERVE = "{build}/httpserver -d {root} -b 127.0.0.1 -p {port}"
PYTHON = "/usr/bin/python3 -m http.server -d {root} -b 127.0.0.1 {port}"

HTTPSERVER = Server("httpserver", SERVE + " -q", ours=True)
HTTPSERVER_LOG = Server("httpserver, log to a file", SERVE, ours=True)
POOL = Server("httpserver, thread pool of 4", SERVE + " -q --mixin threadpool --workers 4", ours=True)
THREADING = Server("httpserver, a thread each", SERVE + " -q --mixin threading", ours=True)
TWO_LOOPS = Server("httpserver, two loops", SERVE + " -q --workers 2", ours=True)
NGINX = nginx()
NGINX_COPY = nginx("nginx, sendfile off", sendfile="off")
NGINX_EAGER = nginx("nginx, tcp_nopush off", nopush="off")
NGINX_DEFERRED = nginx("nginx, listen deferred", listen=" deferred")
NGINX_LOG = nginx("nginx, log to a file", log="{home}/access.log")
NGINX_BUFFERED = nginx("nginx, buffered log", log="{home}/access.log combined buffer=64k flush=1s")
LIGHTTPD, H2O = lighttpd(), h2o()
FLOOR = Server("epoll loop in C", "{build}/tests/bench/http_floor {port} {root}/1k.txt")
DYNAMIC = Server("a handler in C", "{build}/tests/bench/dynamic {port}", ours=True)
DYNAMIC_PYTHON = Server("its twin in Python", "/usr/bin/python3 " + os.path.join(HERE, "dynamic.py") + " {port}")
PYTHON_10 = Server("python3 -m http.server", PYTHON)
PYTHON_11 = Server("python3 -m http.server", PYTHON + " --protocol HTTP/1.1")
ECHO = Server("EventLoopTCPServer", "{build}/samples/echo EventLoopTCPServer 127.0.0.1:{port}", ours=True)
EPOLL = Server("epoll loop in C", "{build}/tests/bench/echo_epoll {port}")
LIBUV = Server("libuv", "{build}/tests/bench/echo_uv {port}")
UDP_ECHO = Server("UDPServer", "{build}/samples/echo UDPServer 127.0.0.1:{port}", ours=True, datagram=True)
UDP_EVENT = Server("EventLoopUDPServer", "{build}/samples/echo EventLoopUDPServer 127.0.0.1:{port}", ours=True,
                   datagram=True)
UDP_LOOP = Server("recvfrom/sendto loop", "{build}/tests/bench/udp_loop {port}", datagram=True)

BROWSER = {  # what a browser sends with every request for a page
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-GB,en;q=0.9,de;q=0.8",
    "Cache-Control": "max-age=0",
    "Connection": "keep-alive",
    "Sec-Ch-Ua": '"Chromium";v="120", "Not?A_Brand";v="8"',
    "Sec-Ch-Ua-Mobile": "?0",
    "Sec-Ch-Ua-Platform": '"Linux"',
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "none",
    "Upgrade-Insecure-Requests": "1",
}


def http(name, *options, connections=64):
    return ["{build}/tests/bench/load_http", "-c", str(connections), *options, "-f", "{root}/" + name,
            "{port}", "/" + name]


def dynamic(*options):
    return ["{build}/tests/bench/load_http", "-c", "64", *options, "{port}", "/"]


def tcp(size, connections=64):
    return ["{build}/tests/bench/load_tcp", "-c", str(connections), "-b", str(size), "{port}"]


def udp(size, clients=8, window=8):
    return ["{build}/tests/bench/load_udp", "-c", str(clients), "-w", str(window), "-b", str(size), "{port}"]


@dataclasses.dataclass(frozen=True)
class Row:
    """A load, the servers that bear it (ours first), and the most that ours may cost of another's CPU time."""

    key: str
    title: str
    load: list
    servers: list
    targets: dict = dataclasses.field(default_factory=dict)


ROWS = [
    Row("http-1k", "HTTP, 1 KiB, kept alive, 64 connections", http("1k.txt"),
        [HTTPSERVER, FLOOR, NGINX, NGINX_COPY, LIGHTTPD, H2O, PYTHON_11],
        {"nginx": 0.66, "epoll loop in C": 1.08, "python3 -m http.server": 0.02}),
    Row("http-1k-1000", "HTTP, 1 KiB, kept alive, 1,000 connections", http("1k.txt", connections=1000),
        [HTTPSERVER, FLOOR, NGINX, LIGHTTPD, H2O], {"nginx": 0.66}),
    Row("http-1k-log", "HTTP, 1 KiB, kept alive, with a log of the requests", http("1k.txt"),
        [HTTPSERVER_LOG, NGINX_LOG, NGINX_BUFFERED], {"nginx, log to a file": 0.60}),
    Row("http-1k-browser", "HTTP, 1 KiB, kept alive, a browser's request of 14 fields",
        http("1k.txt", *(part for field in BROWSER.items() for part in ("-H", ": ".join(field)))),
        [HTTPSERVER, NGINX, LIGHTTPD, H2O], {"nginx": 0.62}),
    Row("http-1k-pipelined", "HTTP, 1 KiB, 16 requests at once on each of 64 connections", http("1k.txt", "-p", "16"),
        [HTTPSERVER, FLOOR, NGINX_EAGER, LIGHTTPD, H2O], {"nginx, tcp_nopush off": 0.2}),
    Row("http-1k-close", "HTTP, 1 KiB, a connection for each request", http("1k.txt", "-1"),
        [HTTPSERVER, NGINX, NGINX_DEFERRED, LIGHTTPD, H2O, PYTHON_10], {"nginx": 0.75}),
    Row("http-100k", "HTTP, 100 KiB, kept alive, 64 connections", http("100k.txt"),
        [HTTPSERVER, NGINX, LIGHTTPD, H2O, PYTHON_11], {"nginx": 0.96}),
    Row("http-10m", "HTTP, 10 MiB, kept alive, 8 connections", http("10m.txt", connections=8),
        [HTTPSERVER, NGINX, LIGHTTPD, H2O], {"nginx": 1.0}),
    Row("http-mixins", "HTTP, 1 KiB, kept alive, 64 connections: the mix-ins", http("1k.txt"),
        [HTTPSERVER, POOL, THREADING, TWO_LOOPS]),
    Row("dynamic-get", "A handler of one's own, GET of 1 KiB", dynamic(), [DYNAMIC, DYNAMIC_PYTHON],
        {"its twin in Python": 0.02}),
    Row("dynamic-post", "A handler of one's own, POST of 1 KiB, answered with as much", dynamic("-b", "1024"),
        [DYNAMIC, DYNAMIC_PYTHON], {"its twin in Python": 0.02}),
    Row("tcp-64", "TCP echo, 64 bytes, 64 connections", tcp(64), [ECHO, EPOLL, LIBUV], {"epoll loop in C": 1.08}),
    Row("tcp-16k", "TCP echo, 16 KiB, 64 connections", tcp(16384), [ECHO, EPOLL, LIBUV], {"epoll loop in C": 1.08}),
    Row("udp-64", "UDP echo, 64 bytes, 8 clients with 8 datagrams each", udp(64), [UDP_ECHO, UDP_EVENT, UDP_LOOP],
        {"recvfrom/sendto loop": 1.05}),
]

FOOTNOTES = [
    "httpserver is what make builds, in its default mode (event loop). It logs requests to stderr unless told -q, and "
    "nginx is measured without its log: so -q here, except in the row with logs.",
    "nginx: one worker, open_file_cache, sendfile, tcp_nopush, no access log. Without sendfile it does better on "
    "small files and worse on large ones; with \"listen deferred\" it hears of a connection when there is a request, "
    "as httpserver does by default.",
    "python3 -m http.server: with --protocol HTTP/1.1 where connections are kept alive.",
]

INSTRUCTIONS = [  # of one request at a time on one connection
    ("HTTP, 1 KiB, kept alive", http("1k.txt", connections=1), [HTTPSERVER, NGINX]),
    ("HTTP, 1 KiB, a connection for each request", http("1k.txt", "-1", connections=1), [HTTPSERVER, NGINX]),
    ("TCP echo, 64 bytes", tcp(64, connections=1), [ECHO, EPOLL, LIBUV]),
    ("UDP echo, 64 bytes", udp(64, clients=1, window=1), [UDP_ECHO, UDP_EVENT, UDP_LOOP]),
]


def fill(command, running, root):
    return [part.format(build=BUILD, root=root, port=running.port) for part in command]


def measure(row, running, root, cpu, seconds):
    """One round of one server."""
    command = fill(row.load, running, root)
    command[1:1] = ["-s", str(seconds)]
    busy, spent = machine.busy(running.cpu), running.cpu_seconds()
    result = json.loads(load(command, cpu, seconds + 30))
    spent = running.cpu_seconds() - spent
    busy = machine.busy(running.cpu) - busy
    return {
        "cpu_us": spent * 1e6 / result["requests"],
        "rate": result["requests"] / result["seconds"],
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
        "lost": result["lost"],
        "used": spent / result["seconds"],  # of its processor, by the server
        "others": max(0.0, busy - spent) / result["seconds"],  # and by somebody else
    }


def compare(row, root, options):
    """All rounds of a row; {name: [round, ...]}."""
    running, rounds = [], {}
    try:
        for server in row.servers:
            if server.missing(BUILD):
                print(f"  {server.name} is left out: no {server.program(BUILD)} (make deps bench)")
                continue
            running.append(Running(server, BUILD, root, options.server_cpu))
            measure(row, running[-1], root, options.load_cpu, min(0.3, options.seconds))
        for number in range(options.rounds):
            for each in running if number % 2 == 0 else reversed(running):
                result = measure(row, each, root, options.load_cpu, options.seconds)
                rounds.setdefault(each.server.name, []).append(result)
    finally:
        for each in running:
            each.stop()
    return {server.name: rounds[server.name] for server in row.servers if server.name in rounds}


def summarize(row, rounds):
    """What goes into the report and the JSON file."""
    names = list(rounds)
    medians = {name: statistics.median(r["cpu_us"] for r in rounds[name]) for name in names}
    ratios = {name: medians[names[0]] / medians[name] for name in names[1:]}
    targets = [{"against": name, "at_most": most, "ratio": ratios[name], "met": ratios[name] <= most}
               for name, most in row.targets.items() if name in ratios]
    return {"key": row.key, "title": row.title, "rounds": rounds, "cpu_us": medians, "ratios": ratios,
            "ours": [server.name for server in row.servers if server.ours], "targets": targets}


def make_files(root):
    os.chmod(root, 0o755)
    for name, size in FILES.items():
        with open(os.path.join(root, name), "wb") as file:
            file.write(bytes(33 + (i * i // 7) % 90 for i in range(size)))


def parse_options():
    parser = argparse.ArgumentParser(description="Measure the CPU time of a request, side by side with other servers.")
    parser.add_argument("--rounds", type=int, default=5, help="of each row (default: 5)")
    parser.add_argument("--seconds", type=float, default=2, help="of load for each server in each round (default: 2)")
    parser.add_argument("--quick", action="store_true", help="2 rounds of half a second: does it work?")
    parser.add_argument("--only", metavar="PATTERN", default="", help="rows with PATTERN in key or title")
    parser.add_argument("--list", action="store_true", help="list the rows and exit")
    parser.add_argument("--json", metavar="FILE", default=os.path.join(BUILD, "bench", "bench.json"))
    parser.add_argument("--svg", metavar="FILE", default=os.path.join(BUILD, "bench", "bench.svg"))
    parser.add_argument("--server-cpu", type=int, metavar="N", help="the servers' processor (default: the first)")
    parser.add_argument("--load-cpu", type=int, metavar="N", help="the load generator's (default: the second)")
    parser.add_argument("--instructions", action="store_true",
                        help="count instructions with valgrind instead: exact, the kernel's not included")
    options = parser.parse_args(shlex.split(os.environ.get("ARGS", "")) + sys.argv[1:])
    if options.quick:
        options.rounds, options.seconds = 2, 0.5
    cpus = sorted(os.sched_getaffinity(0))
    options.server_cpu = cpus[0] if options.server_cpu is None else options.server_cpu
    options.load_cpu = cpus[-1 if len(cpus) < 2 else 1] if options.load_cpu is None else options.load_cpu
    return options


def run(rows, root, options):
    """Measure all rows; when interrupted, those that are complete."""
    summaries = []
    try:
        for row in rows:
            print(f"{row.key}: {row.title}", flush=True)
            if rounds := compare(row, root, options):
                summaries.append(summarize(row, rounds))
    except KeyboardInterrupt:
        print("interrupted")
    return summaries


def write_results(summaries, options):
    results = {"machine": machine.describe(), "date": time.strftime("%Y-%m-%d"), "rounds": options.rounds,
               "seconds": options.seconds, "rows": summaries, "notes": FOOTNOTES}
    for path, text in ((options.json, json.dumps(results, indent=1)), (options.svg, report.svg(results))):
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    print("\n" + report.table(results))
    print(f"\n{options.json}\n{options.svg}")


def main():
    options = parse_options()
    rows = [row for row in ROWS if options.only.lower() in row.key + row.title.lower()]
    if options.list:
        print("\n".join(f"{row.key:16}{row.title}" for row in rows))
        return 0
    if options.server_cpu == options.load_cpu and not options.instructions:
        print("bench: skipped: it takes two processors, one for the server and one for the load generator")
        return SKIPPED
    if why_not := machine.enter_own_network():
        print(f"bench: warning: in the machine's own network, with congestion control "
              f"{machine.read(machine.CONGESTION)}: a namespace is refused ({why_not})")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped
    os.environ["PATH"] += ":/usr/sbin:/usr/local/sbin"  # where nginx is, also for users
    root = tempfile.mkdtemp(prefix="bench-root-")
    try:
        make_files(root)
        if options.instructions:
            return instructions.run(INSTRUCTIONS, BUILD, root, options)
        summaries = run(rows, root, options)
        if summaries:
            write_results(summaries, options)
        return 0 if summaries else 1
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    sys.exit(main())
