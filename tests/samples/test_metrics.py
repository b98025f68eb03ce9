# SPDX-License-Identifier: MIT
"""samples/metrics: statsd from nc and by bytes, and the totals as Prometheus reads them."""

import os
import re
import shutil
import signal
import socket
import threading

import programs
import pytest
import wire

DATAGRAMS = ["UDPServer", "ThreadingUDPServer", "ThreadPoolUDPServer", "ForkingUDPServer", "PreforkingUDPServer",
             "EventLoopUDPServer", "PreforkingEventLoopUDPServer", "UnixDatagramServer", "ForkingUnixDatagramServer",
             "EventLoopUnixDatagramServer"]
STREAMS = ["ThreadingTCPServer", "ForkingTCPServer", "EventLoopTCPServer", "PreforkingEventLoopTCPServer"]
if programs.TSAN:  # does not bear threads in a process that one with threads has forked
    DATAGRAMS, STREAMS = [[c for c in names if "Pre" not in c and "Forking" not in c] for names in (DATAGRAMS, STREAMS)]
LINE, SERIES, MEMBERS = 1400, 1000, 1023

NAME, LABEL = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:{{({LABEL}(?:,{LABEL})*)}})? (\S+)")


class Metrics(programs.Server):
    """`address` is where statsd is, `http` the other one."""

    def send(self, *texts):
        if self.stream:
            with socket.create_connection(self.address) as client:
                client.sendall("".join(text + "\n" for text in texts).encode("utf-8", "surrogateescape"))
            return
        kind = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        with socket.socket(kind, socket.SOCK_DGRAM) as client:
            for text in texts:
                client.sendto(text.encode("utf-8", "surrogateescape"), self.address)

    def page(self):
        with wire.Client(self.http) as client:
            response = client.ask(path="/metrics")
        assert response.status == 200 and response.get("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
        return response.text

    def totals(self):
        """{name and labels: value}, when what is read is what Prometheus reads: each name has one type, said once and ahead."""
        found, types = {}, {}
        for line in self.page().splitlines():
            if kind := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|summary)", line):
                assert kind[1] not in types
                types[kind[1]] = kind[2]
            elif not line.startswith("# "):
                name, labels, value = SAMPLE.fullmatch(line).groups()
                of_summary = re.sub("_(sum|count)$", "", name)
                last = list(types)[-1]
                assert name == last or (of_summary == last and types[last] == "summary")
                key = name + (f"{{{labels}}}" if labels else "")
                assert key not in found
                found[key] = float(value)
        return found

    def lines(self):
        totals = self.totals()
        return sum(value for name, value in totals.items() if name.startswith("metrics_"))

    def took(self, *texts):
        """The totals when these were seen."""
        before = self.lines()
        self.send(*texts)
        wire.wait_until(lambda: self.lines() >= before + sum(len(text.splitlines()) for text in texts))
        return self.totals()


