# SPDX-License-Identifier: MIT
"""CPU time per request as bars, a group for each row of the table."""

import statistics

from plot import MARGIN, page, text
from report import column, microseconds

LABELS, BARS = 206, 400
BAR, STEP, GAP = 16, 23, 16
LONGEST = 4  # times the shortest: a longer bar is broken


def bar(y, rounds, scale, ours):
    """One bar with the range of its rounds, or one with a break where it would be far too long; and where it ends."""
    x, cpu = MARGIN + LABELS, column(rounds, "cpu_us")
    length = min(BARS, statistics.median(cpu) * scale)
    style = "ours" if ours else "other"
    parts = [f'<rect x="{x}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" class="{style}"/>']
    if max(cpu) * scale > BARS + 1:
        parts.append(f'<path class="break" d="M{x + BARS - 26} {y + BAR + 2} l8 -{BAR + 4}"/>')
        return parts, x + BARS
    low, high, middle = x + min(cpu) * scale, x + max(cpu) * scale, y + BAR // 2
    parts.append(f'<path class="range" d="M{low:.1f} {middle} H{high:.1f} M{low:.1f} {middle - 4} v8 '
                 f'M{high:.1f} {middle - 4} v8"/>')
    return parts, high


def group(row, y):
    """A row of the table: its title and its bars; the elements, and where the next one begins."""
    parts = [text(MARGIN, y + 18, row["title"], "row")]
    limit = LONGEST * min(row["cpu_us"].values())
    scale = BARS / max(max(column(rounds, "cpu_us")) for name, rounds in row["rounds"].items()
                       if row["cpu_us"][name] <= limit)
    y += 28
    for name, rounds in row["rounds"].items():
        ours = name in row["ours"]
        drawn, end = bar(y, rounds, scale, ours)
        value = microseconds(row["cpu_us"][name])
        parts += [text(MARGIN + LABELS - 10, y + 13, name, "" if ours else "quiet", "end"), *drawn,
                  text(end + 9, y + 13, value, "value")]
        if name in row["ratios"]:
            factor = 1 / row["ratios"][name]
            parts.append(text(end + 21 + 8 * len(value), y + 13, f"× {factor:.{2 if factor < 10 else 0}f}", "quiet"))
        y += STEP
    return parts, y + GAP


def cpu(results):
    parts, y = [], 82
    for row in results["rows"]:
        drawn, y = group(row, y)
        parts += drawn
    rounds = f"{results['rounds']} alternating rounds of {results['seconds']:g} s."
    return page("CPU time per request", "microseconds of the server's processor, user and system: shorter is better. "
                "Medians, ranges, and multiples of each first.", parts, y, results, [rounds, *results["notes"]])
