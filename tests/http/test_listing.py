# SPDX-License-Identifier: MIT
"""Directory listings: two forms of the same, whatever the names are and however many."""

import html.parser
import json
import os
import re
import urllib.parse

import coding
import pytest
import wire

JSON = "application/json"
HTML = "text/html; charset=utf-8"

# Names that mean something else to somebody: HTML, URLs, JSON, terminals, and those that are not UTF-8.
NASTY = [
    b"plain.txt", b"with space", b"  ends in spaces  ", b"quote\"'`", b"<script>alert(1)", b"a&b&amp;c", b"a;b?c#d",
    b"100%", b"%41", b"%2e%2e", b"\\back\\slash", b"javascript:alert(1)", b"http:", b"a:b", b"...", b"~", b"new\nline",
    b"cr\rlf\r\n", b"\ttab", b"\x01\x1b[31m\x7f", b"\xff\xfe", b"half\xc3", b"\xc0\xafoverlong", b"<b onclick=x>", b"\xed\xa0\x80surrogate",
    b"\xf4\x90\x80\x80", "\u00e9t\u00e9 \u4e2d\u6587 \U0001f600".encode(), "rtl\u202egpj.exe".encode(), "c1\u0085".encode(),
    "\u2028\ufeff".encode(), b"{}[],:", b"<title><style>", b"*", b"-rf", b"x" * 255, b"\xff" * 255, b"\x01" * 255,
    b"index.html.bak", b"json", b"?json",
]


