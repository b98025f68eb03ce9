# SPDX-License-Identifier: MIT
"""The memory that the programs under test share with the tests: which calls fail, and which have been made (fault.h has
the same layout)."""

import collections
import mmap
import os
import struct

RULES, NAMES, NAME, EVENTS = 8, 256, 32, 1 << 16
HEADER, RULE, EVENT = struct.Struct("=QQQ"), struct.Struct("=iiQQQQ"), struct.Struct("=Qiiiiq")
RULES_AT = HEADER.size + NAMES * NAME
EVENTS_AT = RULES_AT + RULES * RULE.size
SIZE = EVENTS_AT + EVENTS * EVENT.size
SHORT = -1  # in the place of an errno: a part of what a call is asked for
GONE = -2  # somebody has removed the file that was opened
ALWAYS = 1 << 62

# error: 0 where the call has not failed; time: ms, of a clock that nobody sets
Event = collections.namedtuple("Event", "place call error pid thread time")


class State:
    def __init__(self, path):
        self.path = os.fspath(path)
        with open(self.path, "wb+") as file:
            file.truncate(SIZE)
            self.memory = mmap.mmap(file.fileno(), SIZE)
        for slot in range(RULES):
            self.clear(slot)

    @property
    def names(self):
        """The calls' names by their number, once a program has started with this state."""
        count = HEADER.unpack_from(self.memory)[2]
        starts = (HEADER.size + i * NAME for i in range(count))
        names = (self.memory[start:start + NAME] for start in starts)  # a slice copies
        return [name.rstrip(b"\0").decode() for name in names]

    def calls(self, name):
        """The numbers of all functions with this name: read and its checked form are one call."""
        return [number for number, known in enumerate(self.names) if known == name]

    def fail(self, call, error, first=1, count=1, place=0, slot=0):
        """From the first-th call on that is made from now on, `count` of them fail. A name may stand for several functions,
        (read and its checked form): then for those of the number given."""
        self.clear(slot)
        at = RULES_AT + slot * RULE.size
        RULE.pack_into(self.memory, at, -1, error, place, 0, first, count)
        struct.pack_into("=i", self.memory, at, call)

    def clear(self, slot=0):
        struct.pack_into("=i", self.memory, RULES_AT + slot * RULE.size, -1)

    def seen(self, slot=0):
        """How many calls the rule was for by now."""
        return RULE.unpack_from(self.memory, RULES_AT + slot * RULE.size)[3]

    def record(self, on=True):
        """From now on all calls are events, or only those that fail."""
        struct.pack_into("=Q", self.memory, 0, int(on))

    def forget(self):
        """All events until now."""
        struct.pack_into("=Q", self.memory, 8, 0)

    def events(self):
        """What has been written down since forget()."""
        count = min(HEADER.unpack_from(self.memory)[1], EVENTS)
        for i in range(count):
            event = Event(*EVENT.unpack_from(self.memory, EVENTS_AT + i * EVENT.size))
            if event.place:
                yield event

    @property
    def overflowed(self):
        return HEADER.unpack_from(self.memory)[1] > EVENTS
