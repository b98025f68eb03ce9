# SPDX-License-Identifier: MIT
"""Certificates for the tests, made by openssl."""

import os
import subprocess

KINDS = {
    "leaf": "basicConstraints=critical,CA:FALSE\nkeyUsage=digitalSignature\n",
    "ca": "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n",
}


def openssl(*arguments, **more):
    done = subprocess.run(["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Authority:
    """Signs certificates; all files are in `directory`."""

    def __init__(self, directory, name="Test CA", signer=None):
        self.directory, self.name, self.signer = directory, name, signer
        self.cert, self.key = self.issue(name, kind="ca", by=signer or "itself")

    def path(self, name):
        return os.path.join(self.directory, name)

    def issue(self, name, *hosts, days=30, kind="leaf", by=None, algorithm="EC", usage="serverAuth,clientAuth"):
        """The paths of a certificate and of its key."""
        stem = self.path(name.replace(" ", "-").replace("*", "any"))
        key, request, cert, more = (f"{stem}.{end}" for end in ("key", "csr", "pem", "ext"))
        how = ["-pkeyopt", "ec_paramgen_curve:P-256"] if algorithm == "EC" else ["-pkeyopt", "rsa_keygen_bits:2048"]
        openssl("genpkey", "-algorithm", algorithm, *how, "-out", key)
        openssl("req", "-new", "-key", key, "-subj", f"/O=Tests/CN={name}", "-out", request)
        names = ",".join(("IP:" if host.replace(".", "").isdigit() or ":" in host else "DNS:") + host for host in hosts)
        with open(more, "w", encoding="ascii") as file:
            file.write(KINDS[kind] + (f"subjectAltName={names}\n" if names else "")
                       + (f"extendedKeyUsage={usage}\n" if kind == "leaf" else ""))
        by = by or self
        signed = ["-signkey", key] if by == "itself" else ["-CA", by.cert, "-CAkey", by.key, "-CAcreateserial"]
        openssl("x509", "-req", "-in", request, *signed, "-days", days, "-extfile", more, "-out", cert)
        return cert, key


def joined(path, *parts):
    """One file of several."""
    with open(path, "w", encoding="ascii") as file:
        for part in parts:
            with open(part, encoding="ascii") as one:
                file.write(one.read())
    return path


def fingerprint(cert):
    return openssl("x509", "-in", cert, "-noout", "-fingerprint", "-sha256").split("=")[1].strip().replace(":", "").lower()
