/* explain_past.h - `mailseal explain --id`: a message of the journal. */
#ifndef MAILSEAL_EXPLAIN_PAST_H
#define MAILSEAL_EXPLAIN_PAST_H

#include <stdbool.h>

bool explain_is_past(int argc, char **argv);
int explain_past(int argc, char **argv);

#endif