@pytest.fixture
def metrics(started, tmp_path):
    def start(cls):
        stream, unix = "TCP" in cls, "Unix" in cls
        with socket.socket(socket.AF_UNIX if unix else socket.AF_INET,
                           socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as bound, programs.listener() as http:
            bound.bind(str(tmp_path / "statsd") if unix else ("127.0.0.1", 0))
            if stream:
                bound.listen()
            server = Metrics([programs.path_of("samples/metrics"), f"fd:{bound.fileno()}", cls, f"fd:{http.fileno()}"],
                             tmp_path, address=bound.getsockname(), fds=[bound.fileno(), http.fileno()])
            server.stream, server.http = stream, http.getsockname()
        started.append(server)
        return server
    return start


def near(value):
    return pytest.approx(value, rel=1 / 32)


ALL_KINDS = ["page.views:3|c", "page.views:1|c|@0.1", "users:ann|s\nusers:bob|s\nusers:ann|s",
             *(f"time:{ms}|ms" for ms in range(1, 101))]
ALL_TOTALS = {"page_views_total": 13, "users_distinct": 2, "time_count": 100, "time_sum": 5050,
              'time{quantile="0.5"}': near(50), 'time{quantile="0.9"}': near(90), 'time{quantile="0.99"}': near(99)}


@pytest.mark.parametrize("cls", DATAGRAMS + STREAMS)
def test_kinds(metrics, cls):
    """Whichever thread or process gets a line; the gauge's lines stand in one datagram, as they need their order."""
    server = metrics(cls)
    server.took("fuel:7.5|g")
    totals = server.took("fuel:-2|g\nfuel:+1|g\n", *ALL_KINDS)
    assert totals == {**totals, **ALL_TOTALS, "fuel": 6.5}


@pytest.mark.skipif(not shutil.which("nc") or not shutil.which("curl"), reason="no nc or no curl")
@pytest.mark.parametrize("cls", ["UDPServer", "ForkingUDPServer"] if not programs.TSAN else ["UDPServer"])
def test_nc_and_curl(metrics, cls):
    server = metrics(cls)
    programs.run(["sh", "-c", f"printf 'hits:1|c\\nhits:2|c|#a:b\\n' | nc -u -q0 127.0.0.1 {server.address[1]}"])
    wire.wait_until(lambda: server.lines() == 2)
    result = programs.run(["curl", "-sS", "-i", "--compressed", "--noproxy", "*", f"http://127.0.0.1:{server.http[1]}/metrics"])
    assert result.returncode == 0 and '\nhits_total 1\nhits_total{a="b"} 2\n' in result.stdout
    result = programs.run(["curl", "-sS", "--noproxy", "*", f"http://127.0.0.1:{server.http[1]}/"])
    assert "/metrics" in result.stdout


@pytest.mark.parametrize("cls", ["EventLoopUnixDatagramServer", "ForkingUnixDatagramServer",
                                 "PreforkingUnixDatagramServer", *STREAMS]
                         if not programs.TSAN else ["EventLoopUnixDatagramServer", "ThreadingTCPServer"])
def test_many_at_once(metrics, cls):
    """Nothing is lost and nothing counted twice, and each page is a good one meanwhile. (A Unix socket loses no datagram.)"""
    server, each = metrics(cls), 100 if "ForkingUnix" in cls else 300

    def tell(number):
        server.send(*(f"n{i % 7}:1|c\nt:{i}|ms\ns:{i}|s\nof:1|c|#who:{number}" for i in range(each)))

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while server.lines() < 4 * 4 * each and any(thread.is_alive() for thread in threads):
        pass
    wire.wait_until(lambda: server.lines() == 4 * 4 * each)
    totals = server.totals()
    assert sum(totals[f"n{i}_total"] for i in range(7)) == totals["t_count"] == 4 * each
    assert totals["s_distinct"] == each and totals["t_sum"] == 4 * sum(range(each))
    assert [totals[f'of_total{{who="{number}"}}'] for number in range(4)] == [each] * 4


@pytest.mark.skipif(programs.TSAN, reason="processes")
def test_a_process_is_killed(metrics):
    server = metrics("PreforkingUDPServer")
    before = 0
    for _ in range(3):
        victim = wire.wait_until(lambda: sorted(server.children()))[0]
        os.kill(victim, signal.SIGKILL)
        wire.wait_until(lambda: server.children() and victim not in server.children())
        assert server.took(f"n{before}:1|c", "all:1|c")["all_total"] == before + 1
        before += 1


# ---------------------------------------------------------------- lines


@pytest.mark.parametrize("line, shown", [
    ("a:1|c", "a_total 1"), ("a.b-c/d e:1|c", "a_b_c_d_e_total 1"), ("9lives:1|c", "_9lives_total 1"), ("é:1|g", "__ 1"),
    ("x_total:1|c", "x_total 1"), ("a:0.5|c|@0.25", "a_total 2"), ("a:1e3|c", "a_total 1000"), ("a:1:2:3|c", "a_total 6"),
    ("a:5|g\na:+0.25|g", "a 5.25"), ("a:-5|g", "a -5"), ("a:1|g|@0.1", "a 1"), ("a:0.1|g", "a 0.1"),
    ("a:1e308|g\na:+1e308|g", "a +Inf"),
    ("a:320|ms", 'a{quantile="0.5"} 320\na{quantile="0.9"} 320\na{quantile="0.99"} 320\na_sum 320\na_count 1'),
    ("a:4|h|@0.5", "a_sum 8\na_count 2"), ("a:0|d", 'a{quantile="0.5"} 0'), ("a:1:2|ms", "a_sum 3\na_count 2"),
    ("a:x:y|s", "a_distinct 1"), ("a:|x|s\na:y|s", "a_distinct 1"), ("a:1|c|c:container|T1656581400|e:x", "a_total 1"),
    ("a:1|c|#b:1,a:2", 'a_total{a="2",b="1"} 1'), ("a:1|c|#flag,,x:", 'a_total{flag="true",x="true"} 1'),
    ("a:1|c|#k-1:v:w", 'a_total{k_1="v:w"} 1'), ("a:1|c|#a:1,a:2", 'a_total{a="1"} 1'),
    ("a:1|c|#1:2,quantile:3,__name__:4", 'a_total{_1="2",tag___name__="4",tag_quantile="3"} 1'),
    ('a:1|c|#p:C:\\x"y"', r'a_total{p="C:\\x\"y\""} 1'), ("a:1|c|#u:日本\x01\udcff\udcc3", 'a_total{u="日本???"} 1'),
    ("a:1|ms|#k:v", 'a{k="v",quantile="0.5"} 1'), ("a:1|c\r", "a_total 1"), ("a:1|c|#", "a_total 1")])
def test_lines(metrics, line, shown):
    server = metrics("EventLoopUDPServer")
    server.took(line)
    assert f"\n{shown}\n" in server.page()


MALFORMED = ["x", ":", "|", "a:", "a|c", "a:1", "a:1|", "a:1|x", "a:1|cc", ":1|c", "a:|c", "a:x|c", "a:1x|c", "a:nan|g",
             "a:inf|g", "a:0x10|g", "a: 1|g", "a:1e999|g", "a:-1|c", "a:-1|ms", "a:1:|c", "a:1::2|c", "a:1|c|", "a:1|c|@",
             "a:1|c|@0", "a:1|c|@2", "a:1|c|@-1", "a:1|c|@1e-9", "a:1|c|@nan", "a:1|c|x", "a:1|c||#a:b", "a:1|c|#:b", "_e{5,4}:title|text",
             "_sc|name|0", "a:1|c|#" + ",".join(f"t{i}:1" for i in range(17)), "a:1|c|#" + "n" * 61, "a:1|c|#k:" + "v" * 201,
             "n" * 121 + ":1|c", "n" * 120 + ":1|c", "a:1|c|#" + ",".join(f"t{i}:{'v' * 60}" for i in range(10)),
             "a:" + "1" * 41 + "|c", "a:1|c|#k:" + "v" * LINE]


@pytest.mark.parametrize("cls", ["EventLoopUDPServer", "ThreadingTCPServer"])
def test_malformed(metrics, cls):
    """They are counted, and the line behind each counts as well."""
    server = metrics(cls)
    totals = server.took(*(f"{line}\ngood:1|c" for line in MALFORMED))
    count = len(MALFORMED)
    assert totals == {"metrics_lines_total": count, "good_total": count, **dropped(malformed=count)}


def dropped(**counts):
    return {f'metrics_dropped_lines_total{{reason="{reason}"}}': counts.get(reason, 0)
            for reason in ("malformed", "too_many_series", "too_many_members", "name_of_another_kind")}


def test_nothing(metrics):
    server = metrics("UDPServer")
    server.send("", "\n", "\n\r\n\n")
    assert server.took("a:1|c") == {"metrics_lines_total": 1, "a_total": 1, **dropped()}


def test_one_name_for_several_kinds(metrics):
    """Many programs have a timer and a counter of the same name. What Prometheus would refuse a page for is left out."""
    server = metrics("EventLoopUDPServer")
    totals = server.took("a:1|ms", "a:1|c", "a:x|s", "a:1|g", "a_sum:1|g", "a_count:1|g", "a_count:1|c", "b_sum:1|g", "b:1|ms",
                         "metrics_lines:1|c")
    assert totals == {**totals, "a_count": 1, "a_total": 1, "a_distinct": 1, "a_count_total": 1, "b_sum": 1,
                      **dropped(name_of_another_kind=5)}
    assert "b" not in totals and "# The last name of another kind: metrics_lines_total" in server.page()


def test_limits(metrics):
    server = metrics("ThreadingTCPServer")
    totals = server.took(*(f"s:{i}|s" for i in range(MEMBERS + 5)), *(f"s:{i}|s" for i in range(5)),
                         *(f"n:1|c|#i:{i}" for i in range(SERIES + 10)), "s:0|s", "n:1|c|#i:0")
    assert totals == {**totals, "s_distinct": MEMBERS, 'n_total{i="0"}': 2,
                      **dropped(too_many_members=5, too_many_series=11)}
    assert len(totals) == SERIES + 5


@pytest.mark.parametrize("cls", ["ThreadingTCPServer", "EventLoopTCPServer"])
def test_pieces(metrics, cls):
    """A stream has no ends of datagrams: lines come in any pieces, and the last one may have no end."""
    server = metrics(cls)
    with socket.create_connection(server.address) as client:
        for byte in b"a:1|c\na:2|c\r\nlong" + b"x" * 5000 + b"\na:4|c":
            client.send(bytes([byte]))
    wire.wait_until(lambda: server.lines() == 4)
    assert server.totals() == {"metrics_lines_total": 3, "a_total": 7, **dropped(malformed=1)}


# ---------------------------------------------------------------- two servers


@pytest.mark.parametrize("cls", [cls for cls in DATAGRAMS if "Unix" not in cls])
def test_both_end(metrics, cls):
    """And nobody keeps an address."""
    server = metrics(cls)
    server.took("a:1|c")
    with wire.Client(server.http) as reader:
        assert reader.ask(path="/metrics").status == 200
        server.stop()
        assert reader.ends()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(server.address)
    with pytest.raises(ConnectionRefusedError):
        wire.Client(server.http)


def test_the_second_address_is_in_use(tmp_path):
    with programs.listener() as busy:
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        result = programs.run([programs.path_of("samples/metrics"), "127.0.0.1:0", "UDPServer", address], directory=tmp_path)
    assert result.returncode == 1 and result.stdout == ""
    assert f"cannot serve HTTP on {address}" in result.stderr and "name another address" in result.stderr


def test_pages_of_http(metrics):
    server = metrics("UDPServer")
    for path, status in ("/metrics?x=y", 200), ("/metricsx", 404), ("/", 404):
        with wire.Client(server.http) as client:
            assert client.ask(path=path).status == status
    with wire.Client(server.http) as client:
        assert client.ask("HEAD", "/metrics").status == 200 and client.ask("POST", "/metrics", b"x").status == 405