class Page(html.parser.HTMLParser):
    """What a browser sees: the links of the rows with their texts, the title, the tags."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags, self.title, self.open = [], [], "", None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        attrs = dict(attrs)
        if tag == "tr":
            self.rows.append({"href": None, "text": "", "title": "", "datetime": ""})
        elif tag == "a" and self.rows and self.rows[-1]["href"] is None:
            self.rows[-1]["href"] = attrs["href"]
        elif tag == "td" and "title" in attrs:
            self.rows[-1]["title"] = attrs["title"]
        elif tag == "time":
            self.rows[-1]["datetime"] = attrs["datetime"]
        if tag in ("a", "title", "td", "th"):
            self.open = tag

    def handle_endtag(self, tag):
        if tag in ("a", "title"):
            self.open = None

    def handle_data(self, data):
        if self.open == "a" and self.rows:
            self.rows[-1]["text"] += data
        elif self.open == "title":
            self.title += data

    @property
    def entries(self):
        return [row for row in self.rows if row["href"] not in (None, "../")]


def entries_of(response):
    assert response.status == 200 and response.get("Content-Type") == JSON
    listing = json.loads(response.body.decode("utf-8"))
    assert list(listing) == ["path", "entries"]
    for entry in listing["entries"]:
        assert list(entry) == ["name", "href", "type", "size", "modified"]
    return listing["entries"]


def make(directory, names):
    for name in names:
        with open(os.path.join(os.fsencode(directory), name), "wb") as file:
            file.write(name[:7])


def lower(name):
    return bytes(c | 0x20 if 65 <= c <= 90 else c for c in name), name


# ---------------------------------------------------------------- what an entry is


def test_json(httpserver, root):
    sub = root / "sub" / "b\u00e4r"
    sub.mkdir(parents=True)
    (sub / "empty").touch()
    with open(sub / "large", "wb") as file:
        file.truncate(5_000_000_000)
    (sub / "dir").mkdir()
    (sub / "link").symlink_to("dir")
    os.mkfifo(sub / "fifo")
    for name in os.listdir(sub):
        os.utime(sub / name, (951827696, 951827696), follow_symlinks=False)
    os.utime(sub / "empty", ns=(0, -1))
    response = httpserver().ask(path="/sub/b%C3%A4r/?json")
    assert json.loads(response.body)["path"] == "/sub/b\u00e4r/"
    when = "2000-02-29T12:34:56Z"
    assert entries_of(response) == [
        {"name": "dir", "href": "dir/", "type": "directory", "size": None, "modified": when},
        {"name": "empty", "href": "empty", "type": "file", "size": 0, "modified": "1969-12-31T23:59:59Z"},
        {"name": "fifo", "href": "fifo", "type": "other", "size": None, "modified": when},
        {"name": "large", "href": "large", "type": "file", "size": 5_000_000_000, "modified": when},
        {"name": "link", "href": "link", "type": "link", "size": None, "modified": when},
    ]


def test_html(httpserver, root):
    (root / "dir").mkdir()
    with open(root / "large", "wb") as file:
        file.truncate(5_000_000)
    (root / "link").symlink_to("dir")
    for name in os.listdir(root):
        os.utime(root / name, (951827696, 951827696), follow_symlinks=False)
    page = Page(httpserver().ask().text)
    when = "2000-02-29T12:34:56Z"
    assert page.entries == [
        {"href": "dir/", "text": "dir/", "title": "", "datetime": when},
        {"href": "large", "text": "large", "title": "5000000 bytes", "datetime": when},
        {"href": "link", "text": "link@", "title": "", "datetime": when},
    ]


def test_empty(httpserver):
    server = httpserver()
    assert entries_of(server.ask(path="/?json")) == []
    assert "This directory is empty." in server.ask().text


def test_way_back(httpserver, root):
    """A row for the parent, except at the root, and a trail; all relative, so that they hold behind a proxy."""
    (root / "a" / "b").mkdir(parents=True)
    server = httpserver()
    assert 'href="../"' not in server.ask().text
    assert Page(server.ask(path="/a/").text).rows[1]["href"] == "../"
    text = server.ask(path="/a/b/").text
    trail = re.findall('href="([^"]*)"', text[text.index("<nav"):text.index("</nav>")])
    assert [urllib.parse.urljoin("/a/b/", link) for link in trail] == ["/", "/a/", "/a/b/"]
    assert not re.search('(href|src|action)="/', text)


# ---------------------------------------------------------------- names


def test_nasty_names(httpserver, root, mixin):
    make(root, NASTY)
    server = httpserver("--hidden", *mixin)
    entries = entries_of(server.ask(path="/?json"))
    page = Page(server.ask().text)
    expected = sorted(NASTY, key=lower)
    for links in [e["href"] for e in entries], [e["href"] for e in page.entries]:
        assert [urllib.parse.unquote_to_bytes(link) for link in links] == expected
        for link in links:  # a relative reference to a name in this directory (RFC 3986 4.2), whatever is in it
            assert re.fullmatch(r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+", link)
            assert urllib.parse.urljoin("http://test/x/y", link) == "http://test/x/" + link
    assert not {"script", "b", "iframe", "img", "form"} & set(page.tags)
    assert page.tags.count("title") == page.tags.count("style") == 1
    for name, entry in zip(expected, entries):
        try:
            assert entry["name"] == name.decode()
        except UnicodeDecodeError:
            assert entry["name"].count("\ufffd") >= 1
    with server.client() as client:
        for name, entry in zip(expected, entries):
            assert client.ask(path="/" + entry["href"]).body == name[:7]


def test_all_of_a_name_is_seen(httpserver, root):
    """Names in UTF-8 look different when they are, and none can pass for another by what is not seen."""
    make(root, NASTY)
    response = httpserver("--hidden").ask()
    page = Page(response.text)
    texts = [entry["text"] for entry in page.entries]
    assert len(texts) == len(NASTY)
    assert len(set(texts)) == len({name.decode(errors="replace") for name in NASTY})
    for text in texts:
        assert not re.search("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", text), text
    assert "newline" not in texts and "new0Aline" in texts and "rtlE280AEgpj.exe" in texts and "\ufffd\ufffd" in texts


def test_nasty_directory(httpserver, root):
    """Its own name is in the title, the heading and the trail."""
    server = httpserver("--hidden")
    for name in NASTY:
        if name not in (b"json", b"?json"):
            os.mkdir(os.path.join(os.fsencode(root), name))
            path = "/" + urllib.parse.quote_from_bytes(name, safe="") + "/"
            page = Page(server.ask(path=path).text)
            assert page.title.startswith("Directory listing for /") and page.title.endswith("/")
            assert page.tags.count("title") == page.tags.count("style") == 1 and "script" not in page.tags
            assert json.loads(server.ask(path=path + "?json").body)["entries"] == []


# ---------------------------------------------------------------- which form


@pytest.mark.parametrize("accept, form", [
    (None, HTML), ("*/*", HTML), ("text/html", HTML), ("application/json", JSON), ("Application/JSON", JSON),
    ("application/*", JSON), ("application/json, text/html", HTML), ("text/html, application/json;q=0.9", HTML),
    ("text/html;q=0.8, application/json;q=0.9", JSON), ("application/json, text/plain, */*", JSON),
    ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", HTML), ("application/json;q=0", HTML),
    ("application/json;q=0, */*", HTML), ("text/html;q=0, */*", JSON), ("image/png", HTML), ("", HTML),
    ("application/json;charset=utf-8", JSON), ("application/json;q=nonsense", HTML), ("application/jsonx", HTML),
    ("*/*;q=0.1, application/json;q=0.05", HTML), ("text/*;q=0.5, application/json", JSON),
])
def test_negotiation(httpserver, accept, form):
    """RFC 9110 12.5.1; without preference a page; a client that likes neither gets one too."""
    fields = {} if accept is None else {"accept": accept}
    response = httpserver().ask(**fields)
    assert response.status == 200 and response.get("Content-Type") == form
    assert response.get("Vary") == "Accept"


def test_negotiation_over_lines(httpserver):
    """RFC 9110 5.3: several lines are one list."""
    client = httpserver().client()
    client.send("GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html;q=0.5\r\nAccept: application/json\r\n\r\n")
    assert client.response().get("Content-Type") == JSON


@pytest.mark.parametrize("query, form", [
    ("?json", JSON), ("?json=", JSON), ("?json=1", JSON), ("?a=b&json", JSON), ("?json&a", JSON), ("?&json", JSON),
    ("?jsonp", HTML), ("?xjson", HTML), ("?JSON", HTML), ("?a=json", HTML), ("?", HTML), ("?a?json", HTML),
])
def test_query(httpserver, query, form):
    assert httpserver().ask(path="/" + query, accept="text/html").get("Content-Type") == form


def test_index_goes_first(httpserver, root):
    (root / "index.html").write_text("index")
    assert httpserver().ask(path="/?json", accept=JSON).text == "index"


def without_date(response):
    return [field for field in response.fields if field[0] != "Date"]


@pytest.mark.parametrize("path", ["/", "/?json"])
def test_fields(httpserver, root, mixin, path):
    """HEAD has those of GET (RFC 9110 9.3.2), and the connection is in order afterwards."""
    make(root, NASTY)
    server = httpserver(*mixin)
    with server.client() as client:
        get, head = client.ask(path=path), client.ask("HEAD", path=path)
        assert client.ask("HEAD", path=path).status == 200
    assert without_date(get) == without_date(head)
    assert get.get("Cache-Control") == "no-cache" and get.get("X-Content-Type-Options") == "nosniff"
    assert head.status == get.status == 200
    if path == "/":
        assert "default-src 'none'" in get.get("Content-Security-Policy")


@pytest.mark.parametrize("path", ["/", "/?json"])
def test_head_of_any_length(httpserver, root, path):
    """Few names make a Content-Length and a tag, many come in chunks; HEAD says so without listing them all."""
    framings = set()
    with httpserver().client() as client:
        for count in 0, 1, 100, 1000, 12000:
            make(root, [b"%05d" % i for i in range(count)])
            get, head = client.ask(path=path), client.ask("HEAD", path=path)
            assert without_date(get) == without_date(head)
            framings.add("Content-Length" in head)
            assert ("Content-Length" in head) == ("ETag" in head)
    assert framings == {True, False}


@pytest.mark.parametrize("path", ["/", "/?json"])
def test_http_1_0(httpserver, root, path):
    """Without chunks the end of the connection is the end of a long listing (RFC 9112 6.3)."""
    make(root, [b"%05d" % i for i in range(500)])
    client = httpserver().client()
    client.send(f"GET {path} HTTP/1.0\r\n\r\n")
    response = client.response()
    assert response.closes and b"00499" in response.body and response.body.endswith((b"</html>\n", b"]}\n"))


# ---------------------------------------------------------------- tags and codings


def tag_of(server, path, **fields):
    response = server.ask(path=path, **fields)
    head = server.ask("HEAD", path, **fields)
    assert response.status == head.status == 200 and response.get("ETag") == head.get("ETag")
    assert response.get("ETag").startswith('W/"')
    again = server.ask(path=path, if_none_match=response.get("ETag"), **fields)
    assert again.status == 304 and again.get("ETag") == response.get("ETag") and not again.body
    assert again.get("Cache-Control") == "no-cache" and again.get("Vary") == "Accept" and "Content-Type" not in again
    return response.get("ETag")


@pytest.mark.parametrize("path", ["/", "/?json"])
def test_every_change_is_another_tag(httpserver, root, mixin, path):
    """Of whatever a row shows, and of no more."""
    file = root / "file"
    file.write_bytes(b"x" * 5000)
    (root / "sub").mkdir()
    os.utime(root / "sub", (1, 1))
    os.utime(file, (1000, 1000))
    server = httpserver(*mixin)
    tags = [tag_of(server, path)]
    changes = [
        lambda: (file.write_bytes(b"x" * 5001), os.utime(file, (1000, 1000))),  # its size in bytes
        lambda: os.utime(file, (1060, 1060)),
        lambda: file.rename(root / "File"),
        lambda: (root / "new").write_text(""),
        lambda: (root / "new").unlink() or (root / "new").mkdir(),
        lambda: (root / "new").rmdir() or (root / "new").symlink_to("File"),
        lambda: (root / "new").unlink() or os.mkfifo(root / "new"),
        (root / "sub").rmdir,
    ]
    for change in changes:
        change()
        tags.append(tag_of(server, path))
    assert len(set(tags)) == len(tags)
    (root / "File").chmod(0o600)
    assert tag_of(server, path) == tags[-1]
    (root / "new").unlink()
    other = tag_of(server, "/?json" if path == "/" else "/")
    assert other != tag_of(server, path)


def test_tags_and_conditions(httpserver, root):
    make(root, NASTY)
    server = httpserver()
    tag = tag_of(server, "/")
    assert server.ask(if_none_match=tag[2:]).status == 304  # RFC 9110 13.1.2: compared weakly
    assert server.ask(if_none_match='"other", ' + tag).status == 304
    assert server.ask(if_none_match="*").status == 304
    assert server.ask(if_none_match='"other"').status == 200
    assert server.ask(if_match=tag).status == 412  # 13.1.1: strongly
    assert server.ask(range="bytes=0-9").status == 200
    assert server.ask(path="/?json", if_none_match=tag).status == 200


@pytest.mark.parametrize("path", ["/", "/?json"])
@pytest.mark.parametrize("count", [100, 12000])
@pytest.mark.parametrize("name", coding.made())
def test_compressed(httpserver, root, path, count, name):
    make(root, [b"%05d-a-name" % i for i in range(count)])
    server = httpserver()
    with server.client() as client:
        plain, coded = client.ask(path=path), client.ask(path=path, accept_encoding=name)
        head = client.ask("HEAD", path, accept_encoding=name)
        assert coded.get("Content-Encoding") == head.get("Content-Encoding") == name and "Content-Encoding" not in plain
        assert coding.body(coded) == plain.body and len(coded.body) < len(plain.body) / 4
        assert [value for key, value in coded.fields if key == "Vary"] == ["Accept", "Accept-Encoding"]
        if count == 100:
            assert client.ask(path=path, accept_encoding=name, if_none_match=coded.get("ETag")).status == 304
        assert without_date(head) == without_date(coded)


@pytest.mark.parametrize("mode", ["off", "precompressed"])
def test_compressed_as_asked_for(httpserver, root, mode):
    make(root, [b"%05d-a-name" % i for i in range(100)])
    response = httpserver("--compress", mode).ask(accept_encoding="gzip, br, zstd")
    assert "Content-Encoding" not in response and response.get("Vary") == "Accept" and "ETag" in response


# ---------------------------------------------------------------- many


def memory_of(pid):
    """The most that the process has ever used, in KiB."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return int(re.search(r"VmHWM:\s*(\d+) kB", file.read())[1])


