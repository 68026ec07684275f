/* Formats of JSON Schema as regular expressions. Each takes in only what RFC 3339, 4122, 2673, 4291, 5321 or 3986 allow, and of that the usual forms. */
#include "engine/grammar_schema.h"

/* Days that every month has, those that most have, and the 29th of February of leap years that are no centuries. */
#define YEAR "(\\d{3}[1-9]|\\d{2}[1-9]0|\\d[1-9]00|[1-9]000)"
#define DATE                                                                                                                   \
    "(" YEAR "-((0[1-9]|1[0-2])-(0[1-9]|1\\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)|" \
    "(\\d[1-9]|[1-9]\\d)(0[48]|[2468][048]|[13579][26])-02-29)"
#define ZONE "(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)"
#define TIME "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,6})?" ZONE
#define BYTE "(\\d|[1-9]\\d|1\\d\\d|2[0-4]\\d|25[0-5])"
#define LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
#define HOST LABEL "(\\." LABEL "){0,5}"

static const struct {
    const char *name, *pattern;
} formats[] = {
    {"date", "^" DATE "$"},
    {"time", "^" TIME "$"},
    {"date-time", "^" DATE "T" TIME "$"},
    {"duration", "^P(\\d{1,4}W|\\d{1,4}Y(\\d{1,2}M(\\d{1,2}D)?)?|\\d{1,4}D|T\\d{1,4}H(\\d{1,2}M(\\d{1,2}S)?)?|T\\d{1,4}M|T\\d{1,4}S)$"},
    {"uuid", "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
    {"ipv4", "^" BYTE "(\\." BYTE "){3}$"},
    {"ipv6", "^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}$"},
    {"hostname", "^" HOST "$"},
    {"email", "^[A-Za-z0-9_+-]{1,30}(\\.[A-Za-z0-9_+-]{1,30}){0,2}@" LABEL "(\\." LABEL "){1,4}$"},
    {"uri", "^https?://" HOST "(:[1-9]\\d{0,3})?(/[A-Za-z0-9._~-]{0,60}){0,10}(\\?[A-Za-z0-9._~=&-]{0,100})?(#[A-Za-z0-9._~-]{0,60})?$"},
};

const char *trit_format_pattern(trit_str name) {
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (trit_str_is(name, formats[i].name)) return formats[i].pattern;
    return NULL;
}
