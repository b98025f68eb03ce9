# SPDX-License-Identifier: MIT
"""What is measured: the servers, the loads, and how they are put together. A further measurement is one more here."""

import dataclasses
import os
import shutil

from cpu import Row
from latency import Connections, Greedy
from memory import Idle, Startup, websocket_to
from messages import Channel
from servers import Server, h2o, knot, lighttpd, name_server, nginx, nsd

HERE = os.path.dirname(os.path.abspath(__file__))

SERVE = "{build}/httpserver -d {root} -b 127.0.0.1 -p {port}"
PYTHON = "/usr/bin/python3 -m http.server -d {root} -b 127.0.0.1 {port}"

HTTPSERVER = Server("httpserver", SERVE + " -q", ours=True)
HTTPSERVER_LOG = Server("httpserver, log to a file", SERVE, ours=True)
POOL = Server("httpserver, thread pool of 4", SERVE + " -q --mixin threadpool --workers 4", ours=True)
THREADING = Server("httpserver, a thread each", SERVE + " -q --mixin threading", ours=True)
TWO_LOOPS = Server("httpserver, two loops", SERVE + " -q --workers 2", ours=True, cpus=2)
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
ECHO = Server("EventLoopTCPServer", "{build}/samples/echo 127.0.0.1:{port} EventLoopTCPServer", ours=True)
EPOLL = Server("epoll loop in C", "{build}/tests/bench/echo_epoll {port}")
LIBUV = Server("libuv", "{build}/tests/bench/echo_uv {port}")
WS_ECHO = Server("ws_echo, a class", "{build}/samples/ws_echo 127.0.0.1:{port}", ours=True)
WS_PYTHON = Server("python3-websockets", "/usr/bin/python3 " + os.path.join(HERE, "websockets_echo.py") + " {port}",
                   needs="/usr/lib/python3/dist-packages/websockets")
WS_NPM = Server("npm ws", "node " + os.path.join(HERE, "websockets_echo.js") + " {port}", needs="/usr/share/nodejs/ws")
UDP_ECHO = Server("UDPServer", "{build}/samples/echo 127.0.0.1:{port} UDPServer", ours=True, datagram=True)
UDP_EVENT = Server("EventLoopUDPServer", "{build}/samples/echo 127.0.0.1:{port} EventLoopUDPServer", ours=True,
                   datagram=True)
UDP_LOOP = Server("recvfrom/sendto loop", "{build}/tests/bench/udp_loop {port}", datagram=True)
ZONE = os.path.join(os.path.dirname(os.path.dirname(HERE)), "samples", "dns", "example.zone")
DNS = name_server("dns, UDPServer", "{build}/samples/dns 127.0.0.1:{port} UDPServer " + ZONE, ZONE)
DNS_EVENT = name_server("dns, EventLoopUDPServer", "{build}/samples/dns 127.0.0.1:{port} EventLoopUDPServer " + ZONE, ZONE)
NSD, KNOT = nsd(ZONE), knot(ZONE)
# Addresses, an alias, a name that is not there, a wildcard, a name without such records.
QUESTIONS = [name + ".example.org" + kind for name, kind in [
    ("ns", "/1"), ("mail", "/28"), ("www", "/1"), ("no", "/1"), ("x.users", "/1"), ("mail", "/15")]]
REDIS_LOAD = shutil.which("redis-benchmark") or "/usr/bin/redis-benchmark"
KVSTORE = Server("kvstore", "{build}/samples/kvstore 127.0.0.1:{port} EventLoopTCPServer", ours=True, needs=REDIS_LOAD)
REDIS = Server("redis-server", "redis-server --bind 127.0.0.1 --port {port} --save  --appendonly no --dir {home}",
               needs=REDIS_LOAD)

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


# What each connection's own browser sends ("@": see load_http.c): 14 fields with Host, some 750 bytes.
BROWSERS = {name: value for name, value in BROWSER.items() if name not in ("Cache-Control", "Connection")} | {
    "User-Agent": "Mozilla/5.0 (X11; Linux @) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.@ Safari/537.36",
    "Cookie": "session=@@@; theme=@; consent=@",
    "Referer": "http://127.0.0.1/pages/@/@.html",
}
OWN = {"User-Agent": "client/@"}  # and nothing else but Host