@pytest.fixture(scope="module")
def hundred_thousand(tmp_path_factory):
    """100,000 names, made in an order that is not theirs: links to one file, which is quick."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = tmp_path_factory.mktemp("many") if base is None else None
    if path is None:
        import tempfile  # pylint: disable=import-outside-toplevel
        path = tempfile.mkdtemp(dir=base)
    names = [f"{i * 7919 % 100_000:05}-" + "name" * 12 for i in range(100_000)]
    for name in names:
        os.close(os.open(os.path.join(path, name), os.O_CREAT | os.O_WRONLY, 0o600))
    yield path, sorted(names)
    for name in names:
        os.unlink(os.path.join(path, name))
    os.rmdir(path)


def test_hundred_thousand(httpserver, hundred_thousand):
    path, names = hundred_thousand
    server = httpserver("--mixin", "eventloop", directory=path)
    assert server.ask("HEAD").status == 200
    before = memory_of(server.pid)
    response = server.ask(path="/?json")
    assert len(response.chunks) > 100
    assert [entry["name"] for entry in json.loads(response.body)["entries"]] == names
    assert re.findall('href="([0-9][^"]*)"', server.ask().text) == names
    if not os.environ.get("SANITIZE"):
        assert memory_of(server.pid) - before < 12_000  # the names alone are 5,500


def test_others_are_served_meanwhile(httpserver, hundred_thousand):
    """A client that does not read its listing holds up nobody, and one that goes away leaves nothing."""
    path, names = hundred_thousand
    server = httpserver("--mixin", "eventloop", directory=path)
    assert server.ask(path="/" + names[0]).status == server.ask().status == 200  # a helper thread is there from now on
    descriptors = server.descriptors()
    slow = [server.client(receive_buffer=4096) for _ in range(20)]
    for client in slow:
        client.send(wire.request())
    for client in slow:
        client.fill()
    assert server.ask(path="/" + names[0]).status == 200
    assert server.descriptors() >= descriptors + 20
    for client in slow:
        client.reset()
    wire.wait_until(lambda: server.descriptors() <= descriptors)


def test_changes_meanwhile(httpserver, root, mixin):
    """What is there all the time is listed once, and in order, whatever comes and goes."""
    names = [b"%05d-" % i + b"y" * 200 for i in range(3000)]
    make(root, names)
    server = httpserver(*mixin)
    with server.client(receive_buffer=4096) as client:
        client.send(wire.request(path="/?json"))
        client.fill()
        for i in range(500, 3000, 2):
            os.unlink(os.path.join(os.fsencode(root), names[i]))
        make(root, [b"%05d-x" % i for i in range(0, 3000, 2)])
        listed = [entry["name"].encode() for entry in entries_of(client.response())]
    assert listed == sorted(set(listed))
    assert set(names[1::2]) <= set(listed)


def test_unreadable(nobody):
    os.mkdir(nobody.root / "closed", 0o311)
    os.mkdir(nobody.root / "names", 0o755)
    (nobody.root / "names" / "a").touch()
    os.chmod(nobody.root / "names", 0o744)  # its names may be read and nothing more
    server = nobody()
    for method in "GET", "HEAD":
        assert server.ask(method, path="/closed/").status == 403
    listing = server.ask(path="/names/?json")
    if listing.status == 200:
        assert entries_of(listing) == [{"name": "a", "href": "a", "type": "other", "size": None, "modified": None}]
