/* The environment variables of env.def, and nothing else from the environment. */
#ifndef TRIT_BASE_ENV_H
#define TRIT_BASE_ENV_H

/* The value of a variable of env.def (another name is a mistake of ours), or NULL where it is unset or empty. */
const char *trit_env_get(const char *name);

/* The same for people's eyes: of a secret only that it is set. */
const char *trit_env_shown(const char *name);

#endif
