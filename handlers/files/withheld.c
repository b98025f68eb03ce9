/* SPDX-License-Identifier: MIT */
/* Files that nobody gets, by whatever name; see withheld.h. */
#include "files/withheld.h"
#include "log/owned.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

bool http_is_part(const char *name)
{
    size_t front = strlen(HTTP_PART_FRONT);
    return strncmp(name, HTTP_PART_FRONT, front) == 0 &&
           strspn(name + front, "0123456789abcdef") == HTTP_PART_DIGITS &&
           strcmp(name + front + HTTP_PART_DIGITS, HTTP_PART_BACK) == 0;
}

int http_is_withheld(int fd)
{
    struct stat status;
    return fstat(fd, &status) < 0 ? -errno : http_log_owns(fd, "", &status);
}

bool http_is_withheld_at(int directory, const char *name, const struct stat *status)
{
    struct stat target;
    if (!S_ISLNK(status->st_mode))
        return S_ISREG(status->st_mode) && http_log_owns(directory, name, status);
    return fstatat(directory, name, &target, 0) == 0 && S_ISREG(target.st_mode) &&
           http_log_owns(directory, name, &target);
}
