/* SPDX-License-Identifier: MIT */
/* Users as JSON (RFC 8259), and the problems of requests (RFC 9457). */
#include "rest/user.h"
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

static const char *find_name(const char *text);
static const char *find_email(const char *text);
static const char *find_phone(const char *text);

static const struct {
    const char *name;
    const char *(*check)(const char *text); /* what is wrong, or NULL */
    bool required;
} fields[FIELDS] = {
    [NAME] = {"name", find_name, true},
    [EMAIL] = {"email", find_email, true},
    [PHONE] = {"phone", find_phone, false},
};

/* ---------------------------------------------------------------- what is wrong */

/* A member's name may hold anything: it is escaped as a JSON pointer, and then as a part of a URL. */
static void point_to(const char *member, char *where, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    size_t at = (size_t)snprintf(where, size, *member ? "#/" : "#");
    for (; *member && at + 4 < size; member++) {
        const char *format = *member == '~' ? "~0" : *member == '/' ? "~1" : "%%%02X";
        if (strchr(plain, *member))
            format = "%c";
        at += (size_t)snprintf(where + at, size - at, format, (unsigned char)*member);
    }
}

void findings_add(struct findings *findings, const char *member, const char *what)
{
    if (findings->count == FINDINGS)
        return;
    point_to(member, findings->of[findings->count].where, sizeof findings->of->where);
    findings->of[findings->count++].what = what;
}

static const char *find_name(const char *text)
{
    return text[strspn(text, " ")] ? NULL : "is blank";
}

static const char *find_email(const char *text)
{
    const char *at = strchr(text, '@');
    bool is_one = at && at > text && at[1] && !strchr(at + 1, '@') && !strpbrk(text, " \"(),:;<>[]\\");
    return is_one ? NULL : "is no e-mail address: write local@domain";
}

static const char *find_phone(const char *text)
{
    bool is_one = strlen(text) >= 3 && text[strspn(text, "0123456789 +-()/.")] == '\0';
    return is_one ? NULL : "is no telephone number: write digits, blanks and + - ( ) / .";
}

/* ---------------------------------------------------------------- text */

/* Bytes of the character that begins here, 0: it is no UTF-8 (RFC 3629). */
static int utf8(const unsigned char *c)
{
    unsigned least = *c == 0xe0 ? 0xa0 : *c == 0xf0 ? 0x90 : 0x80;
    unsigned most = *c == 0xed ? 0x9f : *c == 0xf4 ? 0x8f : 0xbf;
    int size = *c < 0x80 ? 1 : *c < 0xc2 ? 0 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : *c < 0xf5 ? 4 : 0;
    for (int i = 1; i < size; i++, least = 0x80, most = 0xbf)
        if (c[i] < least || c[i] > most)
            return 0;
    return size;
}

/* What cJSON takes though it should not: bytes that are no UTF-8, control characters in strings, a NUL, which
   would cut a string of C; and nesting that goes deeper than a small stack can bear. */
static const char *find_malformed(const char *text, size_t size)
{
    bool quoted = false;
    int depth = 0, step;
    for (const char *c = text; c < text + size; c += step) {
        step = utf8((const unsigned char *)c);
        if (!step)
            return "This is no UTF-8.";
        if (*c == '\0' || (quoted && !strncmp(c, "\\u0000", 6)))
            return "A NUL may not be in here.";
        if (quoted && (unsigned char)*c < ' ')
            return "A control character in a string has to be escaped.";
        if (quoted && *c == '\\' && c[1] > 0)
            step = 2;
        else if (*c == '"')
            quoted = !quoted;
        depth += !quoted && strchr("[{", *c) ? 1 : !quoted && strchr("]}", *c) ? -1 : 0;
        if (depth > DEPTH)
            return "This is nested too deeply.";
    }
    return NULL;
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            return true;
    return false;
}

/* ---------------------------------------------------------------- reading */

static const char *read_text(const cJSON *member, int field, struct change *change)
{
    if (change->given[field])
        return "is there twice";
    change->given[field] = true;
    if (cJSON_IsNull(member))
        return NULL;
    if (!cJSON_IsString(member))
        return "is no string";
    if (strlen(member->valuestring) > LONGEST)
        return "is too long: 254 bytes are the most";
    if (has_control(member->valuestring))
        return "has a control character";
    strcpy(change->text[field], member->valuestring);
    return fields[field].check(member->valuestring);
}

