# SPDX-License-Identifier: MIT
"""What is explored: programs, how they are started, under which compositions, and what is asked of them."""

import collections
import os
import resource

import mixins
import programs
import scenes_ends
import scenes_events
import scenes_files
import scenes_http
import scenes_live
import scenes_lives
import scenes_log
import scenes_messages
import scenes_probe
import scenes_rig
import scenes_samples
import scenes_tls
import scenes_upload
import scenes_websocket
import scenes_workers
from engine import Exploration
from lives import Lives
from subject import Subject

# `arguments` with {root}, the directory that `prepare` fills; a composition's own options come before them.
# What `inherits` a socket, of this family and type, is given it as {fd}; others print where they listen.
# `lacking`: places whose calls never work, as on a system that lacks something, and what they fail with.
Plan = collections.namedtuple("Plan", "name program arguments prepare compositions scenes inherits exploration lacking",
                              defaults=[None, Exploration, ()])

SETTINGS = {name: programs.as_settings(options) for name, options in mixins.MIXINS.items() if name != "sequential"}
TOGETHER = {name: settings for name, settings in SETTINGS.items() if name not in mixins.ONE_BY_ONE}

# Users with passwords, and one whose hash takes no time (of "two").
GUARD = ["--auth", "ann:one", "--auth-file", os.path.join(programs.TESTS, "fault", "users.txt")]
UPLOAD = ["--upload", "-d", "{root}"]
FILES = ["--compress", "all", "--access-log", "{root}/log", "-d", "{root}"]
THREE = ("threading", "forking", "eventloop")
LOOP = {"eventloop": mixins.MIXINS["eventloop"]}

# What kernels, file systems and sandboxes lack, where there is another way.
NO_PROC = ("handlers/upload/file.c http_upload_begin access", "ENOENT")
NO_LINKS = ("handlers/upload/link.c link_at linkat", "EPERM")
NO_RENAMEAT2 = ("handlers/upload/link.c rename_at renameat2", "EINVAL")
NO_LOCKS = [("handlers/upload/publish.c try_lock flock", "ENOLCK"), ("handlers/upload/file.c hold flock", "ENOLCK")]
NO_FALLOCATE = ("handlers/upload/file.c allocate fallocate", "EOPNOTSUPP")
NO_SENDFILE = ("framework/net/socket.c send_pieces sendfile", "EINVAL")
NO_OPENAT2 = ("handlers/files/open_beneath.c open_resolved syscall", "ENOSYS")
NO_DIGESTS = ("handlers/files/tag.c make_digests mmap", "ENOMEM")
NO_MODES = ("handlers/upload/file.c http_upload_give_mode fchmod", "EPERM")
PARTS_GO = ("handlers/upload/file.c open_retrying openat", "GONE")
NO_BIRTHS = ("handlers/log/owned.c birth_of statx", "ENOSYS")

NO_PIDFDS = ("framework/server/process.c open_pidfd syscall", "ENOSYS")

SLOW = ["write_timeout=400", "rate_window=20"]  # ms
# In a loop of the program's own: one stack, processes, several loops.
STEPPED = {name: arguments for name, arguments in scenes_rig.classes("TCPServer", "127.0.0.1:0").items()
           if name in ("sequential", "forking", "eventloop-2")}

