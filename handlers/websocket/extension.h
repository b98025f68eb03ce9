/* SPDX-License-Identifier: MIT */
/* What client and server agree on of the extension permessage-deflate (RFC 6455 9.1, RFC 7692 7.1). Pure
   functions. */
#ifndef WS_EXTENSION_H
#define WS_EXTENSION_H

#include <stdbool.h>
#include <stddef.h>

/* What was agreed on. */
struct ws_terms {
    unsigned char server_bits; /* what the server compresses refers to 2^this bytes back at most. 0: messages
                                  are not compressed */
    unsigned char client_bits; /* what the client compresses */
    bool server_context;       /* the server's messages may refer to those before them */
    bool client_context;       /* the client's */
    bool says_server_bits;     /* the client has asked for server_bits, and is told them, */
    bool says_client_bits;     /* and lets itself be told client_bits */
};

/* Reads a Sec-WebSocket-Extensions field for the first offer that can be accepted. `context`: the server lets
   messages refer to those before them. Returns 1 when *agreed is that, 0 when there is none, or -EPROTO when
   the field is malformed; *agreed is then as it was. */
int ws_terms_choose(const char *field, bool context, struct ws_terms *agreed);

/* The client's side: the field that it sends, which offers this. `context`: messages may refer to those
   before them. */
const char *ws_terms_offer(bool context);
/* Reads what the server has answered to that. 0, or -EPROTO: it is no answer to what was offered. */
int ws_terms_take(const char *field, bool context, struct ws_terms *agreed);

#define WS_TERMS_SIZE 160 /* bytes of the answer, with a NUL */
/* Writes the answer, which is a Sec-WebSocket-Extensions field too. */
void ws_terms_write(const struct ws_terms *agreed, char answer[WS_TERMS_SIZE]);

#endif
