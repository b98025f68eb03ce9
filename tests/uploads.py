"""What the tests of uploads share."""

import os

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


def tree(root):
    """All that is there, hidden files too."""
    root = os.fsencode(root)
    return {os.path.relpath(os.path.join(path, name), root)
            for path, directories, names in os.walk(root) for name in [*directories, *names]}
