/* A conversation that outlives the program: its messages, and what the engine computed of them, in one file. `run` and `chat` go on with
 * each other's. */
#ifndef TRIT_CLI_SESSION_H
#define TRIT_CLI_SESSION_H

#include "load.h"
#include "talk.h"

typedef struct trit_session_choice {
    const char *session; /* NULL: none */
} trit_session_choice;

extern const trit_option trit_session_options[1];

#define TRIT_SESSION_GROUP(type, member) {"Session", trit_session_options, TRIT_COUNT(trit_session_options), offsetof(type, member)}

/* Takes up what the file holds, or begins it: then nothing is written yet, but a folder that is not there is an error already. Errors: those of
 * trit_engine_restore and trit_talk_read; then the conversation is as it was. */
TRIT_MUST_CHECK trit_status trit_session_begin(trit_talk *talk, trit_engine *engine, const char *path, const trit_output_choice *output,
                                               trit_error *err);

/* The conversation stays, however it ended: `ended` is returned, or where that is no error of its own (ok, cancelled), those of trit_engine_save. */
TRIT_MUST_CHECK trit_status trit_session_end(const trit_talk *talk, trit_engine *engine, const char *path, const trit_output_choice *output,
                                             trit_status ended, trit_error *err);
TRIT_MUST_CHECK trit_status trit_session_save(const trit_talk *talk, trit_engine *engine, const char *path, const trit_output_choice *output,
                                              trit_error *err);

#endif
