# SPDX-License-Identifier: MIT
"""What the plots have in common: their look, by day and by night, and the frame of a page."""

import textwrap
from xml.sax.saxutils import escape

from machine import in_words

WIDTH, MARGIN = 880, 24
NOTE, PARAGRAPH = 17, 5  # the height of a line, and what is between two notes
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
  .range { stroke: #1f2328; stroke-width: 1.5; opacity: .7 }
  .break { stroke: #fff; stroke-width: 3; fill: none }
  .grid { stroke: #d1d9e0; fill: none }
  .lead { stroke-width: 1.25; fill: none }
  .line { stroke-width: 2.25; fill: none }
  .dashed { stroke-dasharray: 5 4 }
  .line-1 { --color: #1a6fd4 } .line-2 { --color: #0f8b8d } .line-3 { --color: #c2560c } .line-4 { --color: #7d4cc9 }
  .line-5 { --color: #5d7a1f }
  .line, .dot, .lead { stroke: var(--color) }
  .dot { fill: var(--color) }
  .dot.dashed { stroke-dasharray: none; fill: #fff; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117 }
    text { fill: #e6edf3 }
    .quiet, .note { fill: #9198a1 }
    .ours { fill: #4493f8 }
    .other { fill: #59636e }
    .range { stroke: #e6edf3 }
    .break { stroke: #0d1117 }
    .grid { stroke: #2b333c }
    .line-1 { --color: #4493f8 } .line-2 { --color: #3bc4c7 } .line-3 { --color: #f0883e } .line-4 { --color: #b392f0 }
    .line-5 { --color: #9ec45a }
    .dot.dashed { fill: #0d1117 }
  }
"""


def text(x, y, content, style="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{style}" text-anchor="{anchor}">{escape(content)}</text>'


def page(title, about, parts, y, results, notes=()):
    """A plot: its title, what it shows (a line), its elements, which end at y, and how it was measured."""
    measured = f"{in_words(results['machine'])}; server and load on a processor each. {results['date']}."
    head = [text(MARGIN, 40, title, "title"), text(MARGIN, 62, about, "quiet")]
    tail = []
    y += 12
    for note in (measured, *notes):
        for line in textwrap.wrap(note, 126):
            tail.append(text(MARGIN, y, line, "note"))
            y += NOTE
        y += PARAGRAPH
    height = y + 6
    body = "\n".join(head + parts + tail)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
            f'height="{height:.0f}" role="img">\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n'
            f"{body}\n</svg>\n")
