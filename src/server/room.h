/* Room for models in memory (max_loaded): who comes next, and who leaves for it. All with the server's lock held. */
#ifndef TRIT_SERVER_ROOM_H
#define TRIT_SERVER_ROOM_H

#include "server/served.h"

/* May the absent model, for which requests wait, be loaded now? Room goes to those that wait for longest, lest a busy model keep it for ever. Where
 * there is none, as many are asked to leave as want to come. */
bool trit_room_for(const trit_served *m);

/* A model has come or gone, or a wait has ended: all workers look again. Where nobody wants room, those that were to leave stay. */
void trit_room_changed(trit_server *s);

#endif