def fields(head):
    """Options of load_http for these header fields."""
    return [part for name, value in head.items() for part in ("-H", f"{name}: {value}")]


def http(name, *options, connections=64, coded=False):
    """`coded`: the answer may come compressed, so that its body is not that of the file."""
    same = [] if coded else ["-f", "{root}/" + name]
    return ["{build}/tests/bench/load_http", "-c", str(connections), *options, *same, "{port}", "/" + name]


def dynamic(*options, connections=64):
    return ["{build}/tests/bench/load_http", "-c", str(connections), *options, "{port}", "/"]


def tcp(size, connections=64):
    return ["{build}/tests/bench/load_tcp", "-c", str(connections), "-b", str(size), "{port}"]


def websocket(size, path="/", connections=64):
    return [*tcp(size, connections)[:-1], "-w", path, "{port}"]


def among(server, path, others):
    return dataclasses.replace(server, idle=(websocket_to(path), others))


def websockets(key, title, size, ratio):
    """Beside the echo of as many bytes without WebSockets."""
    straight = dataclasses.replace(WS_ECHO, name="ws_echo, straight code", load=websocket(size, "/straight"))
    plain = dataclasses.replace(ECHO, load=tcp(size))
    return Row(key, title, websocket(size), [WS_ECHO, straight, plain, WS_PYTHON, WS_NPM], {ECHO.name: ratio})


def udp(size, clients=8, window=8):
    return ["{build}/tests/bench/load_udp", "-c", str(clients), "-w", str(window), "-b", str(size), "{port}"]


def redis(key, title, test, *options):
    load = [os.path.join(HERE, "load_redis.py"), "-c", "50", "-t", test, *options, "{port}"]
    return Row(key, title, load, [KVSTORE, REDIS], {REDIS.name: 0.9})


