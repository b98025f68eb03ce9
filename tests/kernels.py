# SPDX-License-Identifier: MIT
"""Kernels that lack something: a filter before the program starts answers its calls with ENOSYS."""

import ctypes
import errno
import os
import platform
import struct

# Of x86-64 and aarch64.
NUMBERS = {"landlock": (444, 444), "seccomp": (317, 277), "capset": (126, 91)}

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7fff0000, 0x00050000


class Program(ctypes.Structure):
    _fields_ = [("size", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def without(*features, error=errno.ENOSYS):
    """For `preexec` of a program: there, these are missing."""
    column = 1 if platform.machine() == "aarch64" else 0
    code = struct.pack("=HBBI", LOAD, 0, 0, 0)
    for feature in features:
        code += struct.pack("=HBBI", EQUAL, 0, 1, NUMBERS[feature][column])
        code += struct.pack("=HBBI", RETURN, 0, 0, ERRNO | error)
    code += struct.pack("=HBBI", RETURN, 0, 0, ALLOW)
    program = Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)

    def apply():
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0):
            raise OSError(ctypes.get_errno(), "no filter")

    return apply


def landlock():
    """The version of the kernel's Landlock; 0: there is none."""
    return max(0, ctypes.CDLL(None).syscall(444, None, 0, 1))


def status(pid):
    """{"Seccomp": "2", ...} of each thread of a process."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8", errors="replace") as file:
            found.append(dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line))
    return found
