# SPDX-License-Identifier: MIT
"""Content codings as clients undo them; what this system cannot undo, or this build not make, is skipped."""

import ctypes
import ctypes.util
import gzip
import os
import re
import shutil
import subprocess
import zlib

import programs

NAMES = ("gzip", "br", "zstd")
LIBRARY = {"gzip": "zlib", "br": "brotli", "zstd": "zstd"}
ENDING = {"gzip": ".gz", "br": ".br", "zstd": ".zst"}
MAGIC = {"gzip": b"\x1f\x8b\x08", "br": b"", "zstd": b"\x28\xb5\x2f\xfd"}  # without it a file is not sent as coded
TOOL = {"br": "brotli", "zstd": "zstd"}


def features():
    """The line of httpserver -V."""
    text = programs.run([programs.path_of("httpserver"), "-V"]).stdout
    return re.search("^compression: (.*)$", text, re.MULTILINE)[1]


def made():
    """The codings that this build makes and this system undoes."""
    line = features()
    return [name for name in NAMES if LIBRARY[name] + " " in line and shutil.which(TOOL.get(name, "sh"))]


def tool(name, data, *options):
    return subprocess.run([name, *options], input=data, stdout=subprocess.PIPE, check=True, timeout=60).stdout


def encode(name, data):
    return gzip.compress(data, mtime=0) if name == "gzip" else tool(TOOL[name], data, "-c")


def decode(name, data):
    """The whole body, or an error: one that ends early, or with something behind it, is none."""
    if name is None:
        return data
    if name == "gzip":
        undo = zlib.decompressobj(31)
        text = undo.decompress(data)
        assert undo.eof and not undo.unused_data
        return text
    return tool(TOOL[name], data, "-dc")


def begun(name, data):
    """What can be undone of a body that has only begun."""
    if name == "gzip":
        return zlib.decompressobj(31).decompress(data)
    if name == "br":
        return begun_brotli(data)
    done = subprocess.run([TOOL[name], "-dc"], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60,
                          check=False)
    return done.stdout


def begun_brotli(data):
    """Its program says nothing about half a body; its library does."""
    library = ctypes.CDLL(ctypes.util.find_library("brotlidec"))
    library.BrotliDecoderCreateInstance.restype = ctypes.c_void_p
    state = ctypes.c_void_p(library.BrotliDecoderCreateInstance(None, None, None))
    room = ctypes.create_string_buffer(65536)
    size, left = ctypes.c_size_t(len(data)), ctypes.c_size_t(len(room))
    at, to = ctypes.c_char_p(data), ctypes.c_void_p(ctypes.addressof(room))
    library.BrotliDecoderDecompressStream(state, ctypes.byref(size), ctypes.byref(at), ctypes.byref(left), ctypes.byref(to),
                                          None)
    library.BrotliDecoderDestroyInstance(state)
    return room.raw[:len(room) - left.value]


def body(response):
    return decode(response.get("Content-Encoding"), response.body)


def sibling(path, name, data, age=0):
    """Writes path.gz or the like; `age` seconds older than path."""
    other = path.with_name(path.name + ENDING[name])
    other.write_bytes(data)
    time = path.stat().st_mtime_ns - age * 10**9
    os.utime(other, ns=(time, time))
    return other
