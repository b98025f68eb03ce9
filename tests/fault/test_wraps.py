# SPDX-License-Identifier: MIT
"""Nothing that can fail is called in framework/ and handlers/ without a wrapper, and each such place was seen to fail."""

import os
import re
import subprocess

import errors
import places
import programs
import pytest

ARCHIVES = ["loose/libsocketserver.a", "loose/libhttpserver.a"]

# What fails only by a mistake of the caller's, or ends the process, or tells of nothing by its result. What is done with
# a lock that works is not expected to fail.
CANNOT_FAIL = re.compile(r"""
    (mem|str|stp)\w+ | explicit_bzero | __(mem|str|stp)\w+_chk | raw?memchr | v?sn?printf | __v?sn?printf_chk | __printf_chk | (v|__v)?(printf|printf_chk|asprintf)
    | puts | free | freeaddrinfo | gai_strerror | qsort(_r)? | bsearch | abort | _?exit | raise | __assert_fail | __stack_chk_fail
    | __errno_location | __tls_get_addr | _GLOBAL_OFFSET_TABLE_ | __cpu_\w+ | std(out|err) | opt(arg|ind) | getopt_long | program_invocation_\w+
    | clock_gettime | timerfd_settime | time | localtime_r | gmtime_r | sched_yield | getpagesize | sysconf | getrusage | getp?pid | gettid | gete?[ug]id | inet_pton
    | inet_ntop | dirfd | rewinddir | putc | __openat_missing_mode | co_entry | co_jump
    | funlockfile | sigaction | sig(add|del|empty|fill)set | sigismember | pthread_sigmask | pthread_self | pthread_once
    | pthread_(join|detach) | pthread_(mutex_((un|try)?lock|consistent|destroy) | cond_(signal|broadcast|wait|destroy)
    | attr_(destroy|set\w+) | (mutex|cond)attr_(destroy|set\w+))
    | (Brotli\w+(Destroy\w+|HasMoreOutput|IsFinished|Version)) | ZSTD_(freeCCtx|isError|versionString) | zlibVersion | (de|in)flate(End|Reset)
    | inflateResetKeep | EVP_(sha1|EncodeBlock) | crypt_checksalt | __explicit_bzero_chk | gethostname | freeifaddrs
    | llhttp_\w+ | __(asan|lsan|ubsan|tsan|gcov|sanitizer)\w+ | __sanitizer\w+ | __aarch64_\w+ | __gxx_personality_v0 | __cxa_\w+
    """, re.VERBOSE)
# What OpenSSL does by itself when it has no memory is its own matter; framework/tls looks at each result.
OPENSSL = re.compile(r"(SSL|BIO|ERR|PEM|X509|X509V3|EVP|BN|RAND|OSSL|OPENSSL|CRYPTO|ASN1|GENERAL|TLS)_\w+|a2i_IPADDRESS")


def symbols(option, *files):
    text = subprocess.run(["nm", option, "-A", *files], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in text.splitlines() if line.strip() and not line.endswith(":")}


def test_each_call_is_wrapped():
    archives = [os.path.join(programs.BUILD, name) for name in ARCHIVES]
    wrapped = {name.removeprefix("__wrap_") for name in
               symbols("--defined-only", os.path.join(programs.BUILD, "tests/fault/calls.o")) if name.startswith("__wrap_")}
    called = symbols("--undefined-only", *archives) - symbols("--defined-only", *archives)
    bare = {name for name in called - wrapped if not CANNOT_FAIL.fullmatch(name) and not OPENSSL.fullmatch(name)}
    assert not bare, f"no line for {sorted(bare)} in tests/fault/calls.c, nor in CANNOT_FAIL"


def test_each_wrapper_knows_its_errors():
    with open(os.path.join(programs.TESTS, "fault", "calls.c"), encoding="ascii") as file:
        text = re.sub(r"\s+", " ", file.read())
    names = set(re.findall(r"(?<!#define )\b(?:(?:DONE_AND_)?FAILS(?:_NULL)?|RETURNS|MOVES|RECEIVES)\( ?[\w *]+?, (\w+),", text))
    assert len(names) > 80
    assert not names - set(errors.ERRORS)


@pytest.mark.skipif(programs.TSAN or "address" not in os.environ.get("SANITIZE", ""), reason="elsewhere calls are joined")
def test_each_place_is_there():
    gone = {name for name in places.seen() - places.there() if "confine" not in name and "sandbox" not in name}  # they lack parts here
    assert not gone, f"these are no more: take them out of the list: {sorted(gone)}"


@pytest.mark.skipif(programs.SANITIZED, reason="the places are the same in each build, but for what sanitizers call instead")
def test_each_place_was_seen_to_fail():
    """The ratchet: `make faults` adds what it has seen."""
    there = places.there()
    new = there - places.seen() - places.unseen().keys()
    assert not new, f"nobody has seen these fail; write a scene, then make faults: {sorted(new)}"
    assert not places.seen() & places.unseen().keys()
    bare = [name for name, reason in places.unseen().items() if not reason]
    assert not bare, f"why can nobody see these fail? {sorted(bare)}"
