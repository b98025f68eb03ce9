# SPDX-License-Identifier: MIT
"""The servers that the benchmark compares: how each is started, and stopped."""

import contextlib
import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import machine

NGINX = """# nginx tuned for static files
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
error_log stderr error;
pid {home}/nginx.pid;
events {{ worker_connections 12000; multi_accept on; accept_mutex off; }}
http {{
    access_log {log};
    types {{ text/plain txt; }}
    sendfile {sendfile};
    tcp_nopush {nopush};
    tcp_nodelay on;
    keepalive_timeout 300s;
    keepalive_requests 1000000000;
    open_file_cache max=1000 inactive=1h;
    open_file_cache_valid 1h;
    open_file_cache_min_uses 1;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    server {{ listen 127.0.0.1:{port} backlog=4096{listen}; root {root}; }}
}}
"""

LIGHTTPD = """# lighttpd tuned for static files
server.document-root = "{root}"
server.bind = "127.0.0.1"
server.port = {port}
server.max-fds = 20000
server.max-connections = 12000
server.max-keep-alive-requests = 1000000000
server.max-keep-alive-idle = 300
server.stat-cache-engine = "simple"
mimetype.assign = ( ".txt" => "text/plain" )
"""

H2O = """# h2o tuned for static files
listen:
  host: 127.0.0.1
  port: {port}
num-threads: 1
max-connections: 12000
http1-request-timeout: 300
file.send-compressed: OFF
hosts:
  default:
    paths:
      /:
        file.dir: {root}
"""

NSD = """# one process that answers, without limits
server:
    server-count: 1
    ip-address: 127.0.0.1
    port: {port}
    username: ""
    zonesdir: "{home}"
    pidfile: ""
    database: ""
    xfrdfile: ""
    zonelistfile: "{home}/zones"
    rrl-ratelimit: 0
    minimal-responses: yes
remote-control:
    control-enable: no
zone:
    name: example.org
    zonefile: "ZONE"
"""

KNOT = """# one thread that answers datagrams
server:
    listen: 127.0.0.1@{port}
    rundir: {home}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {home}
zone:
  - domain: example.org
    file: "ZONE"
    zonefile-sync: -1
    journal-content: none
"""


class Failure(Exception):
    """A server or a load generator that did not do its work."""


@dataclasses.dataclass(frozen=True)
class Server:
    """A name for the reader and a command. In the command, {build} {root} {port} {home} stand for the directory of
    programs, the one that is served, the port, and a directory of the server's own; what it prints goes to
    {home}/log. `files` are written into {home} first, filled in likewise. `needs` is a file or directory without which it
    does not start, besides the program. `cpus` is how many processors it gets. A `rival` is one whose 99th percentile ours
    may not exceed. `load`, if any, is what it bears, not its row's, and `idle` what else is there: a function that opens a
    connection, and how many of them. One of datagrams answers `hello` by something that begins with the same two bytes."""

    name: str
    command: str
    ours: bool = False
    datagram: bool = False
    cpus: int = 1
    rival: bool = False
    load: list = None
    needs: str = ""
    idle: tuple = ()
    hello: bytes = b"ping"
    files: dict = dataclasses.field(default_factory=dict)

    def program(self, build):
        return self.command.split()[0].format(build=build)

    def missing(self, build):
        """What is not there of what it needs, or None."""
        program = self.program(build)
        if shutil.which(program) is None:
            return program
        return self.needs if self.needs and not os.path.exists(self.needs) else None


def nginx(name="nginx", log="off", sendfile="on", nopush="on", listen=""):
    text = NGINX
    for key, value in {"log": log, "sendfile": sendfile, "nopush": nopush, "listen": listen}.items():
        text = text.replace("{" + key + "}", value)
    return Server(name, "nginx -e stderr -c {home}/nginx.conf", rival=True, files={"nginx.conf": text})


def lighttpd():
    return Server("lighttpd", "lighttpd -D -f {home}/lighttpd.conf", files={"lighttpd.conf": LIGHTTPD})


