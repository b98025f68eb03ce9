# SPDX-License-Identifier: MIT
"""What the tests of uploads share."""

import os
import shlex

import programs
import pytest
import wire

FORM = {"content_type": "multipart/form-data; boundary=b"}
JSON = {"accept": "application/json"}


def form(*files):
    """files: (file name, content); None: a field that is no file."""
    body = b""
    for name, content in files:
        name = name if isinstance(name, bytes) or name is None else name.encode()
        filename = b'; filename="%s"' % name if name is not None else b""
        body += b'--b\r\nContent-Disposition: form-data; name="f"%s\r\n\r\n%s\r\n' % (filename, content)
    return body + b"--b--\r\n"


def begin_put(server, path, size, **fields):
    """A PUT that was admitted, and whose conditions have been looked at: the server asks for the body."""
    client = server.client()
    client.send(wire.request("PUT", path, None, content_length=size, expect="100-continue", **fields))
    assert client.response().status == 100
    return client


def tree(root):
    """All that is there, hidden files too."""
    root = os.fsencode(root)
    return {os.path.relpath(os.path.join(path, name), root)
            for path, directories, names in os.walk(root) for name in [*directories, *names]}


def in_namespace(started, tmp_path, script, *options):
    """httpserver --upload in a mount namespace of its own, which `script` prepares; its root is tmp_path/root."""
    for way in ["unshare", "-m"], ["unshare", "-rm"]:
        if programs.run([*way, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).returncode == 0:
            break
    else:
        pytest.skip("unshare -m and mount are not allowed here")
    argv = [programs.path_of("httpserver"), "--upload", "-d", tmp_path / "root", *options, "0"]
    script += "\nexec " + " ".join(shlex.quote(str(a)) for a in argv)
    server = programs.Server([*way, "sh", "-ec", script], tmp_path)
    started.append(server)
    return server.read_banner()
