/* SPDX-License-Identifier: MIT */
/* What an error means. */
#include "socketserver.h"
#include <errno.h>
#include <string.h>

const char *ss_strerror(int error, char *text, size_t size)
{
    switch (error) {
    case -ENONET:
        return "No name server has answered";
    case -ENOENT:
        return "No such file or name";
    case -EPROTONOSUPPORT:
        return "No such service or protocol";
    default:
        return strerror_r(error < 0 ? -error : error, text, size);
    }
}
