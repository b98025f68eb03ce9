# SPDX-License-Identifier: MIT
"""Programs that end at once, and say why, as nobody could do what they are asked for."""

from lives import REASON
from trial import LIMIT, right

# What httpserver is asked for, with which status it ends, and a part of what it says.
ENDS = {
    "option": (["--no-such-option"], 2, "httpserver --help shows what there is"),
    "value": (["--workers", "many"], 2, "--workers N is a number"),
    "type": (["--mime", "of-nothing"], 2, "--mime is EXT=TYPE"),
    "mixins": (["--mixin", "eventloop,preforking"], 2, "cannot make the server"),
    "directory": (["-d", "{directory}/nowhere"], 1, "cannot serve"),
    "log": (["--access-log", "{directory}/nowhere/log"], 1, "cannot write the access log"),
    "path": (["-b", "unix:{directory}/nowhere/socket"], 1, "cannot listen"),
    "no-socket": (["-b", "fd:0"], 1, "it is not an open stream socket"),
}
SAMPLES = {"class": ([], 2, "no class for this program is called NoServer")}
MISTAKES = {"mistake": ([], -6, "Forgetful has a base with options of its own, and does not say its table_size")}


def end(life):
    """As always, or with 1 and one line that says what has failed; where nothing can be said, with such a status."""
    _, status, reason = (ENDS | SAMPLES | MISTAKES)[life.exploration.composition]
    life.begin()
    life.server = life.subject.launch()
    with life.asking("an end"):
        ended = life.server.wait(LIMIT)
        log = life.server.log
        right((ended == status and reason in log) or (ended == 1 and REASON.fullmatch(log))
              or (ended in (status, 1) and life.is_mute()), f"status {ended}: {log}")
