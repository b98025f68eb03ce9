/* PUT of a file. */
#include "file_cache.h"
#include "file_response.h"
#include "http_internal.h"
#include "simple_http.h"
#include "upload.h"
#include <fcntl.h>
#include <unistd.h>

static bool is_conditional(struct ss_handler *h)
{
    return http_header(h, "If-Match") != NULL || http_header(h, "If-None-Match") != NULL ||
           http_header(h, "If-Unmodified-Since") != NULL;
}

/* RFC 9110 13: against the file that GET would send. 0: go on, 1: answered, -errno. */
static int check_conditions(struct ss_handler *h, const char *name)
{
    const struct http_handler_class *cls = http_class_of(h);
    struct http_file *file = NULL;
    struct http_validators current = {0};
    struct http_decision decision;
    int status, rc = 0;

    if (!is_conditional(h))
        return 0;
    if (http_file_open(h, cls->directory, cls->symlinks, name, cls->guess_type, &file) == 0)
        current = http_file_validators(file);
    status = http_evaluate(http_request(h), file != NULL ? &current : NULL, -1, &decision);
    if (file != NULL)
        http_file_release(file);
    if (status == 412)
        rc = http_send_error(h, 412, NULL, NULL);
    return rc < 0 ? rc : status == 412;
}

static int put(struct ss_handler *h, int directory, const char *file)
{
    const char *none = http_header(h, "If-None-Match");
    bool only_new = none != NULL && strcmp(none, "*") == 0;
    char name[NAME_MAX + 1];
    struct http_publishing p = {.name = name,
                                .how = only_new ? HTTP_DUPLICATE_ERROR : HTTP_DUPLICATE_OVERWRITE};
    struct stat status;
    int rc;

    if (fstatat(directory, file, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode))
        return http_upload_refuse_method(h, "PUT");
    strcpy(name, file);
    rc = http_upload_store(h, directory, h->rfile, &p);
    if (rc == -EEXIST && only_new) /* meanwhile, or a link that GET does not follow */
        return http_send_error(h, 412, NULL, NULL);
    if (rc < 0)
        return http_upload_refuse(h, rc, file);
    http_send_response(h, p.replaced ? 204 : 201, NULL);
    return http_end_headers(h);
}

/* `file` is the last component of `name`. */
static int put_below(struct ss_handler *h, const char *name, const char *file)
{
    char *parent = ss_format(h, "%.*s", (int)(file - name), name);
    int directory = parent != NULL ? http_upload_directory(h, parent) : -ENOMEM, rc;

    if (directory < 0 && http_errno_status(directory) != 404)
        return http_upload_refuse(h, directory, file);
    if (directory < 0)
        return http_send_error(h, 409, NULL, "There is no such directory to store it in");
    rc = check_conditions(h, name);
    if (rc == 0)
        rc = put(h, directory, file);
    close(directory);
    return rc < 0 ? rc : 0;
}

/* RFC 9110 9.3.4; where it leaves a choice, RFC 4918 9.7: a directory is no target (405), and its own comes
   first (409). */
SS_API int http_do_PUT(struct ss_handler *h)
{
    const char *name = http_name_of(h), *slash = name != NULL ? strrchr(name, '/') : NULL;
    const char *file = slash != NULL ? slash + 1 : name;
    int rc = http_upload_check(h);

    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (http_header(h, "Content-Range") != NULL) /* RFC 9110 14.5 */
        return http_send_error(h, 400, NULL, "A part of a file cannot be stored");
    if (name == NULL)
        return http_refuse_path(h);
    if (*file == '\0')
        return http_upload_refuse_method(h, "PUT");
    if (http_upload_storable(h, file) != file)
        return http_send_error(h, 403, NULL, "Files of such names are not stored");
    return put_below(h, name, file);
}
