"""The results as a table for the terminal and as a plot."""

import statistics
import textwrap
from xml.sax.saxutils import escape

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
    met = "met" if target["met"] else "MISSED"
    return f"{target['ratio']:.2f} of {target['against']}, target {target['at_most']:.2f}: {met}"


def table(results):
    lines = [f"{'CPU microseconds per request':32}{'median':>9}{'range':>18}{'ratio':>8}"
             f"{'requests/s':>13}{'p50 us':>9}{'p99 us':>9}"]
    for row in results["rows"]:
        lines += ["", row["title"]]
        for name, rounds in row["rounds"].items():
            cpu = column(rounds, "cpu_us")
            spread = f"{microseconds(min(cpu))} .. {microseconds(max(cpu))}"
            ratio = f"{row['ratios'][name]:.2f}" if name in row["ratios"] else ""
            lines.append(f"  {name:30}{microseconds(row['cpu_us'][name]):>9}{spread:>18}{ratio:>8}"
                         f"{median(rounds, 'rate'):>13.0f}{median(rounds, 'p50_us'):>9.0f}"
                         f"{median(rounds, 'p99_us'):>9.0f}")
        lines += [f"  ! {remark}" for remark in remarks(row)]
    lines += ["", "ratio: the first server's median divided by this one's.",
              "!: shares of the servers' processor; others are processes and interrupts, the rest it was idle."]
    for note in results["notes"]:
        lines += textwrap.wrap(note, 100)
    targets = [(row, target) for row in results["rows"] for target in row["targets"]]
    if targets:
        lines += ["", "Targets"] + [f"  {row['title']}: {verdict(target)}" for row, target in targets]
    return "\n".join(lines)


# ---------------------------------------------------------------- the plot

WIDTH, MARGIN, LABELS, BARS = 880, 24, 206, 400
BAR, STEP, GAP = 16, 23, 16
LONGEST = 4  # times the shortest: a longer bar is broken
STYLE = """
  svg { background: #fff; font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
  text { fill: #1f2328 }
  .title { font-size: 19px; font-weight: 600 }
  .row { font-size: 14px; font-weight: 600 }
  .quiet, .note { fill: #59636e }
  .note { font-size: 12px }
  .value { font-weight: 600 }
  .ours { fill: #1a6fd4 }
  .other { fill: #b4bcc6 }
  .range { stroke: #1f2328; stroke-width: 1.5; opacity: .55 }
  .break { stroke: #fff; stroke-width: 3; fill: none }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117 }
    text { fill: #e6edf3 }
    .quiet, .note { fill: #9198a1 }
    .ours { fill: #4493f8 }
    .other { fill: #59636e }
    .range { stroke: #e6edf3 }
    .break { stroke: #0d1117 }
  }
"""


def text(x, y, content, style="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{style}" text-anchor="{anchor}">{escape(content)}</text>'


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


def svg(results):
    about = results["machine"]
    parts = [text(MARGIN, 40, "CPU time per request", "title"),
             text(MARGIN, 62, "microseconds of the server's processor, user and system: shorter is better. Medians, "
                  "ranges, and multiples of each first.", "quiet")]
    y = 82
    for row in results["rows"]:
        drawn, y = group(row, y)
        parts += drawn
    y += 12
    notes = [f"{about['processor']}, Linux {about['kernel']}, {results['date']}; {results['rounds']} alternating "
             f"rounds of {results['seconds']:g} s, server and load on a processor each."]
    for note in notes + results["notes"]:
        for line in textwrap.wrap(note, 124):
            parts.append(text(MARGIN, y, line, "note"))
            y += 17
    height = y + 6
    body = "\n".join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
            f'height="{height}" role="img">\n<title>CPU time per request</title>\n<style>{STYLE}</style>\n'
            f"{body}\n</svg>\n")