CPU = [
    Row("http-1k", "HTTP, 1 KiB, kept alive, 64 connections", http("1k.txt"),
        [HTTPSERVER, FLOOR, NGINX, NGINX_COPY, LIGHTTPD, H2O, PYTHON_11],
        {"nginx": 0.66, "epoll loop in C": 1.08, "python3 -m http.server": 0.02}),
    Row("http-1k-1000", "HTTP, 1 KiB, kept alive, 1,000 connections", http("1k.txt", connections=1000),
        [HTTPSERVER, FLOOR, NGINX, LIGHTTPD, H2O], {"nginx": 0.66}),
    Row("http-1k-log", "HTTP, 1 KiB, kept alive, with a log of the requests", http("1k.txt"),
        [HTTPSERVER_LOG, NGINX_LOG, NGINX_BUFFERED], {"nginx, log to a file": 0.60}),
    Row("http-1k-browser", "HTTP, 1 KiB, kept alive, a browser's request of 14 fields",
        http("1k.txt", *fields(BROWSER), coded=True), [HTTPSERVER, NGINX, LIGHTTPD, H2O], {"nginx": 0.62}),
    Row("http-1k-browsers", "HTTP, 1 KiB, kept alive, 64 browsers, each with a head of its own",
        http("1k.txt", *fields(BROWSERS), coded=True), [HTTPSERVER, FLOOR, NGINX],
        {"nginx": 0.62, "epoll loop in C": 1.15}),
    Row("http-1k-heads", "HTTP, 1 KiB, kept alive, 64 clients, each with a small head of its own",
        http("1k.txt", *fields(OWN)), [HTTPSERVER, FLOOR, NGINX], {"nginx": 0.66, "epoll loop in C": 1.08}),
    Row("http-1k-pipelined", "HTTP, 1 KiB, 16 requests at once on each of 64 connections", http("1k.txt", "-p", "16"),
        [HTTPSERVER, FLOOR, NGINX_EAGER, LIGHTTPD, H2O], {"nginx, tcp_nopush off": 0.2}, at_most=1.0),
    Row("http-1k-close", "HTTP, 1 KiB, a connection for each request", http("1k.txt", "-1"),
        [HTTPSERVER, NGINX, NGINX_DEFERRED, LIGHTTPD, H2O, PYTHON_10], {"nginx": 0.75}),
    Row("http-100k", "HTTP, 100 KiB, kept alive, 64 connections", http("100k.txt"),
        [HTTPSERVER, NGINX, LIGHTTPD, H2O, PYTHON_11], {"nginx": 0.96}),
    Row("http-10m", "HTTP, 10 MiB, kept alive, 8 connections", http("10m.txt", connections=8),
        [HTTPSERVER, NGINX, LIGHTTPD, H2O], {"nginx": 1.0}),
    Row("http-mixins", "HTTP, 1 KiB, kept alive, 64 connections: the mix-ins", http("1k.txt"),
        [HTTPSERVER, POOL, THREADING], limits={POOL.name: 1.2, THREADING.name: 1.75}),
    Row("http-workers", "HTTP, 1 KiB, kept alive, 64 connections: two loops beside one", http("1k.txt"),
        [TWO_LOOPS, HTTPSERVER], {"httpserver": 1.05}, rates={"httpserver": 1.8}),
    Row("dynamic-get", "A handler of one's own, GET of 1 KiB", dynamic(), [DYNAMIC, DYNAMIC_PYTHON],
        {"its twin in Python": 0.02}),
    Row("dynamic-post", "A handler of one's own, POST of 1 KiB, answered with as much", dynamic("-b", "1024"),
        [DYNAMIC, dataclasses.replace(DYNAMIC, name="the same, GET of 1 KiB", load=dynamic()), DYNAMIC_PYTHON],
        {"the same, GET of 1 KiB": 1.3, "its twin in Python": 0.02}),
    Row("tcp-64", "TCP echo, 64 bytes, 64 connections", tcp(64), [ECHO, EPOLL, LIBUV], {"epoll loop in C": 1.08}),
    Row("tcp-16k", "TCP echo, 16 KiB, 64 connections", tcp(16384), [ECHO, EPOLL, LIBUV], {"epoll loop in C": 1.08}),
    websockets("ws-64", "WebSocket echo, 64 bytes, 64 connections", 64, 1.04),
    websockets("ws-16k", "WebSocket echo, 16 KiB, 64 connections", 16384, 1.08),
    Row("ws-idle", "WebSocket echo, 64 bytes, 100 connections that talk among 10,000", websocket(64, connections=100),
        [among(WS_ECHO, "/", 9900), dataclasses.replace(WS_ECHO, name="100 alone"),
         dataclasses.replace(among(WS_ECHO, "/straight", 9900), name="straight code",
                             load=websocket(64, "/straight", connections=100))],
        {"100 alone": 1.2}),
    Row("udp-64", "UDP echo, 64 bytes, 8 clients with 8 datagrams each", udp(64), [UDP_ECHO, UDP_EVENT, UDP_LOOP],
        {"recvfrom/sendto loop": 1.05}),
    Row("dns", "DNS over UDP, six questions in turns, 8 clients with 8 each",
        ["{build}/tests/bench/load_dns", "-c", "8", "-w", "8", "{port}", *QUESTIONS], [DNS, DNS_EVENT, NSD, KNOT],
        {"nsd": 1.0, "knot": 1.0}),
    redis("redis-get", "Redis' protocol, GET, 50 connections", "get"),
    redis("redis-set", "Redis' protocol, SET, 50 connections", "set"),
    redis("redis-get-pipelined", "Redis' protocol, GET, 16 at once on each of 50 connections", "get", "-P", "16"),
    redis("redis-set-pipelined", "Redis' protocol, SET, 16 at once on each of 50 connections", "set", "-P", "16"),
]

MEMORY = [
    Idle("memory", "Memory of idle connections that are kept alive", [HTTPSERVER, POOL, NGINX, LIGHTTPD, H2O],
         (100, 1000, 10000), at_most=200),
    Idle("memory-websockets", "Memory of idle WebSockets", [WS_ECHO, WS_PYTHON, WS_NPM], (100, 1000, 10000), at_most=256,
         connect=websocket_to("/")),
    Idle("memory-websockets-deflate", "Memory of idle WebSockets with compression, without context takeover",
         [WS_ECHO, WS_PYTHON, WS_NPM], (100, 1000, 10000), at_most=2048, connect=websocket_to("/", deflates=True)),
    Idle("memory-websockets-straight", "Memory of idle WebSockets in straight code",
         [dataclasses.replace(WS_ECHO, name="ws_echo, straight code")], (100, 1000, 10000), at_most=6144,
         connect=websocket_to("/straight"), patience=90),
    Startup("startup", "From exec to the first answer", [HTTPSERVER, NGINX, LIGHTTPD, H2O, PYTHON_10], 20,
            {"ms": 5, "rss": 4 << 20}),
]

