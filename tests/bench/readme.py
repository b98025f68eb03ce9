# SPDX-License-Identifier: MIT
"""The results as the table in README.md, a line for each load."""

import itertools

from messages import MODES
from report import microseconds
from targets import number

HEAD = ["| load | ours | others (and the ratio of ours to theirs) | wanted |", "|---|--:|---|---|"]


def line(load, ours, others, wanted=()):
    """`others` are (name, figure) or (name, figure, ratio)."""
    beside = (" ".join([name, figure, *(f"({each:.2f})" for each in ratio)]) for name, figure, *ratio in others)
    return f"| {load} | {ours} | {'; '.join(beside)} | {'; '.join(map(limit, wanted))} |"


def limit(target):
    sign, value = ("≥", target["at_least"]) if "at_least" in target else ("≤", target["at_most"])
    whose = target["what"].removeprefix("CPU time of ") + " " if target["what"].startswith("CPU time of ") else ""
    of = f" of {target['of']}" if target["of"] and not whose else ""
    met = {True: "", False: ": missed", None: ": cannot be told"}[target["met"]]
    return f"{whose}{sign} {number(value).removesuffix('.00')}{of}{met}"


def cpu(row):
    ours, *others = row["cpu_us"]
    return [line(row["title"], microseconds(row["cpu_us"][ours]) + " µs",
                 [(name, microseconds(row["cpu_us"][name]), row["ratios"][name]) for name in others],
                 [target for target in row["targets"] if target["what"] != "p99"])]


def memory(summary):
    most = summary["connections"][-1]
    (_, ours), *others = ((name, f"{of['each'][most]:,.0f} B") for name, of in summary["servers"].items())
    return [line(f"{summary['title']}: {most:,}, of each", ours, others, summary["targets"][:1])]


def startup(summary):
    (_, ours), *others = summary["medians"].items()
    lines = []
    for target, title, key, unit, name in zip(summary["targets"], ("From exec to the first answer", "Resident then"),
                                              ("ms", "rss"), (1, 1 << 20), (" ms", " MiB")):
        lines.append(line(title, f"{ours[key] / unit:.1f}{name}",
                          [(other, f"{of[key] / unit:.1f}") for other, of in others],
                          [{**target, "at_most": target["at_most"] / unit}]))
    return lines


def latency(summary):
    """Where the server is missing that the targets name, there are points without a target."""
    lines = []
    for (count, point), target in itertools.zip_longest(summary["points"].items(), summary["targets"]):
        (_, ours), *others = point.items()
        lines.append(line(f"99th percentile of the latency, HTTP, 1 KiB, {count:,} connections",
                          microseconds(ours["p99_us"]) + " µs",
                          [(name, microseconds(of["p99_us"]), ours["p99_us"] / of["p99_us"]) for name, of in others],
                          [target] if target else ()))
    return lines


def greedy(summary):
    (_, ours), *others = summary["servers"].items()
    cases = [what for what in ours if what != "alone"]
    return [line(f"99th percentile of 32 connections when one more {what}: times that without it",
                 f"{ours[what]['p99_ratio']:.2f}", [(name, f"{of[what]['p99_ratio']:.2f}") for name, of in others],
                 [target]) for what, target in zip(cases, summary["targets"])]


def messages(summary):
    (mode, ours), *others = ((mode, f"{nanoseconds:,.0f} ns") for mode, nanoseconds in summary["medians"].items())
    beside = [(MODES[other], figure) for other, figure in others]
    return [line(f"{summary['title']}: {MODES[mode]}", ours, beside, summary["targets"][:1])]


KINDS = {"rows": cpu, "memory": memory, "startup": startup, "latency": latency, "greedy": greedy,
         "messages": messages}


def table(results):
    lines = (each for kind, draw in KINDS.items() for summary in results.get(kind, []) for each in draw(summary))
    return "\n".join([*HEAD, *lines]) + "\n"
