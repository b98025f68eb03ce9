# SPDX-License-Identifier: MIT
"""The places in framework/ and handlers/ from which something is called that can fail.

A place is called "file function call", and "file function call 2" where the function has a second such call on a later
line: names that outlive a change of other lines."""

import bisect
import collections
import functools
import glob
import os
import re
import subprocess

import errors
import programs

SEEN = os.path.join(programs.TESTS, "fault", "seen.txt")
UNSEEN = os.path.join(programs.TESTS, "fault", "unseen.txt")
CALL = re.compile(r"^ *([0-9a-f]+):.*?\b(callq?|jmpq?|bl|b)\s+[0-9a-f]+ <__wrap_(\w+)>", re.MULTILINE)
JUMPS = ("jmp", "jmpq", "b")
FIRST = re.compile(r"^ *LOAD +0x0+ 0x([0-9a-f]+)", re.MULTILINE)
LINE = re.compile(r"^ *([0-9a-f]+):\t", re.MULTILINE)
OURS = re.compile(r"(?:.*/)?(?<!tests/)((?:framework|handlers)/\S+\.[ch])$")

Line = collections.namedtuple("Line", "file function line")


def output(*command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


class Places:
    """Those of a program."""

    def __init__(self, program):
        self.program = program
        code = output("objdump", "-d", "--no-show-raw-insn", program)
        first = int(FIRST.search(output("readelf", "-lW", program))[1], 16)  # 0 unless its addresses are fixed
        ends = [int(line[1], 16) for line in LINE.finditer(code)]
        self.calls = {}  # from where a call returns to, counted from the program's first byte: its name
        jumps = set()
        for call in CALL.finditer(code):
            at = bisect.bisect(ends, int(call[1], 16))
            if plain(call[3]) in errors.ERRORS:
                self.calls[ends[at] - first] = plain(call[3])
                jumps |= {ends[at] - first} if call[2] in JUMPS else set()
        self.lines = dict(zip(self.calls, look_up(program, [at + first for at in self.calls])))
        lines = collections.defaultdict(set)
        for at, line in self.lines.items():
            lines[line.file, line.function, self.calls[at]].add(line.line)
        self.of = {at: name_of(line, self.calls[at], sorted(lines[line.file, line.function, self.calls[at]]))
                   for at, line in self.lines.items() if OURS.match(line.file)}
        # A call that is a function's last one returns to the caller's caller, so nobody knows where it was made.
        self.visible = {name for at, name in self.of.items() if at not in jumps}

    def name(self, address):
        """The name of a place, by the address to which its call returns; None where it is not of framework/ or handlers/."""
        return self.of.get(address)

    def where(self, address):
        """The place as compilers write it."""
        line = self.lines.get(address)
        return f"{line.file}:{line.line}" if line else f"{address:#x}"


def plain(symbol):
    """read for __read_chk, openat for __openat_2."""
    return re.sub(r"^__(\w+?)_(?:chk|2)$", r"\1", symbol)


def look_up(program, addresses):
    """The lines of the calls: the innermost function of ours, where some are inlined (the C library's checks are, too)."""
    text = "".join(f"{address - 1:#x}\n" for address in addresses)
    for frames in re.split(r"^0x[0-9a-f]+\n", output("addr2line", "-a", "-i", "-f", "-e", program, text=text),
                           flags=re.MULTILINE)[1:]:
        lines = frames.splitlines()
        found = [line_of(function, where) for function, where in zip(lines[::2], lines[1::2])]
        yield next((line for line in found if OURS.match(line.file)), found[0])


def line_of(function, where):
    file, _, number = where.split(" ")[0].rpartition(":")
    ours = OURS.match(file)
    return Line(ours[1] if ours else file, re.sub(r"\.(constprop|part|isra|cold|lto_priv)\b.*", "", function),
                int(number) if number.isdigit() else 0)


def name_of(line, call, lines):
    number = lines.index(line.line) + 1
    return f"{line.file} {line.function} {call}" + (f" {number}" if number > 1 else "")


@functools.lru_cache(None)
def of(program):
    return Places(program)


def built():
    found = glob.glob(os.path.join(programs.BUILD, "fault", "**"), recursive=True)
    return [of(path) for path in found if os.path.isfile(path)]


def there():
    """The places that there are in the programs of this build."""
    return {name for program in built() for name in program.of.values()}


def visible():
    """Those that can be seen to fail."""
    return {name for program in built() for name in program.visible}


def listed(path):
    with open(path, encoding="ascii") as file:
        return {line.rstrip("\n") for line in file if not line.startswith("#")}


def seen():
    """The places whose failure was seen: the list that `make faults` writes."""
    return listed(SEEN)


def unseen():
    """Those that no scene comes by, and why none can: "place  # reason"."""
    return dict((*line.split("  # ", 1), "")[:2] for line in listed(UNSEEN))


def write_seen(names):
    with open(SEEN, "w", encoding="ascii") as file:
        file.write("# SPDX-License-Identifier: MIT\n# Places whose failure was seen, and had no outcome that is not to be. Written by make faults.\n")
        file.write("".join(f"{name}\n" for name in sorted(names)))
    left = {name: reason for name, reason in unseen().items() if name not in names}
    with open(UNSEEN, "w", encoding="ascii") as file:
        file.write("# SPDX-License-Identifier: MIT\n# Places that no scene comes by, and why none can.\n"
                   "# This list is only to become shorter; make faults does that.\n")
        file.write("".join(f"{name}  # {left[name]}\n" if left[name] else f"{name}\n" for name in sorted(left)))
