/* SPDX-License-Identifier: MIT */
/* For --explain: what the parser has found, and how the answer is framed. */
#include "http/log.h"
#include <stdio.h>

void http_explain_request(const struct http_exchange *x)
{
    const struct http_request *r = &x->head.request;
    char body[100] = "no body", note[300];
    if (r->content_length < 0)
        snprintf(body, sizeof body, "a body in chunks");
    else if (r->content_length > 0)
        snprintf(body, sizeof body, "a body of %lld bytes", (long long)r->content_length);
    snprintf(note, sizeof note, "the head is complete: %s %.100s, %s, %zu fields, %s; then the connection %s",
             r->command, r->path, r->request_version, r->field_count, body, x->close ? "ends" : "stays open");
    ss_explain(x->h, "parse", note);
}

void http_explain_response(const struct http_exchange *x)
{
    static const char *const framings[] = {
        [HTTP_UNDECIDED] = "without a body",
        [HTTP_COUNTED] = "framed by Content-Length",
        [HTTP_CHUNKED] = "in chunks",
        [HTTP_UNTIL_CLOSE] = "framed by the end of the connection",
        [HTTP_TUNNEL] = "and another protocol follows",
        [HTTP_EMPTY] = "which has no body",
    };
    const struct http_response *r = &x->response;
    char note[200] = "there is none";
    if (r->status)
        snprintf(note, sizeof note, "%d, %s, %lld bytes of body%s", r->status, framings[r->framing],
                 (long long)r->written, r->headless ? " that HEAD leaves out" : "");
    ss_explain(x->h, "respond", note);
}
