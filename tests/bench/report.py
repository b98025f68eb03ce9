"""The results as tables for the terminal."""

import statistics
import textwrap

USED = 0.85  # of its processor: a server that was busy all the time


def column(rounds, key):
    return [each[key] for each in rounds]


def median(rounds, key):
    return statistics.median(column(rounds, key))


def microseconds(value):
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def remarks(row):
    """What a reader should know about the rounds of this row."""
    shares = [(name, median(rounds, "used"), median(rounds, "others")) for name, rounds in row["rounds"].items()]
    found = [f"{name} {used:.0%}, others {others:.0%}" for name, used, others in shares if used < USED]
    lost = [f"{name}: {sum(column(rounds, 'lost'))} datagrams lost" for name, rounds in row["rounds"].items()
            if any(column(rounds, "lost"))]
    return (["not busy all the time: " + "; ".join(found)] if found else []) + lost


def verdict(target):
    met = {True: "met", False: "MISSED", None: "cannot be told, others had a share of the processors"}[target["met"]]
    if "against" in target:
        return f"{target['ratio']:.2f} of {target['against']}, target {target['at_most']:.2f}: {met}"
    return f"{target['what']}: {number(target['value'])}, target {number(target['at_most'])}: {met}"


def number(value):
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def mebibytes(value):
    return f"{value / 2**20:.2f}"


def cpu(results):
    lines = [f"{'CPU microseconds per request':32}{'median':>9}{'range':>18}{'ratio':>8}"
             f"{'requests/s':>13}{'p50 us':>9}{'p99 us':>9}"]
    for row in results["rows"]:
        lines += ["", row["title"]]
        for name, rounds in row["rounds"].items():
            cpu_us = column(rounds, "cpu_us")
            spread = f"{microseconds(min(cpu_us))} .. {microseconds(max(cpu_us))}"
            ratio = f"{row['ratios'][name]:.2f}" if name in row["ratios"] else ""
            lines.append(f"  {name:30}{microseconds(row['cpu_us'][name]):>9}{spread:>18}{ratio:>8}"
                         f"{median(rounds, 'rate'):>13.0f}{median(rounds, 'p50_us'):>9.0f}"
                         f"{median(rounds, 'p99_us'):>9.0f}")
        lines += [f"  ! {remark}" for remark in remarks(row)]
    lines += ["", "ratio: the first server's median divided by this one's.",
              "!: shares of the servers' processor; others are processes and interrupts, the rest it was idle."]
    for note in results["notes"]:
        lines += textwrap.wrap(note, 100)
    return lines


KINDS = {}


def tables(results):
    blocks = [cpu(results)] if results["rows"] else []
    blocks += [draw(summary) for kind, draw in KINDS.items() for summary in results.get(kind, [])]
    summaries = [summary for kind in ("rows", *KINDS) for summary in results.get(kind, [])]
    targets = [f"  {summary['title']}: {verdict(target)}" for summary in summaries for target in summary["targets"]]
    if targets:
        blocks.append(["Targets", *targets])
    return "\n\n".join("\n".join(block) for block in blocks)
