/* What an engine has computed, in a folder between two lives of the server: one file a model. */
#ifndef TRIT_SERVER_SESSION_H
#define TRIT_SERVER_SESSION_H

#include "trit/engine.h"

/* FOLDER/NAME.session into the engine. It is a cache: where it is absent, broken or of another model the log says so, and nothing is restored. */
void trit_server_restore(trit_engine *engine, const char *folder, const char *name);

/* The engine into FOLDER/NAME.session; where that cannot be written the log says so, and the file is what it was. */
void trit_server_save(trit_engine *engine, const char *folder, const char *name);

#endif
