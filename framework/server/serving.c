/* Which loop does a thread run? All that the rooms below loop/ know of it. */
#include "server/serving.h"

static _Thread_local struct serving *current;

struct serving *serving_current(void)
{
    return current;
}

struct serving *serving_enter(struct serving *serving)
{
    struct serving *before = current;
    current = serving;
    return before;
}
