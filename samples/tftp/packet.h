/* SPDX-License-Identifier: MIT */
/* The packets of TFTP: RFC 1350, and the options of RFC 2347, 2348 (blksize), 2349 (timeout, tsize) and 7440
   (windowsize). All numbers have their most significant byte first. */
#ifndef TFTP_PACKET_H
#define TFTP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RRQ = 1, WRQ, DATA, ACK, ERROR, OACK };

enum error_code {
    OTHER_ERROR,
    FILE_NOT_FOUND,
    ACCESS_VIOLATION,
    DISK_FULL,
    ILLEGAL_OPERATION,
    UNKNOWN_TRANSFER,
    FILE_EXISTS,
    NO_SUCH_USER,
    OPTION_REFUSED,
    NO_ANSWER = -1, /* not even an error: it is no request, or it is an ERROR itself */
};

enum {
    HEADER = 4,
    LONGEST_REQUEST = 512,    /* RFC 2347 */
    PLAIN_BLOCK = 512,        /* bytes of data in a block, unless blksize says otherwise */
    SMALLEST_BLOCK = 8,       /* RFC 2348 */
    LARGEST_BLOCK = 65464,    /* the same */
    LARGEST_WINDOW = 64,      /* blocks; who asks for more gets so many */
    WINDOW_BYTES = 256 << 10, /* that a window may have in memory; it has one block at least */
    LONGEST_TIMEOUT = 30,     /* seconds; for longer ones a transfer would take its place too long */
    CONTROL_PACKET = 128,     /* bytes that always hold an OACK or an ERROR */
};

/* What is asked for. An option that is 0 (or false) was not asked for, or is not understood: it has no place
   in the answer. */
struct read_request {
    const char *name; /* as it came; lives as long as the packet */
    bool netascii;    /* else octet */
    bool tsize;
    unsigned block_size, window, timeout;
};

/* Reads a packet that has come to the server's own port. Returns 0; or what to answer, and then *why are
   words for that. */
int parse_request(const char *data, size_t size, struct read_request *r, const char **why);

/* Each writes a packet into `packet`, which has room for CONTROL_PACKET bytes, and returns its size. */
size_t write_error(char *packet, int code, const char *words);
/* 0: no option is to be answered. `file_size` is what tsize tells. */
size_t write_options(char *packet, const struct read_request *r, uint64_t file_size);

unsigned read_u16(const char *at);
void write_u16(char *at, unsigned number);

#endif
