# SPDX-License-Identifier: MIT
"""Clients that are large: ffmpeg, Chromium, node. Tested where they are installed (make deps clients)."""

import os
import random
import shutil
import subprocess
import threading

import programs
import pytest
import relay
import wire

LIMIT = 2 * programs.LIMIT
FEW = {name: ["--mixin", name] for name in ("threading", "forking", "eventloop")}


def needs(name):
    return pytest.mark.skipif(not shutil.which(name), reason=f"no {name}: make deps clients")


@pytest.fixture(params=FEW.values(), ids=FEW.keys())
def served(httpserver, request):
    """The server, seen through a relay."""
    between = relay.Relay(httpserver(*request.param).address)
    yield between
    between.close()


# ---------------------------------------------------------------- ffmpeg


@pytest.fixture(scope="session")
def movie(tmp_path_factory):
    """A minute of moving pictures, the index (moov) at the end."""
    if not shutil.which("ffmpeg"):
        pytest.skip("no ffmpeg: make deps clients")
    path = tmp_path_factory.mktemp("movies") / "movie.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=duration=60:size=320x240:rate=5,noise=alls=40:allf=t"]
    programs.run(["ffmpeg", "-v", "error", *source, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "10",
                  path], limit=LIMIT).check_returncode()
    data = path.read_bytes()
    assert data.index(b"moov") > data.index(b"mdat") and len(data) > 4 << 20
    return path


def ffmpeg(url, *before):
    command = ["ffmpeg", "-v", "error", *before, "-i", url, "-frames:v", "1", "-f", "md5", "-"]
    result = programs.run(command, limit=LIMIT, no_proxy="*", http_proxy="")
    assert result.returncode == 0, result.stderr
    return result.stdout


@needs("ffmpeg")
def test_ffmpeg_seeks(served, movie, root):
    """The index from the end, then a frame from the middle, and little of what lies between (RFC 9110 14)."""
    shutil.copy(movie, root)
    size = (root / "movie.mp4").stat().st_size
    there = ["-ss", "45"]
    assert ffmpeg(served.url + "movie.mp4", *there) == ffmpeg(root / "movie.mp4", *there)
    starts = sorted(int(r.removeprefix("bytes=").split("-")[0]) for r in served.ranges("/movie.mp4"))
    assert starts[-1] > size * 0.9 and any(size * 0.6 < start < size * 0.9 for start in starts), starts
    assert set(served.statuses) == {206}


@needs("ffprobe")
def test_ffprobe(served, movie, root):
    shutil.copy(movie, root)
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", served.url + "movie.mp4"]
    result = programs.run(command, limit=LIMIT, no_proxy="*", http_proxy="")
    assert result.stdout.strip() == "60.000000", result.stderr


# ---------------------------------------------------------------- Chromium


@pytest.fixture
def chromium(tmp_path, served):
    """chromium(path) opens a page, and waits until that has fetched /done?...; returns what stands behind the question mark."""
    running = []

    def done():
        return [path for _, path, _ in served.requests if path.startswith("/done?")]

    def start(path):
        errors = open(tmp_path / "chromium.log", "wb")
        with errors:
            running.append(subprocess.Popen(
                ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--mute-audio", "--autoplay-policy=no-user-gesture-required", "--disable-background-networking",
                 "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-crash-reporter",
                 "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
                 f"--user-data-dir={tmp_path}/profile", served.url + path], stdin=subprocess.DEVNULL, stdout=errors,
                stderr=errors, process_group=0, env={**os.environ, "HOME": str(tmp_path)}))
        try:
            wire.wait_until(lambda: done() or running[0].poll() is not None, 50)
        finally:
            log = (tmp_path / "chromium.log").read_text(errors="replace")
        assert done(), log[-3000:]
        return done()[0].partition("?")[2]

    yield start
    for process in running:
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            pass
        process.wait()


