# SPDX-License-Identifier: MIT
"""samples/kvstore: as redis-cli, redis-benchmark, python redis and raw bytes speak to it, and what is left after kill -9."""

import contextlib
import os
import random
import re
import resource
import shutil
import signal
import threading

import programs
import pytest
import wire

redis = pytest.importorskip("redis", reason="no python3-redis")

CLASSES = [["EventLoopTCPServer"], ["EventLoopTCPServer", "--workers", "2"], ["ThreadingTCPServer"], ["ThreadPoolTCPServer"]]
EVERY = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: "-".join(cls))
FEW = pytest.mark.parametrize("cls", CLASSES[::2], ids=lambda cls: cls[0])
PROGRAM = programs.path_of("samples/kvstore")
MANY = 200 if programs.SANITIZED else 1000


@pytest.fixture
def kvstore(sample):
    """kvstore(class, file): the server; server.redis() is a client."""

    def start(cls="EventLoopTCPServer", *file):
        cls, options = (cls[0], cls[1:]) if isinstance(cls, list) else (cls, [])
        server = sample("kvstore", "{address}", cls, *file, *options)
        server.redis = lambda **more: redis.Redis(*server.address, socket_timeout=programs.LIMIT, **more)
        return server

    return start


class Raw:
    """Commands as bytes; what comes back, parsed with no more than what the protocol allows."""

    def __init__(self, server):
        self.client = server.client()

    def send(self, *args):
        self.client.send(command(*args))
        return self

    def read(self):
        line = self.client.until(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind in b"$":
            if rest == b"-1":
                return None
            data = self.client.exactly(int(rest) + 2)
            assert data[-2:] == b"\r\n"
            return data[:-2]
        if kind in b"*>%":
            count = int(rest) * (2 if kind == b"%" else 1)
            return None if count < 0 else [self.read() for _ in range(count)]
        if kind == b"_":
            return None
        assert kind in b"+-:", line
        return int(rest) if kind == b":" else line.decode()

    def __call__(self, *args):
        return self.send(*args).read()


def command(*args):
    data = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
    return b"*%d\r\n" % len(data) + b"".join(b"$%d\r\n%s\r\n" % (len(arg), arg) for arg in data)


# ---------------------------------------------------------------- what commands do

TYPE = "-ERR value is not an integer or out of range"
SYNTAX = "-ERR syntax error"
WORDS = [  # one after the other, on one server
    ("PING", "+PONG"), ("PING hello", b"hello"), ("ECHO x", b"x"), ("SELECT 0", "+OK"),
    ("SELECT 1", "-ERR DB index is out of range"), ("SELECT x", TYPE), ("GET a", None), ("SET a 1", "+OK"), ("GET a", b"1"),
    ("set A 2", "+OK"), ("GET a", b"1"), ("DEL a A x", 2), ("SET a 1 XX", None), ("SET a 1 NX", "+OK"), ("SET a 2 NX", None),
    ("SET a 2 XX", "+OK"), ("SET a 3 GET", b"2"), ("SET b 3 GET", None), ("SET b 4 NX GET", b"3"), ("GET b", b"3"),
    ("SET a 1 NX XX", SYNTAX), ("SET a 1 EX", SYNTAX), ("SET a 1 EX 10 PX 10", SYNTAX), ("SET a 1 EX 10 KEEPTTL", SYNTAX),
    ("SET a 1 SOON", SYNTAX), ("SET a 1 EX 0", "-ERR invalid expire time in 'set' command"),
    ("SET a 1 EX -1", "-ERR invalid expire time in 'set' command"), ("SET a 1 EX x", TYPE),
    ("SET a 1 EX 9223372036854775807", "-ERR invalid expire time in 'set' command"), ("SET a 1 EX 100", "+OK"),
    ("TTL a", 100), ("SET a 2 KEEPTTL", "+OK"), ("TTL a", 100), ("INCR a", 3), ("TTL a", 100), ("APPEND a 0", 2),
    ("TTL a", 100), ("PERSIST a", 1), ("PERSIST a", 0), ("TTL a", -1), ("TTL none", -2), ("PTTL none", -2),
    ("SET a 1 PX 100000", "+OK"), ("SET a 1", "+OK"), ("TTL a", -1), ("EXPIRE a 50", 1), ("EXPIRE a 60 NX", 0),
    ("EXPIRE a 40 GT", 0), ("EXPIRE a 40 LT", 1), ("EXPIRE a 90 XX", 1),
    ("EXPIRE a 1 NX GT", "-ERR NX and XX, GT or LT options at the same time are not compatible"),
    ("EXPIRE a 1 SOON", "-ERR Unsupported option SOON"), ("EXPIRE a x", TYPE), ("EXPIRE none 10", 0), ("PEXPIRE a 100000", 1),
    ("TTL a", 100), ("EXPIRE a 0", 1), ("EXISTS a", 0), ("SETNX n 9", 1), ("SETNX n 8", 0), ("GETSET n 7", b"9"),
    ("GETSET new 1", None), ("INCR n", 8), ("DECR n", 7), ("INCRBY n -10", -3), ("DECRBY n -3", 0),
    ("INCR b x", "-ERR wrong number of arguments for 'incr' command"), ("SET n 9223372036854775807", "+OK"),
    ("INCR n", "-ERR increment or decrement would overflow"), ("SET n -9223372036854775808", "+OK"),
    ("DECR n", "-ERR increment or decrement would overflow"),
    ("DECRBY n -9223372036854775808", "-ERR decrement would overflow"), ("SET n 01", "+OK"), ("INCR n", TYPE),
    ("SET n +1", "+OK"), ("INCR n", TYPE), ("SET n 99999999999999999999", "+OK"), ("INCR n", TYPE), ("STRLEN n", 20),
    ("STRLEN none", 0), ("APPEND s hello", 5), ("APPEND s world", 10), ("GETRANGE s 0 4", b"hello"),
    ("GETRANGE s -5 -1", b"world"), ("GETRANGE s 5 3", b""), ("GETRANGE s 0 -100", b"h"), ("GETRANGE none 0 -1", b""),
    ("SETRANGE s 11 !", 12), ("GET s", b"helloworld\0!"), ("SETRANGE s -1 x", "-ERR offset is out of range"),
    ("SETRANGE s 67108864 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"), ("TYPE s", "+string"),
    ("TYPE none", "+none"), ("EXISTS s s none", 2), ("MSET p 1 q 2", "+OK"), ("MGET p none q", [b"1", None, b"2"]),
    ("MSET p 1 q", "-ERR wrong number of arguments for 'mset' command"), ("GETDEL p", b"1"), ("GETDEL p", None),
    ("SETEX e 100 v", "+OK"), ("TTL e", 100), ("PSETEX e 50000 v", "+OK"), ("TTL e", 50),
    ("SETEX e 0 v", "-ERR invalid expire time in 'setex' command"), ("FLUSHDB", "+OK"), ("DBSIZE", 0),
    ("FLUSHALL SYNC", "+OK"), ("FLUSHALL NOW", SYNTAX), ("MSET k1 1 k2 2 other 3", "+OK"), ("DBSIZE", 3),
    ("KEYS other", [b"other"]), ("KEYS x*", []), ("SCAN x", "-ERR invalid cursor"), ("SCAN 0 COUNT 0", SYNTAX),
    ("SCAN 0 COUNT x", TYPE), ("SCAN 0 LATER", SYNTAX), ("SCAN 0 MATCH o* COUNT 100", [b"0", [b"other"]]),
    ("SCAN 0 TYPE list COUNT 100", [b"0", []]), ("GET", "-ERR wrong number of arguments for 'get' command"),
    ("GET a b", "-ERR wrong number of arguments for 'get' command"),
    ("NONSENSE a b", "-ERR unknown command 'NONSENSE', with args beginning with: 'a' 'b' "),
    ("EXEC", "-ERR EXEC without MULTI"), ("DISCARD", "-ERR DISCARD without MULTI"), ("MULTI", "+OK"),
    ("MULTI", "-ERR MULTI calls can not be nested"), ("WATCH a", "-ERR WATCH inside MULTI is not allowed"),
    ("SET t 1", "+QUEUED"), ("INCR t", "+QUEUED"), ("INCR k1 k2", "-ERR wrong number of arguments for 'incr' command"),
    ("EXEC", "-EXECABORT Transaction discarded because of previous errors."), ("EXISTS t", 0), ("MULTI", "+OK"),
    ("SET t x", "+QUEUED"), ("INCR t", "+QUEUED"), ("GET t", "+QUEUED"), ("GET none", "+QUEUED"),
    ("EXEC", ["+OK", TYPE, b"x", None]), ("MULTI", "+OK"), ("SUBSCRIBE c", "-ERR Command not allowed inside a transaction"),
    ("DISCARD", "+OK"), ("GET t", b"x"), ("WATCH t", "+OK"), ("UNWATCH", "+OK"), ("CLIENT GETNAME", None),
    ("CLIENT SETNAME me", "+OK"), ("CLIENT GETNAME", b"me"), ("CLIENT SETINFO lib-name x", "+OK"), ("COMMAND", []),
    ("COMMAND DOCS", []), ("CONFIG GET save", [b"save", b""]),
    ("CONFIG GET append*", [b"appendfsync", b"everysec", b"appendonly", b"no"]), ("CONFIG GET nothing", []),
    ("HELLO 4", "-NOPROTO unsupported protocol version"),
    ("AUTH x y", "-WRONGPASS invalid username-password pair or user is disabled."),
    ("BGREWRITEAOF", "-ERR there is no append-only file: it is the third argument of the program"), ("PUBLISH c x", 0),
    ("RESET", "+RESET"), ("QUIT", "+OK"),
]


@FEW
def test_what_commands_do(kvstore, cls):
    ask = Raw(kvstore(cls))
    for words, expected in WORDS:
        assert (words, ask(*words.split())) == (words, expected)
    assert ask.client.ends()


def test_sequential_and_unix(kvstore, started, tmp_path):
    assert Raw(kvstore("TCPServer"))("PING") == "+PONG"
    path = tmp_path / "socket"
    server = programs.Server([PROGRAM, f"unix:{path}", "ThreadingUnixStreamServer"], tmp_path)
    started.append(server)
    assert server.readline() == f"Serving kvstore on unix:{path} (ThreadingUnixStreamServer; Ctrl-C stops)"
    assert redis.Redis(unix_socket_path=str(path)).set("a", "1") is True


def test_resp3(kvstore):
    ask = Raw(kvstore())
    hello = ask("HELLO", "3", "AUTH", "default", "", "SETNAME", "me")
    assert dict(zip(hello[::2], hello[1::2]))[b"proto"] == 3
    ask.send("GET", "none")
    assert ask.client.until(b"\r\n") == b"_"
    ask.send("CONFIG", "GET", "save")
    assert ask.client.exactly(20) == b"%1\r\n$4\r\nsave\r\n$0\r\n\r\n"
    ask.send("SUBSCRIBE", "c")
    assert ask.client.exactly(4) == b">3\r\n" and [ask.read() for _ in range(3)] == [b"subscribe", b"c", 1]
    assert ask("SET", "a", "1") == "+OK"  # which is for RESP3 alone
    ask.send("PUBLISH", "c", "x")
    assert ask.read() == 1 and ask.read() == [b"message", b"c", b"x"]


def test_time_passes(kvstore):
    """Also of keys that nobody asks for."""
    ask = Raw(kvstore())
    assert ask("MSET", "stays", "1", "a", "1", "b", "1") == "+OK"
    assert ask("PEXPIRE", "a", "30") == 1 and ask("SET", "c", "1", "PX", "30") == "+OK" and ask("PEXPIRE", "b", "100000") == 1
    wire.wait_until(lambda: ask("GET", "a") is None)
    wire.wait_until(lambda: ask("DBSIZE") == 2)
    assert 90000 < ask("PTTL", "b") <= 100000


@pytest.mark.parametrize("pattern, yes, no", [
    ("*", "a ab", ""), ("a*", "a ab", "ba"), ("*b*", "b abc", "ac"), ("?", "a b", "ab"), ("[ab]c", "ac bc", "cc abc"),
    ("[^ab]c", "cc", "ac bc"), ("[a-c]", "a b c", "d"), ("[c-a]", "a b c", "d"), (r"\*", "*", "a"), (r"a\?", "a?", "ab"),
    ("a*b*c", "abc aXbXc aabbcc", "acb"), ("h[*", "", "hello"), (r"[\]]", "]", "a"), ("*a*a*a*a*b", "aaaab", "a" * 60)])
def test_patterns(kvstore, pattern, yes, no):
    ask = Raw(kvstore())
    names = (yes + " " + no).split()
    ask("MSET", *[part for name in names for part in (name, "1")])
    assert sorted(ask("KEYS", pattern)) == sorted(name.encode() for name in yes.split())


def test_scan_while_the_table_changes(kvstore):
    """What is there all the time is found, and once, while the table grows to eight times its size and shrinks again."""
    ask, chance = Raw(kvstore()), random.Random(1)
    steady = {b"steady:%d" % i for i in range(MANY)}
    ask("MSET", *[part for key in steady for part in (key, b"")])
    cursor, found, others, steps = b"0", [], 0, 0
    while cursor != b"0" or not steps:
        cursor, keys = ask("SCAN", cursor, "COUNT", "20")
        found += [key for key in keys if key in steady]
        steps += 1
        if steps % 60 < 30:
            ask("MSET", *[part for i in range(others, others + 8 * 40) for part in (f"other:{i}", b"")])
            others += 8 * 40
        elif others:
            ask("DEL", *[f"other:{i}" for i in range(others)])
            others = 0
        if chance.random() < 0.02:
            ask("SET", "steady:0", "changed")
    assert sorted(found) == sorted(steady) and steps > 20
    assert ask("DBSIZE") == MANY + others


# ---------------------------------------------------------------- real clients


def tool(name, server, *arguments, **more):
    if not shutil.which(name):
        pytest.skip(f"no {name}")
    result = programs.run([name, "-h", server.address[0], "-p", str(server.address[1]), *arguments], **more)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_redis_cli(kvstore):
    server = kvstore()
    assert tool("redis-cli", server, "set", "greeting", "hello world") == "OK\n"
    assert tool("redis-cli", server, "-3", "get", "greeting") == "hello world\n"
    assert tool("redis-cli", server, "--scan", "--pattern", "g*") == "greeting\n"
    assert "redis_version:" in tool("redis-cli", server, "info")
    assert "ERR unknown command" in tool("redis-cli", server, "lpush", "a", "b")


@EVERY
def test_redis_benchmark(kvstore, cls):
    server = kvstore(cls)
    for options in ["-n", 2 * MANY], ["-n", 5 * MANY, "-P", "16", "-r", "1000"], ["-n", 200, "-d", "20000", "-3"]:
        output = tool("redis-benchmark", server, "-q", "-c", "20", "-t", "ping,set,get,incr,mset", *options).replace("\r", "\n")
        for name in "PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)":
            assert re.search(rf"^{re.escape(name)}: [0-9.]+ requests per second", output, re.MULTILINE), output
        assert "WARN" not in output and "rror" not in output


@FEW
def test_python_redis(kvstore, cls):
    client = kvstore(cls).redis(client_name="me")
    with client.pipeline(transaction=False) as pipe:
        for i in range(MANY):
            pipe.set(f"key:{i}", f"{i}" * (i % 50))
            pipe.get(f"key:{i}")
        results = pipe.execute()
    assert results == [value for i in range(MANY) for value in (True, b"%d" % i * (i % 50))]
    assert sorted(client.scan_iter(match="key:1*", count=100)) == sorted(
        b"key:%d" % i for i in range(MANY) if str(i).startswith("1"))
    assert client.client_getname() in ("me", b"me") and client.info()["maxmemory_policy"] == "noeviction"
    large = random.randbytes(3_000_000)
    assert client.set("large", large) and client.get("large") == large
    assert client.mget("large", "none", "large") == [large, None, large]
    assert client.append("large", large) == 6_000_000 and client.strlen("large") == 6_000_000


@EVERY
def test_watch(kvstore, cls):
    """Many clients add to one number by WATCH, GET, MULTI, SET, EXEC: none is lost."""
    server = kvstore(cls)
    clients, each = 6, 5 if programs.SANITIZED else 20
    aborted = []

    def add():
        client = server.redis()
        for _ in range(each):
            while True:
                with client.pipeline() as pipe, contextlib.suppress(redis.WatchError):
                    pipe.watch("number")
                    number = int(pipe.get("number") or 0)
                    pipe.multi()
                    pipe.set("number", number + 1)
                    pipe.incr("total")
                    pipe.execute()
                    break
                aborted.append(1)

    threads = [threading.Thread(target=add) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(programs.LIMIT)
    assert server.redis().mget("number", "total") == [b"%d" % (clients * each)] * 2


@pytest.mark.parametrize("change, aborts", [
    ("SET a 2", True), ("DEL a", True), ("EXPIRE a 100", True), ("APPEND a x", True), ("FLUSHALL", True), ("SET b 2", False),
    ("GET a", False), ("DEL none", False), ("SET a 1 NX", False), ("PEXPIRE a 1", True), ("SET made 1", True),
    ("UNWATCH", True)])
def test_what_is_a_change(kvstore, change, aborts):
    server = kvstore()
    ask, other = Raw(server), Raw(server)
    ask("SET", "a", "1")
    ask("WATCH", "a", "made", "a")
    other(*change.split())
    if change.startswith("PEXPIRE"):
        wire.wait_until(lambda: other("EXISTS", "a") == 0)
    if change == "UNWATCH":
        other("SET", "a", "2")
    if change == "SET made 1":
        other("DEL", "made")
    ask("MULTI")
    ask("PING")
    assert ask("EXEC") == (None if aborts else ["+PONG"])
    assert ask("MULTI") == "+OK" and ask("EXEC") == []


# ---------------------------------------------------------------- channels


@EVERY
def test_channels(kvstore, cls):
    server = kvstore(cls)
    names = [b"news", b"with space", b"x" * 300, b"\0nul", b"\x01", b""]
    listener, other = Raw(server), Raw(server)
    for i, name in enumerate(names):
        assert listener("SUBSCRIBE", name) == [b"subscribe", name, i + 1]
    assert listener("SUBSCRIBE", "news") == [b"subscribe", b"news", len(names)]
    for name in names:
        assert other("PUBLISH", name, b"to " + name) == 1 and listener.read() == [b"message", name, b"to " + name]
    assert listener("PING") == [b"pong", b""] and "Can't execute 'get'" in listener("GET", "a")
    assert other("MULTI") == "+OK" and other("PUBLISH", "news", "all") == "+QUEUED" and other("EXEC") == [1]
    assert listener.read() == [b"message", b"news", b"all"]
    assert listener("UNSUBSCRIBE", "news", "unknown")[:2] == [b"unsubscribe", b"news"]
    assert listener.read() == [b"unsubscribe", b"unknown", len(names) - 1]
    listener.send("UNSUBSCRIBE")
    assert {listener.read()[1] for _ in names[1:]} == set(names[1:])
    assert listener("GET", "a") is None and other("PUBLISH", "news", "x") == 0
    assert listener("UNSUBSCRIBE") == [b"unsubscribe", None, 0]


@FEW
def test_python_listeners(kvstore, cls):
    server = kvstore(cls)
    listeners = [server.redis().pubsub(ignore_subscribe_messages=True) for _ in range(5)]
    for listener in listeners:
        listener.subscribe("c")
        wire.wait_until(lambda listener=listener: listener.get_message(timeout=0.01) is None and listener.subscribed)
    client = server.redis()
    wire.wait_until(lambda: client.publish("c", "first") == 5)
    for i in range(100):
        assert client.publish("c", i) == 5
    for listener in listeners:
        data = []
        while len(data) < 100 or data[-1] != b"99":
            message = listener.get_message(timeout=programs.LIMIT)
            data += [message["data"]] if message else []
        assert data[-100:] == [b"%d" % i for i in range(100)]


def test_a_slow_subscriber_ends(kvstore):
    """And nobody waits for it."""
    server = kvstore()
    slow, other = Raw(server), Raw(server)
    assert slow("SUBSCRIBE", "c") == [b"subscribe", b"c", 1]
    for _ in range(1000):
        if other("PUBLISH", "c", b"x" * 100_000) == 0:
            break
    else:
        pytest.fail("it takes all")
    wire.wait_until(lambda: slow.client.rest() is not None)
    assert "has at most" in other("PUBLISH", "c", b"x" * 2_000_000)


# ---------------------------------------------------------------- what is kept


def restart(server, kvstore, *arguments):
    server.process.kill()
    server.process.wait()
    server.ended = True
    return kvstore(*arguments)


@FEW
def test_killed(kvstore, tmp_path, cls):
    """What was acknowledged under `always` is there again; the one that was not may be."""
    file, acknowledged = f"{tmp_path}/log:always", {}
    server = kvstore(cls, file)

    def write(number):
        ask = Raw(server)
        with contextlib.suppress(wire.Ended, ConnectionError):
            for i in range(100_000):
                assert ask("SET", f"{number}", i) == "+OK"
                acknowledged[number] = i

    threads = [threading.Thread(target=write, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    wire.wait_until(lambda: len(acknowledged) == 4 and min(acknowledged.values()) > 20)
    again = restart(server, kvstore, cls, file)
    for thread in threads:
        thread.join(programs.LIMIT)
    ask = Raw(again)
    for number, last in acknowledged.items():
        assert int(ask("GET", number)) in (last, last + 1)


@pytest.fixture
def traced(tmp_path, started, strace):
    """traced(*options) runs the program under strace, with a file whose policy is `always`."""

    def start(*options):
        with programs.listener("127.0.0.1") as listening:
            fd = listening.fileno()
            server = programs.Server(["strace", "-f", "-qq", "-DD", "-o", tmp_path / "trace", *options, PROGRAM, f"fd:{fd}",
                                      "EventLoopTCPServer", f"{tmp_path}/log:always"], tmp_path,
                                     address=listening.getsockname()[:2], fds=(fd,))
        started.append(server)
        return server

    return start


def test_always_is_on_the_disk_before_the_answer(traced, tmp_path):
    server = traced("-e", "trace=pwrite64,fdatasync,sendto")
    ask = Raw(server)
    assert ask("SET", "a", "1") == "+OK" and ask("INCR", "a") == 2
    ask.client.close()
    server.stop()
    calls = re.findall(r'(pwrite64|fdatasync|sendto(?=\(\d+, "(?:\+OK|:2)))\W', (tmp_path / "trace").read_text())
    assert calls == ["pwrite64", "fdatasync", "sendto"] * 2


def test_a_disk_that_fails(traced, kvstore, tmp_path):
    """After an error of fdatasync nobody knows what is on the disk: the file is written anew, then all goes on. (It is
    the second call that fails, of each thread.)"""
    server, answers = traced("-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=2"), []

    def has_recovered():
        answers.append(Raw(server)("SET", f"key:{len(answers)}", "x"))
        return b"aof_rewrites:0" not in Raw(server)("INFO") and answers[-1] == "+OK"

    wire.wait_until(has_recovered)
    assert set(answers) == {"+OK", "-MISCONF Errors writing to the AOF file: Input/output error"}
    assert answers[0] == "+OK" and Raw(server)("GET", "key:0") == b"x" and "cannot rewrite" in server.log
    found = contents(Raw(restart(server, kvstore, "EventLoopTCPServer", f"{tmp_path}/log")))
    assert {b"key:%d" % i for i, answer in enumerate(answers) if answer == "+OK"} <= set(found)


def model(ask, chance, keys):
    """Random changes; what there is afterwards."""
    there = {}
    for _ in range(MANY):
        key, number = b"key:%d" % chance.randrange(keys), b"%d" % chance.randrange(1000)
        what = chance.randrange(9)
        if what < 3:
            there[key] = b"%d" % chance.randrange(10 ** chance.randrange(1, 30))
            assert ask("SET", key, there[key], *(["PX", "1000000"] if what == 2 else [])) == "+OK"
        elif what < 5:
            there[key] = there.get(key, b"") + number
            assert ask("APPEND", key, number) == len(there[key])
        elif what == 5:
            assert ask("DEL", key) == (1 if there.pop(key, None) is not None else 0)
        elif what == 6:
            is_number = re.fullmatch(b"0|[1-9][0-9]{0,17}", there.get(key, b"0"))
            answer = ask("INCR", key) if is_number else None
            if is_number:
                assert answer == int(there.get(key, 0)) + 1
                there[key] = b"%d" % answer
        elif what == 7:
            ask("EXPIRE", key, "5000")
            ask("PERSIST", key)
        else:
            other = b"key:%d" % chance.randrange(keys)
            ask.send("MULTI").send("MSET", key, number, other, b"m").send("EXEC")
            there[key] = number
            there[other] = b"m"
            assert [ask.read() for _ in range(3)] == ["+OK", "+QUEUED", ["+OK"]]
    return there


def contents(ask):
    keys = ask("KEYS", "*")
    return dict(zip(keys, ask("MGET", *keys))) if keys else {}


@pytest.mark.parametrize("policy", ["", ":no", ":always"])
def test_restarted(kvstore, tmp_path, policy):
    """After kill -9, after an orderly end, and after a rewriting that went on while others wrote."""
    file = f"{tmp_path}/log{policy}"
    server = kvstore("EventLoopTCPServer", file)
    ask, chance = Raw(server), random.Random(policy)
    expected = model(ask, chance, 50)
    assert contents(ask) == expected and ask("SET", "timed", "1", "EX", "1000") == "+OK"
    ttl = ask("PTTL", "timed")
    server = restart(server, kvstore, "ThreadingTCPServer", file)
    ask = Raw(server)
    assert ttl - 60000 < ask("PTTL", "timed") <= ttl and ask("DEL", "timed") == 1 and contents(ask) == expected
    before = os.path.getsize(tmp_path / "log")
    assert ask("BGREWRITEAOF").startswith("+Background")
    ask("SET", "meanwhile", "1")
    wire.wait_until(lambda: b"aof_rewrites:1" in ask("INFO"))
    ask("SET", "later", "1")
    server.stop()
    assert os.path.getsize(tmp_path / "log") < before
    ask = Raw(kvstore("EventLoopTCPServer", file))
    assert contents(ask) == {**expected, b"meanwhile": b"1", b"later": b"1"}
    assert os.listdir(tmp_path).count("log") == 1 and not os.path.exists(tmp_path / "log.rewrite")


def test_rewritten_when_it_has_doubled(kvstore, tmp_path):
    """By itself, again and again, while several clients write; then kill -9."""
    file = f"{tmp_path}/log:no"
    server = kvstore(["EventLoopTCPServer", "--workers", "2"], file)
    stop, last = threading.Event(), {}

    def write(number):
        ask, i = Raw(server), 0
        while not stop.is_set():
            i += 1
            for step in ("SET", f"{number}:{i % 7}", f"{i}:" + "x" * 2000), ("APPEND", f"{number}:tail", i % 10), (
                    "SETRANGE", f"{number}:tail", i % 100, "ab"), ("DEL", f"{number}:{(i + 3) % 7}"):
                ask.send(*step)
            assert "-" not in "".join(str(ask.read()) for _ in range(4))
        last[number] = {key: value for key, value in contents(ask).items() if key.startswith(b"%d:" % number)}

    threads = [threading.Thread(target=write, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    other = Raw(server)
    wire.wait_until(lambda: int(re.search(rb"aof_rewrites:(\d+)", other("INFO"))[1]) >= 3)
    stop.set()
    for thread in threads:
        thread.join(programs.LIMIT)
    again = restart(server, kvstore, "EventLoopTCPServer", file)
    found = contents(Raw(again))
    assert len(last) == 3 and found == {key: value for values in last.values() for key, value in values.items()}


GOOD = command("SET", "a", "1") + command("SET", "b", "2")
TRANSACTION = command("MULTI") + command("SET", "a", "9") + command("SET", "b", "9")


HALVES = [*(command("SET", "a", "3")[:cut] for cut in (1, 5, 12, 25, 26)), TRANSACTION, TRANSACTION[:-3],
          TRANSACTION + b"*1\r\n$4\r\nEX"]


@pytest.mark.parametrize("tail", HALVES, ids=len)
def test_torn(kvstore, tmp_path, tail):
    """What a crash has left half is cut off, with a word about it; a transaction counts as one."""
    path = tmp_path / "log"
    path.write_bytes(GOOD + tail)
    server = kvstore("EventLoopTCPServer", str(path))
    ask = Raw(server)
    assert ask("MGET", "a", "b") == [b"1", b"2"] and path.read_bytes() == GOOD
    assert f"the last {len(tail)} bytes" in server.log and f"byte {len(GOOD)}" in server.log
    assert ask("SET", "c", "3") == "+OK"
    assert contents(Raw(restart(server, kvstore, "EventLoopTCPServer", str(path)))) == {b"a": b"1", b"b": b"2", b"c": b"3"}


def shorten(value):
    return repr(value[:20]) if isinstance(value, bytes) else value


@pytest.mark.parametrize("middle, why", [
    (b"garbage\r\n", "no command begins here"), (b"\0" * 20, "no command begins here"),
    (b"*1\r\n:5\r\n", "expected '$', got ':'"), (b"*1\r\n$9999999999\r\n", "invalid bulk length"),
    (b"*2000000\r\n", "invalid multibulk length"), (b"*1\r\n$3\r\nabcde", "expected CR LF"),
    (command("LPUSH", "a", "b"), "unknown command 'LPUSH'"), (command("GET", "a"), "'get' has no place in a log"),
    (command("SET", "a"), "wrong number of arguments"), (command("SELECT", "3"), "DB index is out of range"),
], ids=shorten)
def test_damaged(tmp_path, middle, why):
    """Anywhere else an error says where it is, and the file stays as it is."""
    path = tmp_path / "log"
    path.write_bytes(GOOD + middle + GOOD)
    result = programs.run([PROGRAM, "localhost:0", "EventLoopTCPServer", path])
    assert result.returncode == 1 and f"byte {len(GOOD)} (command 3): " in result.stderr and why in result.stderr
    assert path.read_bytes() == GOOD + middle + GOOD and f"truncate -s {len(GOOD)}" in result.stderr


def test_redis_reads_it(kvstore, tmp_path):
    """What is in the file are commands of Redis: redis-cli sends them to another one."""
    path = tmp_path / "log"
    server = kvstore("EventLoopTCPServer", f"{path}:no")
    ask = Raw(server)
    for words in "SET a 1", "INCR a", "APPEND a x", "SET gone 1", "DEL gone", "SETEX t 1000 v", "EXPIRE a 500", "MSET m 1 n 2":
        ask(*words.split())
    server.stop()
    other = kvstore()
    if not shutil.which("redis-cli"):
        pytest.skip("no redis-cli")
    result = programs.run(["sh", "-c", f"redis-cli -h {other.address[0]} -p {other.address[1]} --pipe <{path}"])
    assert "errors: 0" in result.stdout, result
    assert contents(Raw(other)) == {b"a": b"2x", b"t": b"v", b"m": b"1", b"n": b"2"}
    assert path.read_bytes().count(b"MULTI") == path.read_bytes().count(b"EXEC") == 1


def test_nobody_shares_a_file(kvstore, tmp_path):
    path = str(tmp_path / "log")
    assert Raw(kvstore("EventLoopTCPServer", path))("PING") == "+PONG"
    result = programs.run([PROGRAM, "localhost:0", "EventLoopTCPServer", path])
    assert result.returncode == 1 and "another process uses it" in result.stderr


def test_a_link_stays_one(kvstore, tmp_path):
    (tmp_path / "link").symlink_to("log")
    ask = Raw(kvstore("EventLoopTCPServer", f"{tmp_path}/link:no"))
    ask("SET", "a", "1")
    ask("BGREWRITEAOF")
    wire.wait_until(lambda: b"aof_rewrites:1" in ask("INFO"))
    assert os.path.islink(tmp_path / "link") and b"$1\r\na\r\n" in (tmp_path / "log").read_bytes()


@pytest.mark.parametrize("policy", ["always", "no"])
def test_no_room_for_the_file(kvstore, tmp_path, policy):
    """Nothing is changed any more, what is there can be read, and when there is room again all goes on."""
    server = kvstore("EventLoopTCPServer", f"{tmp_path}/log:{policy}")
    ask = Raw(server)
    assert ask("SET", "a", "1") == "+OK"
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    answer = ask("SET", "b", "x" * 200)
    assert answer.startswith("-MISCONF Errors writing to the AOF file: File too large") and ask.client.ends()
    ask = Raw(server)
    assert ask("SET", "c", "1").startswith("-MISCONF") and ask("GET", "a") == b"1" and "cannot write" in server.log
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wire.wait_until(lambda: ask("SET", "c", "2") == "+OK")
    assert contents(Raw(restart(server, kvstore, "EventLoopTCPServer", f"{tmp_path}/log"))) == {
        b"a": b"1", b"b": b"x" * 200, b"c": b"2"}


# ---------------------------------------------------------------- bytes that are no commands, and too many of them


COUNT, SIZE = "invalid multibulk length", "invalid bulk length"


@pytest.mark.parametrize("data, why", [
    (b"*x\r\n", COUNT), (b"*1048577\r\n", COUNT), (b"*-2\r\n", COUNT), (b"*01\r\n", COUNT), (b"*99999999999999999999", COUNT),
    (b"*1\r\n+OK\r\n", "expected '$', got '+'"), (b"*1\r\n\r\n", "expected '$', got 0x0d"), (b"*1\r\n$-1\r\n", SIZE),
    (b"*1\r\n$67108865\r\n", SIZE), (b"*1\r\n$x\r\n", SIZE),
    (b"*1\r\n$3\nGET\r\n", SIZE), (b"*1\r\n$4\r\nPINGxx", "expected CR LF"),
    (b"x" * 70000, "too big inline request"), (b'GET "a\r\n', "unbalanced quotes"), (b'GET "a"b\r\n', "unbalanced quotes"),
    (b"*3\r\n" + 2 * (b"$67000000\r\n" + b"x" * 67_000_000 + b"\r\n") + b"$1000000\r\n", "the command is too long"),
], ids=shorten)
def test_no_commands(kvstore, data, why):
    """The answers to what came before are sent; then the error, and the end."""
    client = kvstore().client()
    client.send(command("PING") + data).end()
    answer = client.rest()
    assert answer.startswith(b"+PONG\r\n-ERR Protocol error: ") and why.encode() in answer and answer.endswith(b"\r\n")


@FEW
def test_in_pieces(kvstore, cls):
    """A byte at a time, and all at once; lines among the commands."""
    server = kvstore(cls)
    data = (command("SET", "a", b"\r\n$1\r\n") + b"GET a\r\n" + b"\r\n*0\r\n*-1\r\n" + b'set "b c" \'d\' \n' +
            command("GET", "b c") + b'ECHO "\\x41\\n\\"\\q"\r\n' + command("SET", "l", b"y" * 40_000) + command("STRLEN", "l"))
    expected = b"+OK\r\n$6\r\n\r\n$1\r\n\r\n+OK\r\n$1\r\nd\r\n$4\r\nA\n\"q\r\n+OK\r\n:40000\r\n"
    whole = server.client()
    assert whole.send(data).exactly(len(expected)) == expected
    pieces = server.client()
    for i in range(300):
        pieces.send(data[i:i + 1])
    pieces.send(data[300:20_000])
    assert pieces.send(data[20_000:]).exactly(len(expected)) == expected
    for cut in range(1, 36, 3):  # who leaves half-way harms nobody
        server.client().send(data[:cut]).reset()
    assert Raw(server)("PING") == "+PONG"


@FEW
def test_pipelines(kvstore, cls):
    """More than fits anywhere, by a client that first writes all of it and then reads; a value is read by two ways."""
    server = kvstore(cls)
    client = server.client()
    count = MANY * 5
    sender = threading.Thread(target=client.send, args=[b"".join(
        command("SET", f"k{i % 10}", "v" * (i % 3000)) + command("GET", f"k{i % 10}") for i in range(count))])
    sender.start()
    for i in range(count):
        expected = b"+OK\r\n$%d\r\n%s\r\n" % (i % 3000, b"v" * (i % 3000))
        assert client.exactly(len(expected)) == expected
    sender.join(programs.LIMIT)


def test_who_does_not_read_keeps_nobody_waiting(kvstore):
    """It holds what it has asked for, and no lock."""
    server = kvstore(["EventLoopTCPServer", "--workers", "2"])
    ask, slow = Raw(server), server.client(receive_buffer=4096)
    value = os.urandom(8_000_000)
    ask("SET", "large", value)
    slow.send(command("MGET", *["large"] * 5))
    assert slow.exactly(4) == b"*5\r\n"
    assert ask("SET", "large", "small") == "+OK" and ask("GET", "large") == b"small"
    assert slow.exactly(10 + len(value) + 2) == b"$8000000\r\n" + value + b"\r\n"
    slow.reset()
    assert ask("PING") == "+PONG"


def test_limits(kvstore):
    server = kvstore()
    ask = Raw(server)
    assert ask("SET", "v", b"x" * 60_000_000) == "+OK"
    answers = ask("MGET", *["v"] * 4)
    assert [isinstance(a, bytes) for a in answers] == [True] * 2 + [False] * 2 and "the reply is too long" in answers[3]
    assert "too many keys are watched" in ask("WATCH", *range(300)) and ask("UNWATCH") == "+OK"
    assert ask("KEYS", "x" * 5000).startswith("-ERR the pattern is longer")
    assert ask("CLIENT", "SETNAME", "x" * 65).startswith("-ERR a client's name")
    assert "special" in ask("CLIENT", "SETNAME", "a b")
    for i in range(64):
        assert ask("SUBSCRIBE", f"c{i}")[2] == i + 1
    assert "too many subscriptions: 64" in ask("SUBSCRIBE", "one more")
    ask = Raw(server)
    assert ask("MULTI") == "+OK"
    answers = {ask("APPEND", "v", b"y" * 20_000_000) for _ in range(4)}
    assert any("the transaction is longer" in answer for answer in answers) and ask("EXEC").startswith("-EXECABORT")


@pytest.mark.skipif(programs.SANITIZED, reason="sanitizers take memory of their own")
def test_memory(started, tmp_path):
    """The half of what the process may have is for the data."""
    def limit():
        resource.setrlimit(resource.RLIMIT_DATA, (128 << 20, 128 << 20))

    with programs.listener("127.0.0.1") as listening:
        fd = listening.fileno()
        server = programs.Server([PROGRAM, f"fd:{fd}"], tmp_path, address=listening.getsockname()[:2], fds=(fd,), preexec=limit)
    started.append(server)
    ask = Raw(server)
    answers = [ask("SET", f"k{i}", b"x" * 1_000_000) for i in range(80)]
    assert answers[60] == "+OK" and answers[-1] == "-OOM command not allowed when used memory > 'maxmemory'."
    assert ask("GET", "k79") is None and ask("DEL", *[f"k{i}" for i in range(30)]) == 30 and ask("SET", "k79", "1") == "+OK"
    assert ask("FLUSHALL") == "+OK" and b"used_memory:0\r\n" in ask("INFO")


# ---------------------------------------------------------------- the program


@pytest.mark.parametrize("name", ["ForkingTCPServer", "PreforkingTCPServer", "PreforkingEventLoopTCPServer"])
def test_not_in_processes(name):
    result = programs.run([PROGRAM, "localhost:0", name])
    assert result.returncode == 1 and "use EventLoop" in result.stderr and result.stdout == ""


@pytest.mark.parametrize("file", ["log:sometimes", ":always", "no/such/directory/log", "."])
def test_bad_files(tmp_path, file):
    result = programs.run([PROGRAM, "localhost:0", "EventLoopTCPServer", file], directory=tmp_path)
    assert result.returncode == 1 and result.stderr.count("kvstore: ") == 1 and os.listdir(tmp_path) in ([], ["stderr"])


@EVERY
def test_idle_ones_hold_up_no_drain(kvstore, cls):
    server = kvstore(cls)
    clients = [Raw(server) for _ in range(20)]
    assert all(ask("PING") == "+PONG" for ask in clients) and clients[0]("SUBSCRIBE", "c")[2] == 1
    assert clients[1]("MULTI") == "+OK" and clients[1]("SET", "a", "1") == "+QUEUED"
    server.send_signal(signal.SIGTERM)
    server.check(server.wait())
    assert all(ask.client.ends() for ask in clients)
