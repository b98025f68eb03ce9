# SPDX-License-Identifier: MIT
"""What grows with the number of connections, as lines on logarithmic scales."""

import dataclasses
import math

from plot import MARGIN, page, text

LEFT, RIGHT, TOP, BOTTOM = MARGIN + 62, 590, 92, 412  # the plot; beside it the names of the lines
LINE = 17  # of text
STYLES = {"httpserver": "line-1", "httpserver, thread pool of 4": "line-2", "nginx": "line-3", "lighttpd": "line-4",
          "h2o": "line-5"}


@dataclasses.dataclass(frozen=True)
class Line:
    label: str
    style: str
    points: list  # of (x, y)


def scale(values, start, end):
    """A function from a value to its place, for values as these."""
    low, high = math.log(min(values)), math.log(max(values))
    span = high - low or 1.0
    return lambda value: start + (math.log(value) - low) / span * (end - start)


def ticks(low, high):
    """1, 2, 5, 10, ... from the last one not above `low` to the first not below `high`; not all when it is far."""
    steps = (1, 2, 5) if high / low < 200 else (1,)
    every = [step * 10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
             for step in steps]
    first = max((i for i, tick in enumerate(every) if tick <= low), default=0)
    last = min((i for i, tick in enumerate(every) if tick >= high), default=len(every) - 1)
    return every[first:last + 1]


def spread(places):
    """Places for labels, in the order given, none on another."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    spaced = {}
    below = -math.inf
    for i in order:
        below = spaced[i] = max(places[i], below + LINE)
    over = max(0.0, below - BOTTOM)
    return [spaced[i] - over for i in range(len(places))]


def axes(xs, levels, x_of, y_of, unit):
    parts = []
    for level in levels:
        y = y_of(level)
        parts += [f'<path class="grid" d="M{LEFT} {y:.1f} H{RIGHT}"/>',
                  text(LEFT - 10, y + 4, unit(level), "quiet", "end")]
    for x in xs:
        parts += [f'<path class="grid" d="M{x_of(x):.1f} {TOP} V{BOTTOM}"/>',
                  text(x_of(x), BOTTOM + 20, f"{x:,}", "quiet", "middle")]
    return parts + [text((LEFT + RIGHT) / 2, BOTTOM + 40, "connections", "quiet", "middle")]


def draw(lines, unit):
    """The elements of a plot, and where it ends."""
    xs = sorted({x for line in lines for x, _ in line.points})
    ys = [y for line in lines for _, y in line.points]
    levels = ticks(min(ys), max(ys))
    x_of, y_of = scale(xs, LEFT + 12, RIGHT - 24), scale([*levels, *ys], BOTTOM, TOP)
    parts = axes(xs, levels, x_of, y_of, unit)
    labels = spread([y_of(line.points[-1][1]) for line in lines])
    for line, label in reversed(list(zip(lines, labels))):  # ours come first, and are on top
        places = [(x_of(x), y_of(y)) for x, y in line.points]
        path = " L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        parts.append(f'<path class="line {line.style}" d="M{path}"/>')
        parts += [f'<circle class="dot {line.style}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in places]
        x, y = places[-1]
        parts += [f'<path class="lead {line.style}" d="M{x + 6:.1f} {y:.1f} L{RIGHT + 8} {label:.1f}"/>',
                  text(RIGHT + 14, label + 4, line.label)]
    return parts, BOTTOM + 56


def memory(results):
    summary = results["memory"][0]
    lines = [Line(f"{name}: {of['each'][summary['connections'][-1]]:,.0f} B each", STYLES.get(name, "line-3"),
                  [(count, of["pss"][count] / 2**20) for count in summary["connections"]])
             for name, of in summary["servers"].items()]
    parts, y = draw(lines, lambda size: f"{size:g} MiB")
    return page("Memory by connections", "all user memory of the server (PSS) with so many idle connections that are "
                "kept alive; and what each of the most adds.", parts, y, results)


def latency(results):
    summary = results["latency"][-1]
    names = list(dict.fromkeys(name for point in summary["points"].values() for name in point))
    lines = [Line(f"{name}, {title}", STYLES.get(name, "line-3") + dashed,
                  [(count, point[name][key]) for count, point in summary["points"].items() if name in point])
             for name in names for key, title, dashed in (("p99_us", "99 %", ""), ("p50_us", "50 %", " dashed"))]
    parts, y = draw(lines, lambda us: f"{us:g} µs" if us < 1000 else f"{us / 1000:g} ms")
    return page("Latency by connections", "within which time so many of the requests were answered; each connection "
                "asks again at once: the server is always busy.", parts, y, results,
                [f"HTTP, 1 KiB, kept alive; medians of {results['rounds']} alternating rounds of "
                 f"{results['seconds']:g} s."])