PLANS = [
    Plan("httpserver", "httpserver", ["--upload", "--on-duplicate", "overwrite", "-d", "{root}", "0"], scenes_http.fill,
         mixins.MIXINS, scenes_http.SCENES),
    Plan("files", "httpserver", [*FILES, "--log-format", "json", "0"], scenes_files.fill,
         {name: mixins.MIXINS[name] for name in THREE}, scenes_files.SCENES),
    Plan("files-combined", "httpserver", [*FILES, "--log-format", "combined", "0"], scenes_files.fill, LOOP,
         [scenes_files.pages]),
    Plan("live", "httpserver", ["--live", "-d", "{root}", "0"], scenes_live.fill,
         {name: mixins.MIXINS[name] for name in ("threading", "eventloop", "preforking-eventloop")},
         [*scenes_live.SCENES, *scenes_live.TOGETHER]),
    Plan("old-kernel", "httpserver", [*FILES, "--log-format", "common", "0"], scenes_files.fill, LOOP,
         [scenes_files.links, scenes_files.tags, scenes_files.withheld],
         lacking=[NO_OPENAT2, NO_SENDFILE, NO_DIGESTS, NO_BIRTHS]),
    Plan("upload", "httpserver", [*UPLOAD, "0"], scenes_upload.fill, {name: mixins.MIXINS[name] for name in THREE},
         scenes_upload.SCENES),
    Plan("upload-log", "httpserver", [*UPLOAD, "--access-log", "{root}/log", "0"], scenes_upload.fill, LOOP,
         [scenes_upload.reserved]),
    Plan("rename", "httpserver", [*UPLOAD, "--on-duplicate", "rename", "0"], scenes_upload.fill, LOOP, [scenes_upload.renamed]),
    Plan("error", "httpserver", [*UPLOAD, "--on-duplicate", "error", "0"], scenes_upload.fill, LOOP, [scenes_upload.kept]),
    Plan("no-proc", "httpserver", [*UPLOAD, "0"], scenes_upload.fill, LOOP, scenes_upload.SCENES,
         lacking=[NO_PROC, *NO_LOCKS, NO_FALLOCATE]),
    Plan("no-renameat2", "httpserver", [*UPLOAD, "0"], scenes_upload.fill, LOOP, scenes_upload.STORING,
         lacking=[NO_PROC, NO_RENAMEAT2]),
    Plan("no-links", "httpserver", [*UPLOAD, "0"], scenes_upload.fill, LOOP, scenes_upload.STORING, lacking=[NO_LINKS]),
    Plan("no-names", "httpserver", [*UPLOAD, "0"], scenes_upload.fill, LOOP, scenes_upload.STORING,
         lacking=[NO_LINKS, NO_RENAMEAT2]),
    Plan("no-modes", "httpserver", [*UPLOAD, "0"], scenes_upload.fill, LOOP, [scenes_upload.alike], lacking=[NO_MODES]),
    Plan("parts-go", "httpserver", [*UPLOAD, "0"], scenes_upload.fill, LOOP, [scenes_upload.vanishing],
         lacking=[NO_PROC, PARTS_GO]),
    Plan("upload-much", "httpserver", [*UPLOAD, "0"], scenes_upload.fill, LOOP, [scenes_upload.much]),
    Plan("upload-one", "httpserver", [*UPLOAD, "--max-uploads", "1", "0"], scenes_upload.fill, LOOP,
         [scenes_upload.one_at_a_time]),
    Plan("follow", "httpserver", ["-d", "{root}", *5000 * ("--symlinks", "follow"), "0"], scenes_files.fill, LOOP,
         [scenes_files.followed]),
    Plan("unix", "httpserver", ["-b", "unix:{directory}/socket", "-d", "{root}"], scenes_http.fill, LOOP,
         [scenes_http.small, scenes_http.listing]),
    Plan("guarded", "httpserver", [*GUARD, "-d", "{root}", "0"], scenes_http.fill,
         {name: mixins.MIXINS[name] for name in ("threading", "eventloop")}, [scenes_http.guarded]),
    Plan("full", "httpserver", ["--upload", "--max-connections", "1", "-d", "{root}", "0"], scenes_http.fill,
         {name: mixins.MIXINS[name] for name in ("threading", "eventloop")}, [scenes_http.full]),
    Plan("tls", "httpserver", ["--tls-cert", "{root}/.cert", "--tls-key", "{root}/.key", "-d", "{root}", "0"],
         scenes_tls.fill, {name: mixins.MIXINS[name] for name in ("threading", "eventloop")}, scenes_tls.SCENES),
    Plan("probe", "tests/http/probe", ["directory={root}"], scenes_probe.fill, {name: SETTINGS[name] for name in THREE},
         scenes_probe.SCENES),
    Plan("rig", "tests/fault/rig", [], None, scenes_rig.classes("TCPServer", "127.0.0.1:0"), scenes_rig.STREAMS),
    Plan("rig", "tests/fault/rig", [], None, scenes_rig.classes("TCPServer", "127.0.0.1:0", mixins.ONE_BY_ONE),
         scenes_rig.TOGETHER),
    Plan("rig-unix", "tests/fault/rig", [], None, scenes_rig.classes("UnixStreamServer", "unix:{directory}/rig"),
         scenes_rig.STREAMS[:2]),
    Plan("rig-tcp", "tests/fault/rig", [], None,
         {name: [*scenes_rig.classes("TCPServer", "127.0.0.1:0")[name], *SLOW] for name in THREE},
         [scenes_rig.addresses, scenes_rig.alone, scenes_rig.slow_reader, scenes_rig.slow_writer]),
    Plan("rig-names", "tests/fault/rig", [], None,
         {name: scenes_rig.classes("TCPServer", "127.0.0.1:0")[name] for name in THREE}, [scenes_rig.names]),
    Plan("rig-names", "tests/fault/rig", [], None, {"eventloop": ["EventLoopTCPServer", "127.0.0.1:0"]},
         [scenes_rig.head_start]),
    Plan("rig-names", "tests/fault/rig", [], None, {"threading": ["ThreadingTCPServer", "127.0.0.1:0"]},
         [scenes_rig.head_start_alone]),
    Plan("rig-urgent", "tests/fault/rig", [], None, {"eventloop": ["EventLoopTCPServer", "127.0.0.1:0"]},
         [scenes_rig.urgent]),
    Plan("rig-raw", "tests/fault/rig", ["raw=1"], None, scenes_rig.classes("TCPServer", "127.0.0.1:0"), [scenes_rig.raw]),
    Plan("rig-steps", "tests/fault/rig", ["steps=1"], None, STEPPED, [scenes_rig.waiting, scenes_rig.messages]),
    Plan("rig-crowded", "tests/fault/rig", [f"max_requests={scenes_rig.CROWD}"], None,
         scenes_rig.classes("TCPServer", "127.0.0.1:0", mixins.ONE_BY_ONE), [scenes_rig.crowded]),
    Plan("rig-no-pidfds", "tests/fault/rig", [], None, {"forking": ["ForkingTCPServer", "127.0.0.1:0"]},
         [scenes_rig.hello, scenes_rig.killed], lacking=[NO_PIDFDS]),
    Plan("rig-killed", "tests/fault/rig", [], None, {"forking": ["ForkingTCPServer", "127.0.0.1:0"]}, [scenes_rig.killed]),
    Plan("rig-killed", "tests/fault/rig", ["workers=2"], None, {"preforking": ["PreforkingTCPServer", "127.0.0.1:0"]},
         [scenes_rig.killed_waiting]),
    Plan("rig-peer", "tests/fault/rig", [], None, scenes_rig.classes("UnixStreamServer", "unix:{directory}/rig"),
         [scenes_rig.peer]),
    Plan("rig-spawn", "tests/fault/rig", [], None, scenes_rig.classes("TCPServer", "127.0.0.1:0"), [scenes_rig.spawns]),
    Plan("rig-options", "tests/fault/rig", ["options=1"], None, {"threading": ["ThreadingTCPServer", "127.0.0.1:0"]},
         [scenes_rig.options]),
    Plan("rig-options-unix", "tests/fault/rig", ["options=1"], None,
         {"threading": ["ThreadingUnixStreamServer", "unix:{directory}/rig"]}, [scenes_rig.who]),
    Plan("rig-groups", "tests/fault/rig", ["options=1"], None, {"eventloop": ["EventLoopUDPServer", "127.0.0.1:0"]},
         [scenes_rig.groups]),
    Plan("rig-udp", "tests/fault/rig", [], None, scenes_rig.classes("UDPServer", "127.0.0.1:0"), scenes_rig.DATAGRAMS),
    Plan("rig-udp-all", "tests/fault/rig", [], None, scenes_rig.classes("UDPServer", "0.0.0.0:0", mixins.ONE_BY_ONE),
         scenes_rig.DATAGRAMS[:1]),
    Plan("rig-udp-all6", "tests/fault/rig", [], None, {"eventloop": ["EventLoopUDPServer", ":0"]}, scenes_rig.DATAGRAMS[:1]),
    Plan("rig-datagrams", "tests/fault/rig", [], None, scenes_rig.classes("UnixDatagramServer", "unix:{directory}/rig"),
         scenes_rig.DATAGRAMS),
    Plan("messages", "tests/http/messages", [], None, SETTINGS, scenes_messages.MESSAGES),
    Plan("messages", "tests/http/messages", [], None, TOGETHER, scenes_messages.MESSAGES_TOGETHER),
    Plan("upgrade", "tests/http/upgrade", [], None, SETTINGS, scenes_messages.UPGRADES),
    Plan("upgrade", "tests/http/upgrade", [], None, TOGETHER, scenes_messages.UPGRADES_TOGETHER),
    Plan("websockets", "tests/http/websockets", [], None, SETTINGS, scenes_websocket.SCENES),
    Plan("websockets", "tests/http/websockets", [], None, TOGETHER, scenes_websocket.TOGETHER),
    Plan("websockets", "tests/http/websockets", [], None, {name: SETTINGS[name] for name in ("threading", "eventloop")},
         scenes_websocket.IDLE),
    Plan("ws_client", "tests/http/ws_client", [], None, TOGETHER, scenes_websocket.CLIENT),
    Plan("events", "tests/http/events", [], None, SETTINGS, scenes_events.EVENTS),
    Plan("events", "tests/http/events", [], None, TOGETHER, scenes_events.EVENTS_TOGETHER),
    Plan("events", "tests/http/events", [], None, {"eventloop": SETTINGS["eventloop"]}, scenes_events.EVENTS_OF_A_LOOP),
    Plan("polls", "tests/http/polls", [], None, SETTINGS, scenes_events.POLLS),
    Plan("polls", "tests/http/polls", [], None, TOGETHER, scenes_events.POLLS_TOGETHER),
    Plan("echo", "samples/echo", [], None, scenes_rig.samples("TCPServer"), [scenes_samples.echo], scenes_samples.TCP),
    Plan("echo-unix", "samples/echo", [], None, scenes_rig.samples("UnixStreamServer"), [scenes_samples.echo],
         scenes_samples.UNIX),
    Plan("explained", "samples/echo", ["--explain", "--stats"], None, scenes_rig.samples("TCPServer"), [scenes_samples.echo],
         scenes_samples.TCP),
    Plan("echo-udp", "samples/echo", [], None, scenes_rig.samples("UDPServer"), [scenes_samples.echo_datagrams],
         scenes_samples.UDP),
    Plan("chatroom", "samples/chatroom", [], None, scenes_rig.samples("TCPServer", mixins.ONE_BY_ONE),
         [scenes_samples.chat], scenes_samples.TCP),
    Plan("counter", "samples/counter", ["{fd}"], None, {"eventloop": []}, [scenes_samples.count], scenes_samples.TCP),
    Plan("local_only", "samples/local_only", ["{fd}"], None, {"threading": []}, [scenes_samples.hello], scenes_samples.TCP),
    Plan("daytime", "samples/daytime", ["{fd}"], None, {"threading": []}, [scenes_samples.daytime], scenes_samples.TCP),
]

