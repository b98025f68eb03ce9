# SPDX-License-Identifier: MIT
"""Clients of WebSockets that others have written, with compression and without: python3-websockets, npm's ws, curl. And nginx
and haproxy between such a client and a server. Tested where they are installed (make deps clients)."""

import os
import shutil
import subprocess

import programs
import pytest

pytestmark = pytest.mark.skipif(programs.SANITIZED, reason="the same code has run with other clients")
LIMIT = 4 * programs.LIMIT  # seconds

# Each says texts and bytes of several sizes, and prints "OK" and the close code when they have come back as they were.
PYTHON = """
import asyncio, sys, websockets

async def main(url, compression):
    async with websockets.connect(url, compression=None if compression == "none" else "deflate", max_size=None) as ws:
        assert bool(ws.extensions) == (compression != "none"), ws.extensions
        for size in 0, 1, 125, 126, 65535, 65536, 1 << 20:
            for message in "ü" * (size // 2), bytes(range(256)) * (size // 256):
                await ws.send(message)
                assert await ws.recv() == message
        await ws.send(["in ", "three ", "pieces"])
        assert await ws.recv() == "in three pieces"
        await (await ws.ping())
        await ws.close(4000, "bye")
    print("OK", ws.close_code)

asyncio.run(main(*sys.argv[1:]))
"""
NODE = """
const assert = require('assert'), WebSocket = require('/usr/share/nodejs/ws'), [url, compression] = process.argv.slice(1)
const ws = new WebSocket(url, {perMessageDeflate: compression === 'none' ? false : {threshold: 0}})
const messages = [0, 1, 125, 126, 65535, 65536, 1 << 20].flatMap(size => ['ü'.repeat(size / 2), Buffer.alloc(size, 'abc')])
const sent = [...messages]
ws.on('open', () => {
  assert.equal(ws.extensions.length > 0, compression !== 'none')
  ws.send(messages[0])
})
ws.on('message', (data, binary) => {
  const message = sent.shift()
  assert.equal(binary, typeof message !== 'string')
  assert(Buffer.from(message).equals(Buffer.from(data)))
  sent.length ? ws.send(sent[0]) : ws.ping()
})
ws.on('pong', () => ws.close(4000, 'bye'))
ws.on('close', code => console.log('OK', code))
"""


def python(url, compression):
    if not os.path.exists("/usr/lib/python3/dist-packages/websockets"):
        pytest.skip("no python3-websockets: make deps clients")
    return programs.run(["/usr/bin/python3", "-c", PYTHON, url, compression], limit=LIMIT)


def node(url, compression):
    if not shutil.which("node") or not os.path.exists("/usr/share/nodejs/ws"):
        pytest.skip("no node-ws: make deps clients")
    return programs.run(["node", "-e", NODE, "--", url, compression], limit=LIMIT)


CLIENTS = pytest.mark.parametrize("client", [python, node], ids=lambda client: client.__name__)
COMPRESSION = pytest.mark.parametrize("compression", ["none", "deflate"])


def echoes(client, url, compression):
    done = client(url, compression)
    assert (done.stdout, done.returncode) == ("OK 4000\n", 0), done.stderr


@pytest.fixture
def listening():
    with programs.listener() as socket:
        yield socket


@pytest.fixture
def address(started, tmp_path, listening):
    """host:port of ws_echo."""
    fd, address = listening.fileno(), listening.getsockname()
    started.append(programs.Server([programs.path_of("samples/ws_echo"), f"fd:{fd}"], tmp_path, address=address, fds=[fd]))
    return "%s:%d" % address


@CLIENTS
@COMPRESSION
@pytest.mark.parametrize("path", ["/", "/straight"])
def test_echo(address, client, compression, path):
    echoes(client, f"ws://{address}{path}", compression)


def test_curl(address):
    if "ws" not in subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout.split():
        pytest.skip("this curl was built without WebSockets")
    done = subprocess.run(["curl", "-sSN", "-T", ".", "--max-time", "2", f"ws://{address}/"], input="hello", text=True,
                          capture_output=True, check=False, timeout=LIMIT)
    assert "hello" in done.stdout


# ---------------------------------------------------------------- behind others

NGINX = """
daemon off; error_log stderr warn; pid {home}/pid; worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}/1; proxy_temp_path {home}/2; fastcgi_temp_path {home}/3; uwsgi_temp_path {home}/4;
    scgi_temp_path {home}/5;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://{address};
            proxy_http_version 1.1;
            proxy_set_header Host $host:$server_port;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }}
    }}
}}
"""
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout tunnel 1h
frontend all
    bind fd@{fd}
    default_backend echo
backend echo
    server one {address}
"""
PROXIES = {"nginx": (NGINX, ["-e", "stderr", "-c"]), "haproxy": (HAPROXY, ["-db", "-f"])}


@pytest.fixture(params=PROXIES)
def proxied(request, address, tmp_path):
    """host:port of a proxy in front of it."""
    program = shutil.which(request.param, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
    if not program:
        pytest.skip(f"no {request.param}: make deps clients")
    text, options = PROXIES[request.param]
    tmp_path.chmod(0o777)  # nginx becomes another user
    with programs.listener() as front:
        fd, (_, port) = front.fileno(), front.getsockname()
        (tmp_path / "conf").write_text(text.format(home=tmp_path, port=port, fd=fd, address=address))
        with subprocess.Popen([program, *options, tmp_path / "conf"], stdin=subprocess.DEVNULL, pass_fds=[fd],
                              env={**os.environ, "NGINX": f"{fd};"}) as process:
            yield f"127.0.0.1:{port}"
            process.terminate()


@CLIENTS
@COMPRESSION
def test_behind_a_proxy(proxied, client, compression):
    echoes(client, f"ws://{proxied}/", compression)
