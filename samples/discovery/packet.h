/* SPDX-License-Identifier: MIT */
/* What participants say to each other: one line of text in each datagram.

     discovery 1 ask QUESTION TYPE                         who offers this? TYPE may be *, anything
     discovery 1 have ID QUESTION SECONDS PORT TYPE NAME   I do, at the address that this has come from

   QUESTION is a number by which who has asked knows the answer, 0: nobody has asked. ID is the participant's,
   drawn when it starts, so that what is heard by several ways is known to be one. What it says holds for
   SECONDS; 0 is a good-bye. QUESTION and ID are hexadecimal. Behind a question may be spaces: nobody is
   answered by more than three times what was sent. */
#ifndef DISCOVERY_PACKET_H
#define DISCOVERY_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TYPE_SIZE = 15, NAME_SIZE = 63 /* bytes, without the NUL */, LONGEST_TIME = 86400 /* seconds */ };
enum {
    PACKET_SIZE = 160 /* more than any has */,
    QUESTION_SIZE = 48,
    MOST_ANSWER = 3 /* times the question */
};

struct packet {
    enum { ASK, HAVE } kind;
    uint32_t question;
    uint64_t id;
    unsigned seconds, port;
    char type[TYPE_SIZE + 1], name[NAME_SIZE + 1];
};

/* False: it is none, or says something that cannot be. */
bool packet_parse(const char *data, size_t size, struct packet *packet);

/* Returns the number of bytes. */
size_t packet_format(const struct packet *packet, char text[PACKET_SIZE]);

/* Lower case letters, digits and hyphens: "http", "my-game". */
bool is_type(const char *text);

/* 1 to NAME_SIZE bytes of UTF-8 in which nothing steers a terminal. */
bool is_name(const char *text);

#endif
