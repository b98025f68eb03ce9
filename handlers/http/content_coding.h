/* SPDX-License-Identifier: MIT */
/* Which content coding a client gets: what Accept-Encoding says, and the choice that follows from it (RFC
   9110 12.5.3). Without input or output. */
#ifndef HTTP_CONTENT_CODING_H
#define HTTP_CONTENT_CODING_H

#include "compress/coding.h"
#include "http_server.h"

/* What a client accepts: for each coding its weight in thousandths, 0: refused. */
struct http_accepted {
    short weight[HTTP_CODINGS];
};

/* The state between the lines of the field. */
struct http_accept_list {
    short listed[HTTP_CODINGS]; /* weights, -1: not listed */
    short others;               /* that of "*", -1: not listed */
    bool present;               /* there is such a field */
};

/* Reads Accept-Encoding: begin, one call for each line of the field, in order, then end. An element that is
   malformed counts for nothing; of several for one coding the first one counts. */
void http_accept_begin(struct http_accept_list *list);
void http_accept_line(struct http_accept_list *list, const char *value);
void http_accept_end(const struct http_accept_list *list, struct http_accepted *accepted);

/* What the client of a request accepts. False: it does not say, and gets no coding. */
bool http_accepted(const struct http_request *request, struct http_accepted *accepted);

/* The coding to use among `available`, bits of HTTP_CODING_BIT, or -1 when none of them is acceptable. */
int http_choose_coding(const struct http_accepted *accepted, unsigned available);

#endif