static const char *read_id(const cJSON *member, struct change *change)
{
    bool good = cJSON_IsNumber(member) && member->valuedouble >= 1 && member->valuedouble <= 9e15;
    int64_t id = good ? (int64_t)member->valuedouble : 0;
    if (!good || (double)id != member->valuedouble)
        return "is no id";
    if (change->id)
        return "is there twice";
    change->id = id;
    return NULL;
}

static const char *read_member(const cJSON *member, struct change *change)
{
    if (!strcmp(member->string, "id"))
        return read_id(member, change);
    for (int i = 0; i < FIELDS; i++)
        if (!strcmp(member->string, fields[i].name))
            return read_text(member, i, change);
    return "is unknown: a user has name, email and phone";
}

bool change_read(const char *text, size_t size, struct change *change, struct findings *findings)
{
    const char *end = text, *malformed = find_malformed(text, size), *what;
    const cJSON *member;
    cJSON *json = malformed ? NULL : cJSON_ParseWithOpts(text, &end, true);
    if (malformed)
        snprintf(findings->malformed, sizeof findings->malformed, "%s", malformed);
    else if (!json)
        snprintf(findings->malformed, sizeof findings->malformed, "This is no JSON from byte %zu on.",
                 (size_t)(end - text));
    else if (!cJSON_IsObject(json))
        findings_add(findings, "", "is no object");
    else
        for (member = json->child; member; member = member->next)
            if ((what = read_member(member, change)))
                findings_add(findings, member->string, what);
    cJSON_Delete(json);
    return !*findings->malformed && !findings->count;
}

bool change_apply(const struct change *change, bool whole, struct user *user, struct findings *findings)
{
    for (int i = 0; i < FIELDS; i++) {
        if (change->given[i] || whole)
            strcpy(user->text[i], change->text[i]);
        if (fields[i].required && !*user->text[i])
            findings_add(findings, fields[i].name, "is missing");
    }
    if (change->id && change->id != user->id)
        findings_add(findings, "id", "is chosen by the server");
    return !findings->count;
}

/* ---------------------------------------------------------------- writing */

static char *print_and_delete(cJSON *json, bool complete)
{
    char *text = json && complete ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    return text;
}

static bool add_user(cJSON *json, const struct user *user)
{
    bool good = json && cJSON_AddNumberToObject(json, "id", (double)user->id);
    for (int i = 0; good && i < FIELDS; i++)
        if (*user->text[i])
            good = cJSON_AddStringToObject(json, fields[i].name, user->text[i]);
    return good;
}

char *user_as_json(const struct user *user)
{
    cJSON *json = cJSON_CreateObject();
    return print_and_delete(json, add_user(json, user));
}

char *users_as_json(const struct user *users, int count, const char *next)
{
    cJSON *json = cJSON_CreateObject(), *list = json ? cJSON_AddArrayToObject(json, "users") : NULL;
    bool good = list;
    for (int i = 0; good && i < count; i++) {
        cJSON *one = cJSON_CreateObject();
        good = add_user(one, &users[i]) && cJSON_AddItemToArray(list, one);
        if (!good)
            cJSON_Delete(one);
    }
    if (good && next)
        good = cJSON_AddStringToObject(json, "next", next);
    return print_and_delete(json, good);
}

static bool add_findings(cJSON *json, const struct findings *findings)
{
    cJSON *list = findings->count ? cJSON_AddArrayToObject(json, "errors") : NULL;
    bool good = list || !findings->count;
    for (int i = 0; good && i < findings->count; i++) {
        cJSON *one = cJSON_CreateObject();
        good = one && cJSON_AddStringToObject(one, "pointer", findings->of[i].where) &&
               cJSON_AddStringToObject(one, "detail", findings->of[i].what) &&
               cJSON_AddItemToArray(list, one);
        if (!good)
            cJSON_Delete(one);
    }
    return good;
}

char *problem_as_json(int status, const char *title, const char *detail, const struct findings *findings)
{
    cJSON *json = cJSON_CreateObject();
    bool good = json && cJSON_AddStringToObject(json, "title", title) &&
                cJSON_AddNumberToObject(json, "status", status) &&
                (!*detail || cJSON_AddStringToObject(json, "detail", detail)) &&
                (!findings || add_findings(json, findings));
    return print_and_delete(json, good);
}