LATENCY = [
    Connections("latency", "Latency by connections, HTTP, 1 KiB, kept alive",
                lambda connections: http("1k.txt", connections=connections), [HTTPSERVER, NGINX], (1, 8, 64, 512),
                against="nginx"),
    Greedy("greedy-files", "32 connections with a greedy one: files, 1 KiB, kept alive",
           http("1k.txt", connections=32), [HTTPSERVER, NGINX],
           {"pipelines without end": "pipeline:/1k.txt", "reads 10 MiB, a byte a second": "slow:/10m.txt",
            "downloads 10 MiB without end": "pipeline:/10m.txt"}),
    Greedy("greedy-upload", "32 connections with a greedy one: uploads, to a handler of one's own",
           dynamic(connections=32), [DYNAMIC], {"uploads without end": "upload:/"}),
]

MESSAGES = [
    Channel("channel", "A message of a channel to 10,000 subscribers in one event loop, for each", 10000, 20,
            ("waits", "parks", "writes"), {"waits": 1000, "parks": 1000}),
    Channel("channel-clients", "A message of a channel to 10,000 clients of HTTP in one event loop, for each", 10000,
            20, ("sockets", "streams", "sends"), {"sockets": 2500, "streams": 2500}, besides="sends"),
]

ALL = [*CPU, *MEMORY, *LATENCY, *MESSAGES]

FOOTNOTES = [
    "httpserver is what make builds, in its default mode (event loop). It logs requests to stderr unless told -q, and "
    "nginx is measured without its log: so -q here, except in the row with logs.",
    "nginx: one worker, open_file_cache, sendfile, tcp_nopush, no access log. Without sendfile it does better on "
    "small files and worse on large ones; with \"listen deferred\" it hears of a connection when there is a request, "
    "as httpserver does by default.",
    "A browser accepts content codings: httpserver compresses, as it does by default; nginx, lighttpd and h2o, as they "
    "are set up here, do not.",
    "python3 -m http.server: with --protocol HTTP/1.1 where connections are kept alive.",
    "redis-server is Debian's; neither it nor kvstore keeps anything on the disk; the load is redis-benchmark's.",
    "Two loops: on two processors, with two load generators of so many connections each, where there are processors "
    "for all; else on one.",
]

INSTRUCTIONS = [  # of one request at a time on one connection, but for those of 64 clients
    ("HTTP, 1 KiB, kept alive, a small head", http("1k.txt", connections=1), [HTTPSERVER, NGINX]),
    ("HTTP, 1 KiB, kept alive, a browser's head", http("1k.txt", *fields(BROWSER), connections=1, coded=True),
     [HTTPSERVER, NGINX]),
    ("HTTP, 1 KiB, kept alive, with a log of the requests", http("1k.txt", connections=1), [HTTPSERVER_LOG, NGINX_LOG]),
    ("HTTP, 1 KiB, kept alive, 64 browsers, each with a head of its own",
     http("1k.txt", *fields(BROWSERS), coded=True), [HTTPSERVER, NGINX]),
    ("HTTP, 1 KiB, kept alive, 64 clients, each with a small head of its own", http("1k.txt", *fields(OWN)),
     [HTTPSERVER, NGINX]),
    ("HTTP, 1 KiB, a connection for each request", http("1k.txt", "-1", connections=1), [HTTPSERVER, NGINX]),
    ("TCP echo, 64 bytes", tcp(64, connections=1), [ECHO, EPOLL, LIBUV]),
    ("UDP echo, 64 bytes", udp(64, clients=1, window=1), [UDP_ECHO, UDP_EVENT, UDP_LOOP]),
]
