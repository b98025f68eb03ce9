# SPDX-License-Identifier: MIT
"""The results as tables for the terminal."""

import statistics
import textwrap

import machine
from cpu import medians
from messages import MODES
from targets import OTHERS, every, verdict

USED = 0.85  # of its processor: a server that was busy all the time


def column(rounds, key):
    return [each[key] for each in rounds]


def median(rounds, key):
    return statistics.median(column(rounds, key))


def microseconds(value):
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def remarks(row):
    """What a reader should know about the rounds of this row."""
    shares = [(name, median(rounds, "used"), median(rounds, "others")) for name, rounds in row["rounds"].items()]
    found = [f"{name} {used:.0%}, others {others:.0%}" for name, used, others in shares if used < USED]
    lost = [f"{name}: {sum(column(rounds, 'lost'))} datagrams lost" for name, rounds in row["rounds"].items()
            if any(column(rounds, "lost"))]
    return (["not busy all the time: " + "; ".join(found)] if found else []) + lost


def mebibytes(value):
    return f"{value / 2**20:.2f}"


def cpu(results):
    lines = [f"{'CPU microseconds per request':32}{'median':>9}{'range':>18}{'ratio':>8}"
             f"{'requests/s':>13}{'p50 us':>9}{'p99 us':>9}"]
    for row in results["rows"]:
        lines += ["", row["title"]]
        for name, rounds in row["rounds"].items():
            cpu_us, of = column(rounds, "cpu_us"), medians(rounds)
            spread = f"{microseconds(min(cpu_us))} .. {microseconds(max(cpu_us))}"
            ratio = f"{row['ratios'][name]:.2f}" if name in row["ratios"] else ""
            lines.append(f"  {name:30}{microseconds(row['cpu_us'][name]):>9}{spread:>18}{ratio:>8}"
                         f"{of['rate']:>13.0f}{of['p50_us']:>9.0f}{of['p99_us']:>9.0f}")
        lines += [f"  ! {remark}" for remark in remarks(row)]
    lines += ["", "ratio: the first server's median divided by this one's.",
              "!: shares of the servers' processor; others are processes and interrupts, the rest it was idle."]
    for note in results["notes"]:
        lines += textwrap.wrap(note, 100)
    return lines


def memory(summary):
    counts = summary["connections"]
    lines = [summary["title"], f"{'':32}{'MiB with none':>15}"
             + "".join(f"{f'{count:,}':>15}" for count in counts) + "  bytes each (PSS)"]
    for name, of in summary["servers"].items():
        lines.append(f"  {name:30}{mebibytes(of['pss'][0]):>15}"
                     + "".join(f"{of['each'][count]:>15,.0f}" for count in counts))
    return lines


def startup(summary):
    lines = [summary["title"], f"{'':32}{'ms':>9}{'range':>20}{'PSS MiB':>10}{'RSS MiB':>10}"]
    for name, of in summary["medians"].items():
        ms = column(summary["starts"][name], "ms")
        lines.append(f"  {name:30}{of['ms']:>9.1f}{f'{min(ms):.1f} .. {max(ms):.1f}':>20}"
                     f"{mebibytes(of['pss']):>10}{mebibytes(of['rss']):>10}")
    return lines


def disturbed(cases):
    """Whether a reader should believe latencies."""
    most = max(of["others"] for of in cases)
    return [f"  ! others took up to {most:.0%} of a processor: do not read the p99s"] if most > OTHERS else []


def latency(summary):
    lines = [summary["title"], f"{'':32}{'connections':>12}{'requests/s':>13}{'p50 us':>10}{'p99 us':>10}"]
    for count, point in summary["points"].items():
        lines += [f"  {name:30}{count:>12}{of['rate']:>13.0f}{of['p50_us']:>10.0f}{of['p99_us']:>10.0f}"
                  for name, of in point.items()]
    return lines + disturbed(of for point in summary["points"].values() for of in point.values())


def greedy(summary):
    lines = [summary["title"], f"{'the 32, when the other':45}{'requests/s':>13}{'p50 us':>9}{'ratio':>7}{'p99 us':>9}"
             f"{'ratio':>7}{'its MiB/s':>11}"]
    for name, cases in summary["servers"].items():
        lines.append("  " + name)
        for what, of in cases.items():
            what = "is not there" if what == "alone" else what
            lines.append(f"    {what:41}{of['rate']:>13.0f}{of['p50_us']:>9.0f}{of['p50_ratio']:>7.2f}"
                         f"{of['p99_us']:>9.0f}{of['p99_ratio']:>7.2f}{of['greedy_rate'] / 2**20:>11.1f}")
    return lines + disturbed(of for cases in summary["servers"].values() for of in cases.values())


def messages(summary):
    lines = [summary["title"], f"{'':45}{'ns':>9}{'range':>20}"]
    for mode, each in summary["rounds"].items():
        lines.append(f"  {MODES[mode]:43}{summary['medians'][mode]:>9.0f}{f'{min(each):.0f} .. {max(each):.0f}':>20}")
    return lines


KINDS = {"memory": memory, "startup": startup, "latency": latency, "greedy": greedy, "messages": messages}


def tables(results):
    blocks = [[f"{machine.in_words(results['machine'])}, {results['date']}"]]
    blocks += [cpu(results)] if results["rows"] else []
    blocks += [draw(summary) for kind, draw in KINDS.items() for summary in results.get(kind, [])]
    wanted = list(every({kind: results.get(kind, []) for kind in ("rows", *KINDS)}))
    if wanted:
        met = sum(target["met"] is True for _, target in wanted)
        blocks.append([f"Targets: {met} of {len(wanted)} are met",
                       *(f"  {title}: {verdict(target)}" for title, target in wanted)])
    return "\n\n".join("\n".join(block) for block in blocks)
