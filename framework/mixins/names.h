/* SPDX-License-Identifier: MIT */
/* Classes by name. */
#ifndef MIXINS_NAMES_H
#define MIXINS_NAMES_H

#include "socketserver.h"

/* Reads the mix-ins that `*name` begins with, into bases[0 .. *count - 1], of which there are SS_MAX_BASES;
   `*name` is what follows. Returns the server class that this names, or NULL. */
const struct ss_class *names_mixins(const char **name, const struct ss_class **bases, int *count);

#endif
