/* SPDX-License-Identifier: MIT */
/* The head of a frame (RFC 6455 5.2), and masking (5.3). Pure functions. */
#ifndef WS_FRAME_H
#define WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ws_opcode { WS_CONTINUATION, WS_CLOSE = 8, WS_PING, WS_PONG }; /* besides WS_TEXT and WS_BINARY */

enum { WS_FIN = 0x80, WS_RSV1 = 0x40, WS_RSV = 0x70, WS_OPCODE = 0x0f, WS_CONTROL = 0x08 };
enum { WS_MASK = 0x80 }; /* in the second byte */

#define WS_KEY 4           /* bytes of a masking key */
#define WS_MAX_HEAD 14     /* bytes of a head */
#define WS_MAX_CONTROL 125 /* bytes of a control frame's payload */

struct ws_head {
    unsigned char first; /* its first byte: WS_FIN, WS_RSV1 and so on, and the opcode */
    bool masked;
    unsigned char key[WS_KEY];
    uint64_t size; /* of the payload */
};

/* Reads the head at `data`, where `there` bytes are. Returns how many bytes it has: when these are more than
   `there`, nothing is stored, as not all of it has come. -EPROTO: its length has a longer form than it needs,
   or is above 2^63 - 1. */
int ws_head_read(const char *data, size_t there, struct ws_head *head);

/* Writes a head; `key` NULL: the payload is not masked. Returns its size. */
size_t ws_head_write(char head[WS_MAX_HEAD], unsigned first, uint64_t size, const unsigned char *key);

/* Masks, or unmasks, `size` bytes of a payload, the first of which is its byte number `at`. `to` may be in
   front of `from`, and overlap it. */
void ws_mask(char *to, const char *from, size_t size, const unsigned char key[WS_KEY], uint64_t at);

#endif
