/* SPDX-License-Identifier: MIT */
/* What an error means. */
#include "socketserver.h"
#include <errno.h>
#include <string.h>

const char *ss_strerror(int error)
{
    const char *text;
    switch (error) {
    case -ENONET:
        return "No name server has answered";
    case -ENOENT:
        return "No such file or directory, or no such name";
    case -EPROTONOSUPPORT:
        return "No such service or protocol";
    default:
        text = strerrordesc_np(error < 0 ? -error : error);
        return text ? text : "Unknown error";
    }
}
