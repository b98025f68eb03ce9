#include "http/status.h"
#include "http_server.h"

const char *http_status_text(int status)
{
#define STATUS(code, phrase, explain) \
    case code:                        \
        return #code " " phrase;
    switch (status) {
        HTTP_STATUS_TABLE(STATUS)
    default:
        return NULL;
    }
#undef STATUS
}

const char *http_status_phrase(int status)
{
    const char *text = http_status_text(status);
    return text ? text + 4 : "";
}

const char *http_status_description(int status)
{
#define EXPLAIN(code, phrase, explain) \
    case code:                         \
        return explain;
    switch (status) {
        HTTP_STATUS_TABLE(EXPLAIN)
    default:
        return "";
    }
#undef EXPLAIN
}