def h2o():
    return Server("h2o", "h2o -m worker -c {home}/h2o.conf", files={"h2o.conf": H2O})


def name_server(name, command, zone, **files):
    """One of datagrams that knows example.org; ZONE in its files is the path of the master file."""
    hello = bytes.fromhex("2121 0000 0001 0000 0000 0000 00 0002 0001")
    return Server(name, command, datagram=True, ours=not files, hello=hello,
                  files={key.replace("_", "."): text.replace("ZONE", zone) for key, text in files.items()})


def nsd(zone):
    return name_server("nsd", "nsd -d -c {home}/nsd.conf", zone, nsd_conf=NSD)


def knot(zone):
    return name_server("knot", "knotd -c {home}/knot.conf", zone, knot_conf=KNOT)


def installed(servers, options):
    """Those of the servers that are here; the reader is told of the others."""
    for server in servers:
        if missing := server.missing(options.build):
            print(f"  {server.name} is left out: no {missing} (make deps bench)")
        else:
            yield server


class Running:
    """A server that runs, as the leader of a session of its own, on these processors."""

    def __init__(self, server, build, root, cpus):
        self.server, self.cpus = server, cpus
        self.home = tempfile.mkdtemp(prefix="bench-")
        os.chmod(self.home, 0o1777)  # nginx becomes another user
        kind = socket.SOCK_DGRAM if server.datagram else socket.SOCK_STREAM
        self.port = machine.free_port(kind)
        values = {"build": build, "root": root, "port": self.port, "home": self.home}
        for name, text in server.files.items():
            with open(os.path.join(self.home, name), "w", encoding="utf-8") as file:
                file.write(text.format(**values))
        with open(os.path.join(self.home, "log"), "wb") as log:
            self.process = subprocess.Popen(
                server.command.format(**values).split(), cwd=self.home, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, preexec_fn=self.before_exec)
        try:
            self.wait_until_it_answers(kind)
        except BaseException:
            self.stop()
            raise

    def before_exec(self):
        os.sched_setaffinity(0, self.cpus)

    def wait_until_it_answers(self, kind):
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.settimeout(0.1)
                with contextlib.suppress(OSError):
                    probe.connect(("127.0.0.1", self.port))
                    if kind == socket.SOCK_STREAM:
                        return
                    probe.send(self.server.hello)
                    if probe.recv(4096)[:2] == self.server.hello[:2]:
                        return
            time.sleep(0.01)
        raise Failure(f"{self.server.name} does not answer: {self.said()}")

    def said(self):
        with open(os.path.join(self.home, "log"), encoding="utf-8", errors="replace") as log:
            return log.read(2000).strip() or "it says nothing"

    def cpu_seconds(self):
        if self.process.poll() is not None:
            raise Failure(f"{self.server.name} has ended with {self.process.returncode}: {self.said()}")
        return sum(machine.tree(self.process.pid).values())

    def stop(self, patience=5.0):
        """End the server and what it has started, and nothing else."""
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            for pid in machine.tree(self.process.pid):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal_number)
            end = time.monotonic() + patience
            while machine.tree(self.process.pid) and time.monotonic() < end:
                self.process.poll()
                time.sleep(0.01)
        shutil.rmtree(self.home, ignore_errors=True)


def load(command, cpus, limit):
    """Run a load generator on each of these processors, all at once; what each reports, parsed by the caller."""
    reports = []
    with contextlib.ExitStack() as stack:
        generators = []
        for cpu in cpus:
            generators.append(stack.enter_context(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                preexec_fn=lambda cpu=cpu: os.sched_setaffinity(0, {cpu}))))
            stack.callback(generators[-1].kill)  # which does nothing when it has ended
        for generator in generators:
            try:
                report, errors = generator.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                raise Failure(f"{' '.join(command)}: has not ended within {limit:g} s") from None
            if generator.returncode != 0:
                raise Failure(f"{' '.join(command)}: {errors.strip()}")
            reports.append(report)
    return reports
