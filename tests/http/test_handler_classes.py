# SPDX-License-Identifier: MIT
"""Tables of handler classes, as the compiler sees them. What they inherit: tests/unit/test_handler_class.c."""

import os
import subprocess

import programs
import pytest

C = [*os.environ.get("CC", "gcc").split(), "-std=c11", "-Werror"]
CXX = ["g++", "-std=c++17", "-Werror"]
TABLES = {
    "http_handler_class": '.handler = {.base = &BaseHTTPRequestHandler.handler}, .max_body = 5',
    "simple_http_class": '.http = {.handler = {.base = &SimpleHTTPRequestHandler.http.handler}, .table_size = sizeof Own}, '
                         '.directory = "www", .cache_seconds = 60',
    "upload_class": '.simple = {.http = {.handler = {.base = &UploadHTTPRequestHandler.simple.http.handler}, '
                    '.table_size = sizeof Own}, .directory = "www"}, .max_uploads = 3',
}


def compile_table(compiler, kind, members, tmp_path):
    source = tmp_path / ("table.cc" if compiler is CXX else "table.c")
    source.write_text(f"#include <http_server.h>\nextern const struct {kind} Own;\nconst struct {kind} Own = {{{members}}};\n")
    folders = [f"-I{os.path.join(programs.ROOT, house)}" for house in ("framework", "handlers")]
    return subprocess.run([*compiler, "-fsyntax-only", *folders, source], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("compiler", [C, CXX], ids=["C", "C++"])
def test_tables(kind, compiler, tmp_path):
    done = compile_table(compiler, kind, TABLES[kind], tmp_path)
    assert done.returncode == 0 and not done.stderr, done.stderr


@pytest.mark.parametrize("kind, option", [
    ("http_handler_class", "directory"), ("http_handler_class", "max_uploads"), ("http_handler_class", "translate_path"),
    ("simple_http_class", "max_uploads"), ("simple_http_class", "max_body"), ("upload_class", "directory"),
])
def test_option_that_a_class_does_not_have(kind, option, tmp_path):
    """The compiler names it."""
    done = compile_table(C, kind, f"{TABLES[kind]}, .{option} = 0", tmp_path)
    assert done.returncode != 0 and option in done.stderr
