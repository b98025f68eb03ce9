/* SPDX-License-Identifier: MIT */
/* One file, without scripts or anything from elsewhere; it follows the reader's choice of light or dark. */
#include "stream_client/draw.h"
#include <errno.h>

enum { LEFT = 68, TOP = 64, HEIGHT = 200, STRIP = 14, ALL_WIDTH = 800, ALL_HEIGHT = 360 };

/* What one column stands for: some datagrams, one after the other. */
struct column {
    float delay; /* the longest; below 0: none has come */
    int lost, late, doubled;
};

static int64_t oldest(const struct statistics *s)
{
    return s->highest - s->first >= HISTORY ? s->highest - HISTORY + 1 : s->first;
}

static struct column column_of(const struct statistics *s, int64_t begin, int64_t end)
{
    struct column column = {.delay = -1};
    for (int64_t number = begin; number < end; number++) {
        const struct fate *fate = statistics_of(s, number);
        column.lost += !fate;
        column.late += fate && fate->late;
        column.doubled += fate && fate->doubled;
        if (fate && fate->delay > column.delay)
            column.delay = fate->delay;
    }
    return column;
}

static float longest(const struct statistics *s)
{
    float delay = 1;
    for (int64_t number = oldest(s); number <= s->highest; number++) {
        const struct fate *fate = statistics_of(s, number);
        if (fate && fate->delay > delay)
            delay = fate->delay;
    }
    return delay;
}

static void draw_mark(FILE *file, const char *name, int count, double x, double width, int row)
{
    if (count)
        fprintf(file, "<rect class=\"%s\" x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\"/>\n", name, x,
                TOP + HEIGHT + 8 + row * (STRIP + 4), width, STRIP);
}

static void draw_columns(const struct statistics *s, FILE *file, float most)
{
    int64_t first = oldest(s), count = s->has_begun ? s->highest - first + 1 : 0;
    int columns = count < COLUMNS ? (int)count : COLUMNS;
    for (int i = 0; i < columns; i++) {
        struct column c = column_of(s, first + i * count / columns, first + (i + 1) * count / columns);
        double width = (double)COLUMNS / columns, x = LEFT + i * width, height = c.delay / most * HEIGHT;
        if (c.delay >= 0)
            fprintf(file, "<rect class=\"delay\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n", x,
                    TOP + HEIGHT - height - 1, width, height + 1);
        draw_mark(file, "lost", c.lost, x, width, 0);
        draw_mark(file, "late", c.late, x, width, 1);
        draw_mark(file, "doubled", c.doubled, x, width, 2);
    }
}

static void draw_head(const struct statistics *s, FILE *file)
{
    fprintf(
        file,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
        "role=\"img\" aria-labelledby=\"title sum\">\n<title id=\"title\">A stream of datagrams</title>\n",
        ALL_WIDTH, ALL_HEIGHT, ALL_WIDTH, ALL_HEIGHT);
    fputs(
        "<style>\n"
        "svg { --page: #fff; --ink: #1f2328; --dim: #59636e; --line: #d1d9e0; --delay: #0969da;\n"
        "      --lost: #cf222e; --late: #9a6700; --doubled: #8250df; color-scheme: light dark }\n"
        "@media (prefers-color-scheme: dark) { svg { --page: #0d1117; --ink: #f0f6fc; --dim: #9198a1;\n"
        "      --line: #3d444d; --delay: #4493f8; --lost: #f85149; --late: #d29922; --doubled: #ab7df8 } }\n"
        "text { font: 13px system-ui, sans-serif; fill: var(--dim) }\n"
        ".page { fill: var(--page) } .heading { font-size: 18px; fill: var(--ink) }\n"
        ".line { stroke: var(--line) } .end { text-anchor: end }\n"
        ".delay { fill: var(--delay) } .lost { fill: var(--lost) } .late { fill: var(--late) }\n"
        ".doubled { fill: var(--doubled) }\n"
        "</style>\n",
        file);
    fprintf(file, "<rect class=\"page\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", ALL_WIDTH, ALL_HEIGHT);
    fprintf(file, "<text class=\"heading\" x=\"%d\" y=\"28\">A stream of datagrams</text>\n", LEFT);
    fprintf(file, "<text id=\"sum\" x=\"%d\" y=\"48\">", LEFT);
    draw_sum(s, file);
    fputs("</text>\n", file);
}

/* The names of the rows, and a line for each quarter of the longest delay. */
static void draw_frame(const struct statistics *s, FILE *file, float most)
{
    static const char *const rows[] = {"lost", "late", "doubled"};
    for (int i = 0; i <= 4; i++)
        fprintf(file,
                "<line class=\"line\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>"
                "<text class=\"end\" x=\"%d\" y=\"%d\">%.*f%s</text>\n",
                LEFT, TOP + HEIGHT - i * HEIGHT / 4, LEFT + COLUMNS, TOP + HEIGHT - i * HEIGHT / 4, LEFT - 6,
                TOP + HEIGHT - i * HEIGHT / 4 + 4, most < 20, most * (float)i / 4, i == 4 ? " ms" : "");
    for (int i = 0; i < 3; i++)
        fprintf(file, "<text class=\"end %s\" x=\"%d\" y=\"%d\">%s</text>\n", rows[i], LEFT - 6,
                TOP + HEIGHT + 8 + i * (STRIP + 4) + 12, rows[i]);
    fprintf(file,
            "<text x=\"%d\" y=\"%d\">datagrams in the order of their numbers, %lld of them; above: the delay "
            "beyond the fastest one's</text>\n",
            LEFT, ALL_HEIGHT - 14, (long long)(s->has_begun ? s->highest - oldest(s) + 1 : 0));
}

int draw_svg(const struct statistics *s, const char *path)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return -errno;
    float most = longest(s);
    draw_head(s, file);
    draw_frame(s, file, most);
    draw_columns(s, file, most);
    fputs("</svg>\n", file);
    bool has_failed = ferror(file);
    return fclose(file) != 0 || has_failed ? -EIO : 0;
}
