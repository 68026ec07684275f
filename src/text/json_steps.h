/* The pipeline that a tokenizer.json describes around its model. */
#ifndef TRIT_TEXT_JSON_STEPS_H
#define TRIT_TEXT_JSON_STEPS_H

#include "base/json.h"
#include "text/parts.h"

/* Each takes the component's value, which may be absent or null. `what` names the document. Errors: format, unsupported
 * (names the component and its type), memory. */
TRIT_MUST_CHECK trit_status trit_json_normalizer(trit_tokenizer *t, const trit_json *v, const char *what, trit_error *err);
TRIT_MUST_CHECK trit_status trit_json_pre_tokenizer(trit_tokenizer *t, const trit_json *v, const char *what, trit_error *err);
TRIT_MUST_CHECK trit_status trit_json_post_processor(trit_tokenizer *t, const trit_json *v, const char *what, trit_error *err);
TRIT_MUST_CHECK trit_status trit_json_decoder(trit_tokenizer *t, const trit_json *v, const char *what, trit_error *err);

/* A member of an object that must be a bool where it is there at all. Errors: format. */
TRIT_MUST_CHECK trit_status trit_json_bool_member(const trit_json *object, const char *key, bool otherwise, bool *out,
                                                  const char *what, trit_error *err);

#endif
