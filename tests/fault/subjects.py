# SPDX-License-Identifier: MIT
"""What is explored: programs, how they are started, under which compositions, and what is asked of them."""

import collections

import conftest
import scenes_http
from engine import Exploration, Subject

# `arguments` with {root}, the directory that `prepare` fills; a composition's own options come before them.
Plan = collections.namedtuple("Plan", "name program arguments prepare compositions scenes")

PLANS = [
    Plan("httpserver", "httpserver", ["--upload", "--on-duplicate", "overwrite", "-d", "{root}", "0"], scenes_http.fill,
         conftest.MIXINS, scenes_http.SCENES),
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
    subject = Subject(plan.program, [*plan.compositions[task.composition], *plan.arguments], directory, plan.prepare)
    try:
        subject.start()
        exploration = Exploration(subject, task.composition, task.scene)
        results = [result for case in choose(exploration.rehearse()) if (result := exploration.run(case))]
        results += exploration.end()
    finally:
        subject.kill()
    return results, exploration.seen
