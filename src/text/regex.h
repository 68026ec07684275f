/* Regular expressions, the one place that knows PCRE2. Patterns are the ones of Hugging Face files: \s, \p{..} and letter
 * case mean what Unicode says, ^ and $ stand at every line. */
#ifndef TRIT_TEXT_REGEX_H
#define TRIT_TEXT_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "trit/status.h"

typedef struct trit_regex trit_regex; /* immutable; any number of threads may match with one */

/* Errors: unsupported (a pattern that does not compile: it names the pattern and the place), memory. */
TRIT_MUST_CHECK trit_status trit_regex_new(trit_regex **out, trit_str pattern, const char *what, trit_error *err);
void trit_regex_free(trit_regex *regex);
uint64_t trit_regex_hash(const trit_regex *regex); /* of the pattern */

/* What matching needs besides the pattern: one per thread, used for any pattern. */
typedef struct trit_matcher trit_matcher;

trit_matcher *trit_matcher_new(void); /* NULL: out of memory */
void trit_matcher_free(trit_matcher *matcher);

/* The text that is going to be matched, whole or in parts. It may be broken UTF-8 here. */
void trit_matcher_look_at(trit_matcher *matcher, const char *s, size_t n);

typedef enum trit_found { trit_found_none, trit_found_match, trit_found_gave_up } trit_found;

/* The first match in s[from..n) that is not empty, as *begin < *end. s[0..n) is valid UTF-8. Gives up where a pattern takes
 * too long or too much memory. */
trit_found trit_regex_find(const trit_regex *regex, trit_matcher *matcher, const char *s, size_t n, size_t from, size_t *begin,
                           size_t *end);

#endif