MODULES = {
    "index.html": """<!doctype html><meta charset=utf-8><title>modules</title><link rel=stylesheet href=style.css>
<script type=module src=js/main.js></script><p id=p>text</p>""",
    "js/main.js": """import { answer } from './lib/answer.mjs';
const told = [answer];
const wasm = await WebAssembly.instantiateStreaming(fetch('../seven.wasm'));
told.push(wasm.instance.exports.seven());
told.push((await (await fetch('../data.json')).json()).name.length);
told.push(getComputedStyle(document.getElementById('p')).color.replace(/[^0-9]+/g, '.'));
const worker = new Worker('js/worker.js', { type: 'module' });
told.push(await new Promise(resolve => { worker.onmessage = e => resolve(e.data); worker.onerror = e => resolve('failed'); }));
const image = new Image();
image.src = 'picture.svg';
await image.decode();
told.push(image.naturalWidth);
await fetch('../done?' + told.join('_'));""",
    "js/lib/answer.mjs": "export const answer = 42;",
    "js/worker.js": "import { answer } from './lib/answer.mjs'; postMessage(answer + 1);",
    "data.json": '{"name": "ä€"}',
    "style.css": "p { color: rgb(1, 2, 3) }",
    "picture.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="17" height="9"></svg>',
}
SEVEN = bytes.fromhex("0061736d0100000001050160 00017f030201000709 0105736576656e0000 0a06010400 41070b".replace(" ", ""))


@needs("chromium")
def test_chromium_runs_modules(chromium, root):
    """Browsers take a module, WebAssembly as it streams, a style sheet, an image only with the right media type."""
    for name, text in MODULES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    (root / "seven.wasm").write_bytes(SEVEN)
    assert chromium("") == "42_7_2_.1.2.3._43_17"


VIDEO = """<!doctype html><title>video</title><video id=v muted preload=auto src=movie.mp4></video><script>
const v = document.getElementById('v');
const tell = text => fetch('done?' + text);
v.onerror = () => tell('error_' + v.error.code);
v.onloadedmetadata = () => { v.currentTime = 50; };
v.onseeked = () => tell(Math.round(v.currentTime) + '_' + v.seekable.length + '_' + Math.round(v.duration));
</script>"""


@needs("chromium")
def test_chromium_seeks_in_a_video(chromium, served, movie, root):
    """Without 206 a browser cannot seek to what it has not loaded."""
    shutil.copy(movie, root)
    (root / "index.html").write_text(VIDEO)
    assert chromium("") == "50_1_60"
    assert "bytes=0-" in served.ranges("/movie.mp4") and 206 in served.statuses
    assert any(int(r.removeprefix("bytes=").split("-")[0]) > 1 << 20 for r in served.ranges("/movie.mp4"))


# ---------------------------------------------------------------- node

FETCH = """
const [url] = process.argv.slice(2);
const check = (what, is) => { if (!is) { console.log('wrong: ' + what); process.exit(1); } };
const whole = await fetch(url + 'file.bin');
const data = new Uint8Array(await whole.arrayBuffer());
check('size', data.length === 1000000 && whole.headers.get('content-length') === '1000000');
const part = await fetch(url + 'file.bin', { headers: { Range: 'bytes=1000-1999', 'If-Range': whole.headers.get('etag') } });
const bytes = new Uint8Array(await part.arrayBuffer());
check('part', part.status === 206 && bytes.every((b, i) => b === data[1000 + i]) && bytes.length === 1000);
const same = await fetch(url + 'file.bin', { headers: { 'If-None-Match': whole.headers.get('etag') } });
check('304', same.status === 304);
const head = await fetch(url + 'file.bin', { method: 'HEAD' });
check('head', head.ok && head.headers.get('content-length') === '1000000');
const parts = await Promise.all([...Array(50).keys()].map(async i => {
  const r = await fetch(url + 'file.bin', { headers: { Range: `bytes=${i * 20000}-${i * 20000 + 19999}` } });
  return new Uint8Array(await r.arrayBuffer()); }));
check('fifty at once', parts.every((p, i) => p.length === 20000 && p.every((b, j) => b === data[i * 20000 + j])));
check('redirect', (await fetch(url + 'dir?a=b')).url === url + 'dir/?a=b');
check('post', (await fetch(url + 'file.bin', { method: 'POST', body: 'x' })).status === 405);
check('missing', (await fetch(url + 'none')).status === 404);
console.log('right');
process.exit(0);
"""


@needs("node")
def test_node_fetches(served, root, tmp_path):
    (root / "file.bin").write_bytes(random.Random(1).randbytes(1_000_000))
    (root / "dir").mkdir()
    (tmp_path / "fetch.mjs").write_text(FETCH)
    assert programs.run(["node", tmp_path / "fetch.mjs", served.url], limit=LIMIT, NODE_OPTIONS="").stdout == "right\n"
