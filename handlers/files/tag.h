/* SPDX-License-Identifier: MIT */
/* Entity tags of files (RFC 9110 8.8.3): other bytes, other tag, whatever the times say; and the same bytes,
   the same tag, whatever has been done to the file otherwise.

   - A tag is made of the content, of files up to HTTP_FILE_DIGEST. chmod, another link, mv, touch, and a copy
   in the file's place with the same bytes do not change it; a restart, or another machine with the same
   files, neither. To write other bytes of the same length and then put the time of modification back (touch
   -r, cp -p, rsync
   --inplace) does. Only the first request for a file reads it for that: the digest is remembered, in
   memory that the processes of a server share, as long as size, inode and both times stay the same.
   - A larger file is not read for its tag. Of its status, the time of change alone tells of the rewriting
   that was just described, and it cannot be told from that of a chmod: so it is in the tag, with size, inode,
   device and time of modification, and what changes it changes the tag.
   - Neither can be had of a file that is being written to: times are coarse, so that the next change may
   leave the same ones. One that was changed in the last moment is given that moment to come to rest; when it
   does not, its tag is weak and never given twice: nothing is resumed by it, nothing taken for unchanged.
   (What is small is in memory, and its tag that of these very bytes.) */
#ifndef HTTP_FILE_TAG_H
#define HTTP_FILE_TAG_H

#include "files/cache.h"

#define HTTP_FILE_DIGEST (16 * 1024 * 1024) /* bytes; what is larger is not read for its tag */
#define HTTP_FILE_DIGESTS 1024              /* files whose digest is remembered */

/* Makes file->etag; none for a file whose size is not known. Waits. */
void http_file_make_etag(struct ss_handler *h, struct http_file *file);

/* Makes the memory for digests, before the processes are forked that are to share it; else each has its
   own. */
void http_file_digests_share(void);

/* A digest of these bytes. Any thread. */
uint64_t http_digest(const char *data, size_t size);

/* True if the next change is sure to change the file's times. */
bool http_file_is_settled(const struct stat *status, const struct timespec *now);
/* True if the open file still has these times and this size. */
bool http_file_is_unchanged(int fd, const struct stat *before);

#endif
