# SPDX-License-Identifier: MIT
"""What is wanted of the figures, and whether it is so.

A target is part of a summary, and of the JSON file: {"what", "of", "value", "at_most" or "at_least", "met"}. `of` is
the server whose figure the value is a ratio to, if it is one. `met` is None when it cannot be told: latencies, where
somebody else had a share of the processors."""

OTHERS = 0.03  # of a processor: more than that, taken by others, can be all of a 99th percentile


def at_most(what, value, limit, of=None, quiet=True):
    return {"what": what, "of": of, "value": value, "at_most": limit, "met": value <= limit if quiet else None}


def at_least(what, value, limit, of=None):
    return {"what": what, "of": of, "value": value, "at_least": limit, "met": value >= limit}


def disturbance(measured):
    """The share of a processor that others had in a round, of the server's or of the load generator's: the larger."""
    return max(measured["others"], 1 - measured["generator"])


def p99(what, value, limit, disturbances, of=None):
    """A ratio of 99th percentiles, measured under these disturbances."""
    return at_most(what, value, limit, of, quiet=max(disturbances) <= OTHERS)


def every(results):
    """(title, target) of all summaries, in their order."""
    for summaries in results.values():
        for summary in summaries:
            for target in summary["targets"]:
                yield summary["title"], target


def number(value):
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def verdict(target):
    met = {True: "met", False: "MISSED", None: "cannot be told, others had a share of the processors"}[target["met"]]
    limit = f"at least {number(target['at_least'])}" if "at_least" in target else number(target["at_most"])
    of = f" to that of {target['of']}" if target["of"] else ""
    return f"{target['what']}{of}: {number(target['value'])}, target {limit}: {met}"
