# SPDX-License-Identifier: MIT
"""A relay between a client and a server that notes what they say to each other: real clients tell little of it."""

import re
import select
import socket
import threading

REQUEST = re.compile(rb"^([A-Z]+) (\S+) HTTP/1\.[01]\r\n((?:[^\r\n]+\r\n)*)\r\n", re.MULTILINE)
STATUS = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [^\r\n]*\r\n")


class Connection(threading.Thread):
    """One client's, to its end."""

    def __init__(self, client, address):
        super().__init__(daemon=True)
        self.client, self.server = client, socket.create_connection(address)
        self.sent, self.answered = b"", b""

    def run(self):
        other = {self.client: self.server, self.server: self.client}
        open_ends = set(other)
        try:
            while open_ends:
                for source in select.select(list(open_ends), [], [])[0]:
                    data = source.recv(1 << 16)
                    if source is self.client:
                        self.sent += data
                    else:
                        self.answered += data
                    if data:
                        other[source].sendall(data)
                    else:
                        open_ends.discard(source)
                        other[source].shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of them has gone
        finally:
            self.client.close()
            self.server.close()

    @property
    def requests(self):
        """(method, path, {field: value}) of each, the names in lower case. (Bodies are not looked at.)"""
        found = []
        for method, path, fields in REQUEST.findall(self.sent):
            pairs = [line.split(b":", 1) for line in fields.splitlines()]
            found.append((method.decode(), path.decode(),
                          {name.decode().lower(): value.strip().decode("latin-1") for name, value in pairs}))
        return found


class Relay:
    """Listens on relay.url, and passes everything on to the server at `address`."""

    def __init__(self, address):
        self.address, self.connections = address, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
                connection = Connection(client, self.address)
            except OSError:
                return  # closed, or the server is gone
            self.connections.append(connection)
            connection.start()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # which ends the accept
        finally:
            self.listener.close()

    @property
    def requests(self):
        return [request for connection in list(self.connections) for request in connection.requests]

    @property
    def statuses(self):
        return [int(status) for connection in list(self.connections) for status in STATUS.findall(connection.answered)]

    def ranges(self, path):
        """The Range fields of the requests for `path`."""
        return [fields["range"] for _, asked, fields in self.requests if asked == path and "range" in fields]
