# SPDX-License-Identifier: MIT
"""What is explored: programs, how they are started, under which compositions, and what is asked of them."""

import collections

import conftest
import programs
import scenes_http
import scenes_messages
import scenes_rig
import scenes_samples
from engine import Exploration, Subject

# `arguments` with {root}, the directory that `prepare` fills; a composition's own options come before them.
# What `inherits` a socket, of this family and type, is given it as {fd}; others print where they listen.
Plan = collections.namedtuple("Plan", "name program arguments prepare compositions scenes inherits", defaults=[None])

SETTINGS = {name: programs.as_settings(options) for name, options in conftest.MIXINS.items() if name != "sequential"}
TOGETHER = {name: settings for name, settings in SETTINGS.items() if name not in conftest.ONE_BY_ONE}

PLANS = [
    Plan("httpserver", "httpserver", ["--upload", "--on-duplicate", "overwrite", "-d", "{root}", "0"], scenes_http.fill,
         conftest.MIXINS, scenes_http.SCENES),
    Plan("rig", "tests/fault/rig", [], None, scenes_rig.classes("TCPServer", "127.0.0.1:0"), scenes_rig.STREAMS),
    Plan("rig", "tests/fault/rig", [], None, scenes_rig.classes("TCPServer", "127.0.0.1:0", conftest.ONE_BY_ONE),
         scenes_rig.TOGETHER),
    Plan("rig-unix", "tests/fault/rig", [], None, scenes_rig.classes("UnixStreamServer", "unix:{directory}/rig"),
         scenes_rig.STREAMS[:2]),
    Plan("rig-udp", "tests/fault/rig", [], None, scenes_rig.classes("UDPServer", "127.0.0.1:0"), scenes_rig.DATAGRAMS),
    Plan("rig-datagrams", "tests/fault/rig", [], None, scenes_rig.classes("UnixDatagramServer", "unix:{directory}/rig"),
         scenes_rig.DATAGRAMS),
    Plan("messages", "tests/http/messages", [], None, SETTINGS, scenes_messages.MESSAGES),
    Plan("messages", "tests/http/messages", [], None, TOGETHER, scenes_messages.MESSAGES_TOGETHER),
    Plan("upgrade", "tests/http/upgrade", [], None, SETTINGS, scenes_messages.UPGRADES),
    Plan("upgrade", "tests/http/upgrade", [], None, TOGETHER, scenes_messages.UPGRADES_TOGETHER),
    Plan("echo", "samples/echo", [], None, scenes_rig.samples("TCPServer"), [scenes_samples.echo], scenes_samples.TCP),
    Plan("echo-unix", "samples/echo", [], None, scenes_rig.samples("UnixStreamServer"), [scenes_samples.echo],
         scenes_samples.UNIX),
    Plan("echo-udp", "samples/echo", [], None, scenes_rig.samples("UDPServer"), [scenes_samples.echo_datagrams],
         scenes_samples.UDP),
    Plan("chatroom", "samples/chatroom", [], None, scenes_rig.samples("TCPServer", conftest.ONE_BY_ONE),
         [scenes_samples.chat], scenes_samples.TCP),
    Plan("counter", "samples/counter", ["{fd}"], None, {"eventloop": []}, [scenes_samples.count], scenes_samples.TCP),
    Plan("local_only", "samples/local_only", ["{fd}"], None, {"threading": []}, [scenes_samples.hello], scenes_samples.TCP),
    Plan("daytime", "samples/daytime", ["{fd}"], None, {"threading": []}, [scenes_samples.daytime], scenes_samples.TCP),
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
    subject = Subject(plan.program, [*plan.compositions[task.composition], *plan.arguments], directory, plan.prepare,
                      inherits=plan.inherits)
    try:
        subject.start()
        exploration = Exploration(subject, task.composition, task.scene)
        results = [result for case in choose(exploration.rehearse()) if (result := exploration.run(case))]
        results += exploration.end()
    finally:
        subject.kill()
    return results, exploration.seen