WORKERS = ["--workers", str(scenes_workers.WORKERS)]
TWO = {name: mixins.MIXINS[name] for name in ("eventloop-2", "preforking")}  # with a second thread, or process

PLANS += [
    Plan("workers", "httpserver", ["-d", "{root}", "0"], scenes_http.fill,
         {name: ["--mixin", name, *WORKERS] for name in ("preforking", "preforking,eventloop", "preforking,threading")},
         [scenes_workers.killed_worker]),
    Plan("children", "httpserver", ["-d", "{root}", "0"], scenes_http.fill, {"forking": mixins.MIXINS["forking"]},
         [scenes_workers.killed_request]),
]


def lives(name, program, arguments, compositions, *scenes, prepare=None, inherits=None):
    return Plan(name, program, arguments, prepare, compositions, scenes, inherits, Lives)


def serves(name, arguments, compositions, *scenes, inherits=None):
    """A program that starts and ends, and serves files."""
    return lives(name, "httpserver", [*arguments, "-d", "{root}"], compositions, *scenes, prepare=scenes_http.fill,
                 inherits=inherits)


PLANS += [
    serves("starts", ["-p0", "--upload", "--access-log", "{directory}/log", "--mime", "x=a/b"], mixins.MIXINS,
           scenes_lives.start),
    serves("starts-limited", ["-p0", "--max-rate", "100", "-b", "127.0.0.1"], LOOP, scenes_lives.start),
    serves("starts-guarded", ["-p0", *GUARD, "--auth", "eve:two", "--allow", "user:root", "--allow", "127.0.0.1"], LOOP,
           scenes_lives.start_guarded),
    serves("starts-live", ["-p0", "--live"], LOOP, scenes_lives.start),
    serves("starts-again", ["-p0", "--upload", "--access-log", "log"], LOOP, scenes_lives.start_after_kill),
    lives("starts-in-proc", "httpserver", ["-p0", "--upload", "-d", "/proc/sys"], LOOP, scenes_lives.start_in_proc),
    lives("starts-delegate", "tests/http/delegate", ["directory={root}"], {"eventloop": []}, scenes_lives.start_delegate),
    serves("starts-unix", ["-b", "unix:{directory}/socket"], TWO, scenes_lives.start, scenes_lives.start_stale),
    serves("starts-name", ["-p0", "-b", "localhost"], TWO, scenes_lives.start),
    serves("starts-all", ["-p0", "-b", "::"], TWO, scenes_lives.start),
    serves("starts-fd", ["-b", "{fd}"], TWO, scenes_lives.start, inherits=scenes_samples.TCP),
    serves("starts-unix-locked", ["-b", "unix:{directory}/socket"], LOOP, scenes_lives.start_locked),
    serves("starts-in-vain", ["-b", "fd:2"], LOOP, scenes_lives.start_in_vain),
    serves("reopens", ["-p0", "--access-log", "{directory}/log"], mixins.MIXINS, scenes_lives.reopen_log),
    serves("stops", ["-p0", "--upload", "--on-duplicate", "overwrite", "--access-log", "log"], mixins.MIXINS,
           *scenes_lives.STOPS),
    serves("stops-live", ["-p0", "--live"], LOOP, scenes_lives.stop_idle, scenes_lives.stop_download),
    *(serves("logs", ["-p0", "--access-log", log], LOOP, scene) for log, scene in scenes_log.SCENES.items()),
    serves("uses-first", ["-p0", "--access-log", "log"], {name: mixins.MIXINS[name] for name in ("eventloop", "forking")},
           scenes_lives.use_first),
    serves("locked", ["-p0", "--upload"], LOOP, scenes_lives.store_locked),
    lives("ends", "httpserver", [], {name: arguments for name, (arguments, *_) in scenes_ends.ENDS.items()}, scenes_ends.end),
    lives("ends", "samples/echo", [], {"class": ["localhost:0", "NoServer"]}, scenes_ends.end),
    lives("ends", "tests/fault/mistake", [], {"mistake": []}, scenes_ends.end),
    lives("starts-echo", "samples/echo", [], scenes_lives.classes("TCPServer", "localhost:0"), scenes_lives.start_echo),
    lives("starts-echo-udp", "samples/echo", [], scenes_lives.classes("UDPServer", "localhost:0"), scenes_lives.start_echo),
    lives("starts-echo-unix", "samples/echo", [], scenes_lives.classes("UnixStreamServer", "unix:{directory}/echo", TWO),
          scenes_lives.start_echo),
    lives("starts-echo-datagrams", "samples/echo", [],
          scenes_lives.classes("UnixDatagramServer", "unix:{directory}/echo", TWO), scenes_lives.start_echo),
    lives("starts-echo-udp-all", "samples/echo", [], scenes_lives.classes("UDPServer", "0.0.0.0:0", TWO),
          scenes_lives.start_echo),
    lives("starts-echo-udp-all6", "samples/echo", [], scenes_lives.classes("UDPServer", ":0", TWO), scenes_lives.start_echo),
    lives("starts-confined", "tests/framework/confined", ["read=/dev", "connect=1", "reuse=1"],
          {"eventloop": ["EventLoopTCPServer", "127.0.0.1:0"], "unix": ["PreforkingUnixStreamServer", "unix:{directory}/confined"]},
          scenes_lives.start_confined),
    lives("starts-rig-mode", "tests/fault/rig", ["mode=0700"], scenes_rig.classes("UnixStreamServer", "unix:{directory}/rig"),
          scenes_lives.start_rig),
    lives("starts-rig-options", "tests/fault/rig", ["options=1"], {"eventloop": ["EventLoopUDPServer", "127.0.0.1:0"]},
          scenes_lives.start_datagrams),
    lives("starts-rig-options-tcp", "tests/fault/rig", ["options=1"], {"threading": ["ThreadingTCPServer", "127.0.0.1:0"]},
          scenes_lives.start_rig),
    lives("starts-rig-abstract", "tests/fault/rig", [], {"eventloop": ["EventLoopUnixStreamServer", "unix:@{directory}"]},
          scenes_lives.start_rig),
    lives("starts-rig-reuse", "tests/fault/rig", ["workers=2", "reuse_port=1"],
          {"eventloop-2": ["EventLoopTCPServer", "127.0.0.1:0"]}, scenes_lives.start_rig),
    serves("stops-fd", ["-b", "{fd}"], {**TWO, "eventloop": mixins.MIXINS["eventloop"]}, scenes_lives.stop_idle,
           inherits=scenes_samples.TCP),
    serves("stops-unix", ["-b", "unix:{directory}/socket"], TWO, scenes_lives.stop_idle),
    lives("stops-explained", "samples/echo", ["--explain=json", "--stats"], scenes_lives.classes("TCPServer", "localhost:0", TWO),
          scenes_lives.stop_echo),
    lives("stops-rig", "tests/fault/rig", [], scenes_rig.classes("TCPServer", "127.0.0.1:0"), scenes_lives.stop_used),
    lives("starts-rig-steps", "tests/fault/rig", ["steps=1"], STEPPED, scenes_lives.start_rig),
    lives("stops-rig-steps", "tests/fault/rig", ["steps=1"], STEPPED, scenes_lives.stop_used),
    lives("starts-rig-test", "tests/fault/rig", ["test=1"], {"sequential": ["TCPServer", "127.0.0.1:0"]},
          scenes_lives.start_rig),
    lives("stops-rig-at-once", "tests/fault/rig", [], {"forking": ["ForkingTCPServer", "127.0.0.1:0"]},
          scenes_lives.stop_at_once),
    lives("uses-crowd", "tests/fault/rig_crowd", [], {"eventloop": ["EventLoopTCPServer", "127.0.0.1:0"]},
          scenes_lives.use_two),
    lives("uses-waits", "tests/fault/rig", [], {"threading": ["ThreadingTCPServer", "127.0.0.1:0"]}, scenes_lives.use_waits),
    lives("starts-mistaken", "tests/fault/rig", [], {"circle": ["Circle", "127.0.0.1:0"]}, scenes_lives.start_mistaken),
    lives("uses", "tests/fault/rig", [], scenes_rig.classes("TCPServer", "127.0.0.1:0"), scenes_lives.use_all),
    lives("stops-websockets", "tests/http/websockets", [], TOGETHER, scenes_websocket.stop_websockets),
    lives("starts-chat", "samples/chatroom", [], scenes_lives.classes("TCPServer", "localhost:0"), scenes_lives.start_chat),
    lives("stops-chat", "samples/chatroom", [], scenes_lives.classes("UnixStreamServer", "unix:{directory}/chat", TOGETHER),
          scenes_lives.stop_chat),
]

# A scene under a composition.
Task = collections.namedtuple("Task", "plan composition scene")


def tasks():
    return [Task(plan, name, scene) for plan in PLANS for name in plan.compositions for scene in plan.scenes]


def name_of(task):
    return f"{task.plan.name}-{task.composition}-{task.scene.__name__}"


def explore(task, directory, choose):
    """The results of those cases of a task that choose() takes, and the names of the places that have failed."""
    plan = task.plan
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 1, hard))  # so that a server has a limit to raise
    subject = Subject(plan.program, [*plan.compositions[task.composition], *plan.arguments], directory, plan.prepare,
                      inherits=plan.inherits, lacking=plan.lacking)
    results = []
    try:
        exploration = plan.exploration(subject, task.composition, task.scene)
        for cases in exploration.rehearse(), exploration.further:  # of which there are some when the others have run
            results += [result for case in choose(cases) if (result := exploration.run(case))]
        results += exploration.end()
    finally:
        subject.kill()
    return results, exploration.seen
