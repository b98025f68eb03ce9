# SPDX-License-Identifier: MIT
"""The guide, samples/README.md and the pages in www/learn/: what it says is to be typed is typed, each in a network of
its own for the step, and what it says is to be seen is seen. Python beside C is run in the place of the C. Nothing is
missing from a step, no link leads nowhere, and the pages are what tests/guide makes of the text."""

import html.parser
import os
import re
import shlex
import shutil
import signal
import time
import xml.etree.ElementTree

import programs
import pytest
import wire

readme = programs.script("http/test_readme.py")
network = readme.network  # a fixture

LEARN = os.path.join(programs.ROOT, "www", "learn")
GUIDE = os.path.join(programs.ROOT, "samples", "README.md")
PARTS = ["Try it", "The same in Python", "Exercise", "Break it"]
PATIENCE = 5  # seconds until a server has said what it is to say
TRIES = 3  # what is seen depends on when the machine finds time for whom
VOID = {"meta", "link", "img", "br", "hr"}

# What differs from run to run. The first three also where it stands in a line of data.
MASKS = [(re.compile(pattern), mask) for pattern, mask in [
    (r"\d{2}/\w{3}/\d{4} \d\d:\d\d:\d\d", "DAY"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
    (r"Date: .{0,17}", "Date"),
    (r"curl/[\d.]*", "curl"),
    (r"^ *\d+\.\d{6} ", "T "),
    (r"^ +\d+\. ", "N. "),
    (r"[+-]?\d+\.\d{3,6} (ms|s)\b", r"T \1"),
    (r"(round trip|window|segments of) \d+", r"\1 N"),
    (r"\b(process|thread) \d+", r"\1 N"),
    (r"(127\.0\.0\.1:|at port )(3[2-9]|[456]\d)\d{3}\b", r"\1PORT"),
    (r"\b(client) \d+:", r"\1 N:"),
    (r"\b(socket|accept|bind|listen|handle|send|recv|sendto|recvfrom|close|parse|respond|poll|shutdown)\(\d+", r"\1(FD"),
    (r"(socket|accept)(\(.*?\)) = \d+", r"\1\2 = FD"),
    (r"listen\(FD, \d+\)", "listen(FD, N)"),
    (r"for \d+ ms at most", "for N ms at most"),
    (r"in \d+ pieces\b", "in N pieces"),
    (r"^\d{6,} bytes", "N bytes"),
    (r"(discovery 1 (?:have|ask)) [0-9a-f]+ (?=http|[0-9a-f]+ 60)", r"\1 N "),
    (r"(discovery 1 have N) [0-9a-f]+ 60", r"\1 N 60"),
    (r"= \d+: hex (1[4-7]03\d\d)[0-9a-f .]*", r"= N: hex \1"),  # TLS
    (r"hex (2[34]01?000?)[0-9a-f .]+", r"hex \1"),  # SNTP
    (r"\|?-*\*( +\d+ ms)?$", "BAR"),
    (r"^((?:none|Threading|ThreadPool|Forking|Preforking|EventLoop|Preforking\+EventLoop) ).*\d.*$", r"\1N"),
]]


def masked(line):
    for pattern, mask in MASKS:
        line = pattern.sub(mask, line)
    return re.sub(" +", " ", line).strip()


# ---------------------------------------------------------------- what the guide says


class Block:
    """A program, or what a terminal shows."""

    def __init__(self, language, text):
        self.language, self.text = language, text
        lines = text.splitlines()
        self.name = lines[0].removeprefix("# ") if language == "python" else None
        self.command = lines[0].removeprefix("$ ") if language == "console" else None
        self.shown = lines[1:]


def steps():
    with open(GUIDE, encoding="utf-8") as file:
        pieces = re.split(r"^## ", file.read(), flags=re.MULTILINE)[1:]
    return [(piece.split("\n", 1)[0], piece.split("\n", 1)[1]) for piece in pieces]


STEPS = steps()
each_step = pytest.mark.parametrize("heading,text", STEPS, ids=[heading.split(".")[0] for heading, _ in STEPS])


def blocks_of(text):
    return [Block(language, body) for language, body in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def is_server(command, sources):
    """It runs until Ctrl-C. `sources`: the Python programs, by their names."""
    words = shlex.split(command)
    if words[0] == "python3":
        return bool(re.search(r"serve_forever|accept\(\)|\.bind\(", sources.get(words[1], "")))
    return words[:2] == ["openssl", "s_server"] or bool(readme.is_server(command)) and not readme.is_alone(command)


# ---------------------------------------------------------------- what is seen


def read(terminal):
    """The lines that a program has written by now."""
    return terminal.read_text(encoding="utf-8", errors="backslashreplace").splitlines() if terminal.exists() else []


def matches(shown, seen):
    """Whether the lines are those of the program, in their order; "…" stands for any lines, ^C for none."""
    groups = [[]]
    for line in shown:
        if line in ("…", "^C"):
            groups.append([])
        else:
            groups[-1].append(masked(line))
    seen, at = [masked(line) for line in seen], 0
    for number, group in enumerate(groups):
        places = range(at, len(seen) - len(group) + 1) if number else [0]
        at = next((place + len(group) for place in places if seen[place:place + len(group)] == group), None)
        if at is None:
            return False
    return at == len(seen) or shown[-1:] == ["…"]


class Session:
    """What is typed in a step, in the terminals of one network."""

    def __init__(self, network, blocks, tmp_path):
        self.network, self.directory, self.host, self.running = network, tmp_path, None, []
        self.sources = {block.name: block.text for block in blocks if block.language == "python"}
        for name, source in self.sources.items():
            (tmp_path / name).write_text(source, encoding="utf-8")

    def enter(self):
        if not self.host or self.host.ended:
            self.host = self.network("sh -c 'trap \"exit 0\" INT TERM; echo is up; while :; do sleep 0.1; done'")
            assert self.host.readline() == "is up"
        return self.host.enter

    def start(self, block):
        port = self.port_of(block.command)
        for other in [other for other in self.running if other[0] == port != 0]:
            self.finish(other)
        terminal = self.directory / f"terminal-{time.monotonic_ns()}"
        server = programs.Program([*self.enter(), "sh", "-c", f"exec {block.command} >{terminal} 2>&1"], self.directory,
                                  PYTHONUNBUFFERED="1", preexec=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.running.append((port, block, server, terminal))
        datagrams = "UDP" in block.command or re.search("DGRAM|UDPServer", self.source_of(block.command))
        wire.wait_until(lambda: self.serves(server, port, datagrams, terminal))

    def source_of(self, command):
        return self.sources.get(command.split()[1], "") if command.startswith("python3 ") else ""

    def port_of(self, command):
        text = self.source_of(command) or command
        ports = re.findall(r'127\.0\.0\.1(?::|", )(\d+)|(?:_raw |discovery :)(\d+)', text)
        return int("".join(ports[0]))

    def serves(self, server, port, datagrams, terminal):
        assert server.process.poll() is None, read(terminal)
        rows = []
        for name in ("udp", "udp6") if datagrams else ("tcp", "tcp6"):
            with open(f"/proc/{self.host.pid}/net/{name}", encoding="ascii") as file:
                rows += [line.split() for line in file.readlines()[1:]]
        if not port:  # one of the kernel's choice
            return any(row[3] == "0A" for row in rows)
        return any(row[1].endswith(f":{port:04X}") and row[3] in ("07", "0A") for row in rows)

    def run(self, block):
        command = f"unset http_proxy https_proxy all_proxy; {{ {block.command}; }} 2>&1"
        result = programs.run([*self.enter(), "bash", "-c", command], directory=self.directory)
        assert not re.search("command not found|unrecognized option", result.stdout), result.stdout
        assert matches(block.shown, result.stdout.splitlines()), f"$ {block.command}\n{result.stdout}"

    def finish(self, entry):
        """Waits until the server has said what it is to say before Ctrl-C, then stops it."""
        _, block, server, terminal = entry
        self.running.remove(entry)
        before = block.shown[:block.shown.index("^C")] if "^C" in block.shown else block.shown
        try:
            wire.wait_until(lambda: matches([*before, "…"], read(terminal)), PATIENCE)
        except AssertionError:
            server.kill()
            raise AssertionError(f"$ {block.command}\n" + "\n".join(read(terminal))) from None
        is_ours = block.command.startswith("build/") and "_raw" not in block.command
        (server if is_ours else server.process).send_signal(signal.SIGINT)
        status = server.wait()
        seen = read(terminal)
        shown = [*block.shown, *([] if "^C" in block.shown or not block.shown else ["…"])]
        assert not shown or matches(shown, seen), f"$ {block.command}\n" + "\n".join(seen)
        assert not programs.REPORT.search("\n".join(seen))
        server.check(status, 0 if is_ours else status)

    def play(self, blocks):
        for block in blocks:
            is_refused = "in use" in block.text
            if is_server(block.command, self.sources) and not is_refused:
                self.start(block)
            else:
                self.run(block)
        for entry in self.running[:]:
            self.finish(entry)

    def close(self):
        for _, _, server, _ in self.running:
            server.kill()
        if self.host and not self.host.ended:
            self.host.process.send_signal(signal.SIGTERM)
            self.host.check(self.host.wait())


def in_its_place(blocks, sources):
    """For each Python server that no terminal shows: it, and the clients of the step's first server."""
    shown = " ".join(block.command for block in blocks if block.command)
    consoles = [block for block in blocks if block.command]
    for name in sources:
        command = f"python3 {name}"
        if command in shown or not is_server(command, sources):
            continue
        place = next(i for i, block in enumerate(consoles) if is_server(block.command, sources))
        clients = [consoles[place + 1]]
        yield [Block("console", f"$ {command}\n"), *clients]


def needs(text):
    """What a step needs that may be missing."""
    for tool in "curl", "openssl", "nc":
        if re.search(rf"\b{tool} ", "\n".join(block.text for block in blocks_of(text))) and not shutil.which(tool):
            yield tool


@each_step
def test_what_is_seen(network, tmp_path, heading, text):
    if missing := list(needs(text)):
        pytest.skip(f"{heading} needs {missing}")
    if "names 127.0.0.1 http" in text and not readme.is_known("localhost"):
        pytest.skip("no /etc/hosts")
    blocks = blocks_of(text)
    sources = {block.name: block.text for block in blocks if block.language == "python"}
    plays = [[block for block in blocks if block.language == "console"], *in_its_place(blocks, sources)]
    for play in plays:
        for tries in range(TRIES, 0, -1):
            session = Session(network, blocks, tmp_path)
            try:
                session.play(play)
                break
            except AssertionError:
                if tries == 1:
                    raise
            finally:
                session.close()


@each_step
def test_each_program_is_run(heading, text):
    """No Python is there that test_what_is_seen leaves out."""
    blocks = blocks_of(text)
    sources = {block.name: block.text for block in blocks if block.language == "python"}
    assert sources and all(re.fullmatch(r"\w+\.py", name) for name in sources), heading
    run = " ".join(block.command for block in blocks if block.command)
    for play in in_its_place(blocks, sources):
        run += " " + play[0].command
    assert all(f"python3 {name}" in run for name in sources)


@pytest.mark.parametrize("line", re.findall("`(build/.*?)`", "".join(text for _, text in STEPS)))
def test_what_is_told_in_passing(line):
    """Programs of exercises: those that end are run."""
    program, *arguments = line.split()
    assert os.access(programs.BUILD + program.removeprefix("build"), os.X_OK)
    if readme.is_alone(line):
        result = programs.run([programs.BUILD + program.removeprefix("build"), *arguments, *readme.SHORTER[program]])
        assert result.returncode == 0 and result.stdout, result.stderr


# ---------------------------------------------------------------- what is there


@each_step
def test_parts(heading, text):
    assert re.fullmatch(r"\d+\. .+", heading)
    parts = re.split(r"^### (.*)\n", text, flags=re.MULTILINE)
    assert parts[1::2] == PARTS
    assert all(len(part.split()) > 15 for part in parts[::2]), "a part says nothing"
    assert re.search(r"\]\(([\w/]+\.c)\)", parts[2]), "no sample"
    assert "```console\n$ build/" in parts[2] and "```python" in text
    shown = [line for block in blocks_of(parts[2]) if block.command for line in block.shown]
    assert "--explain" in parts[2] and len([line for line in shown if line != "…"]) >= 3
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE).splitlines()
    assert [line for line in prose if len(line) > 130 and not line.startswith("![")] == []


@each_step
def test_c_is_that_of_the_sample(heading, text):
    """Whole lines of a sample that the step names, in their order."""
    for block in [block for block in blocks_of(text) if block.language == "c"]:
        wanted = [line.strip() for line in block.text.splitlines() if line != "…"]
        for name in re.findall(r"\]\(([\w/]+\.c)\)", text):
            with open(os.path.join(programs.ROOT, "samples", name), encoding="utf-8") as file:
                lines = iter([line.strip() for line in file])
            if all(line in lines for line in wanted):
                break
        else:
            pytest.fail(f"{heading}: no sample has these lines:\n{block.text}")


def test_list_of_steps():
    with open(GUIDE, encoding="utf-8") as file:
        listed = re.findall(r"^(\d+\. )\[(.*?)\]\(#(.*?)\)$", file.read(), re.MULTILINE)
    assert [number + name for number, name, _ in listed] == [heading for heading, _ in STEPS]
    assert [anchor for _, _, anchor in listed] == [programs.script("guide").anchor_of(heading) for heading, _ in STEPS]
    assert len(STEPS) == 14


def test_links_of_the_guide():
    with open(GUIDE, encoding="utf-8") as file:
        targets = re.findall(r"\]\((?!https?:|#)(.*?)\)", file.read())
    assert targets and [t for t in targets if not os.path.exists(os.path.join(os.path.dirname(GUIDE), t))] == []


# ---------------------------------------------------------------- the pages


class Page(html.parser.HTMLParser):
    """Elements that end where they began, and what they refer to."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.ids, self.images = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.links += [attrs[name] for name in ("href", "src") if name in attrs]
        self.ids += [attrs["id"]] if "id" in attrs else []
        if tag == "img":
            self.images.append(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> at {self.getpos()}"


NAMES = sorted(name for name in os.listdir(LEARN) if name.endswith(".html"))


@pytest.mark.parametrize("name", NAMES)
def test_page(name):
    with open(os.path.join(LEARN, name), encoding="utf-8") as file:
        text = file.read()
    page = Page(text)
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">') and text.count("<h1>") == 1
    assert '<meta charset="utf-8">' in text
    assert len(page.ids) == len(set(page.ids)) and "<script" not in text
    assert all("alt" in image for image in page.images)
    local = [link for link in page.links if not re.match("https?:|#", link)]
    assert [link for link in local if not os.path.exists(os.path.join(LEARN, link))] == []
    if name != "index.html":
        assert 'rel="prev"' in text and sum(link.endswith(".html") for link in local) >= 15


def test_pages_are_in_step(tmp_path):
    pytest.importorskip("markdown", reason="no python3-markdown")
    result = programs.run(["/usr/bin/python3", os.path.join(programs.ROOT, "tests", "guide"), tmp_path])
    assert result.returncode == 0, result.stderr
    assert sorted(os.listdir(tmp_path)) == NAMES
    for name in NAMES:
        with open(os.path.join(LEARN, name), encoding="utf-8") as file:
            assert file.read() == (tmp_path / name).read_text(encoding="utf-8"), f"{name}: run tests/guide"


@pytest.mark.parametrize("name", sorted(name for name in os.listdir(LEARN) if name.endswith(".svg")))
def test_drawing(name):
    """It can be read aloud, in the dark and on a phone, runs nothing, and is used."""
    path = os.path.join(LEARN, name)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    root = xml.etree.ElementTree.fromstring(text)
    names = {element.tag.rpartition("}")[2]: element for element in root}
    assert names["title"].text and names["desc"].text and root.get("aria-labelledby") == "t d"
    assert float(root.get("viewBox").split()[2]) <= 360
    assert "prefers-color-scheme: dark" in text and "<script" not in text
    assert not re.search(r"\son\w+=|https?://(?!www\.w3)", text)
    assert any(f"(../www/learn/{name})" in step for _, step in STEPS)


def test_pages_are_found():
    for path, target in ("www/index.html", "learn/"), ("README.md", "samples/README.md"):
        with open(os.path.join(programs.ROOT, path), encoding="utf-8") as file:
            assert target in file.read()


def test_pages_are_served(httpserver):
    server = httpserver(directory=os.path.join(programs.ROOT, "www"))
    for name in "", NAMES[0], "loop.svg", "learn.css":
        answer = server.ask(path="/learn/" + name)
        assert answer.status == 200 and answer.body
