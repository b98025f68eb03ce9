#include "http_internal.h"

#define T HTTP_TOKEN
#define V HTTP_VALUE
#define U HTTP_TARGET
#define H HTTP_HOST

const unsigned char http_chars[256] = {
    ['\t'] = V,
    [' '] = V,
    ['!'] = T | V | U | H,
    ['"'] = V | U,
    ['#'] = T | V,
    ['$' ... '\''] = T | V | U | H,
    ['(' ... ')'] = V | U | H,
    ['*' ... '+'] = T | V | U | H,
    [','] = V | U, /* of a host too, says RFC 3986; but only a list of them has one */
    ['-' ... '.'] = T | V | U | H,
    ['/'] = V | U,
    ['0' ... '9'] = T | V | U | H,
    [':'] = V | U,
    [';'] = V | U | H,
    ['<'] = V | U,
    ['='] = V | U | H,
    ['>' ... '@'] = V | U,
    ['A' ... 'Z'] = T | V | U | H,
    ['[' ... ']'] = V | U,
    ['^'] = T | V | U,
    ['_'] = T | V | U | H,
    ['`'] = T | V | U,
    ['a' ... 'z'] = T | V | U | H,
    ['{'] = V | U,
    ['|'] = T | V | U,
    ['}'] = V | U,
    ['~'] = T | V | U | H,
    [0x80 ... 0xff] = V,
};

size_t http_span(const char *text, size_t size, unsigned char kind)
{
    size_t i = 0;
    while (i < size && http_chars[(unsigned char)text[i]] & kind)
        i++;
    return i;
}

bool http_is_token(const char *text, size_t size)
{
    return size > 0 && http_span(text, size, HTTP_TOKEN) == size;
}

/* The grammar of RFC 9112 5, which has no place for white space before the colon or the name. */
bool http_is_field_line(const char *line, size_t size)
{
    size_t name = http_span(line, size, HTTP_TOKEN);
    return name > 0 && name < size && line[name] == ':' &&
           http_span(line + name, size - name, HTTP_VALUE) == size - name;
}

bool http_list_next(const char **list, const char **element, size_t *size)
{
    const char *at = *list + strspn(*list, ", \t");
    size_t n = strcspn(at, ",");
    *list = at + n;
    while (n > 0 && (at[n - 1] == ' ' || at[n - 1] == '\t'))
        n--;
    *element = at;
    *size = n;
    return n > 0;
}

bool http_list_has(const char *list, const char *token)
{
    const char *element;
    size_t size, wanted = strlen(token);
    while (http_list_next(&list, &element, &size))
        if (size == wanted && strncasecmp(element, token, size) == 0)
            return true;
    return false;
}
