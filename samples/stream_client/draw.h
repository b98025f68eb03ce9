/* SPDX-License-Identifier: MIT */
/* Pictures of a stream: a line of text for each WIDTH datagrams, and an SVG. */
#ifndef STREAM_CLIENT_DRAW_H
#define STREAM_CLIENT_DRAW_H

#include "stream_client/statistics.h"
#include <stdio.h>

enum { WIDTH = 50, COLUMNS = 720 /* of the SVG */ };

/* What the signs mean. */
void draw_legend(FILE *file);

/* From number `first` on; those after the last one are left out. */
void draw_line(const struct statistics *s, int64_t first, FILE *file);

void draw_sum(const struct statistics *s, FILE *file);

/* 0 or -errno. */
int draw_svg(const struct statistics *s, const char *path);

#endif
