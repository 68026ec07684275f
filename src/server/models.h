/* Which model a request means. */
#ifndef TRIT_SERVER_MODELS_H
#define TRIT_SERVER_MODELS_H

#include "server/state.h"

/* The model that the body names, or the first where it names none; NULL: there is no such model. */
trit_served *trit_served_find(trit_server *s, const trit_json *body, trit_refusal *r);
trit_served *trit_served_named(trit_server *s, trit_str name, trit_refusal *r);

#endif
