#include "http/status.h"
#include "http_server.h"

const char *http_status_phrase(int status)
{
#define PHRASE(code, phrase, explain) \
    case code:                        \
        return phrase;
    switch (status) {
        HTTP_STATUS_TABLE(PHRASE)
    default:
        return "";
    }
#undef PHRASE
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
