/* cmd_key.h - what the commands that use a private key share. */
#ifndef MAILSEAL_CMD_KEY_H
#define MAILSEAL_CMD_KEY_H

#include "mailseal/cmd.h"

/* A private key from a file; what is doubtful about the file is said on stderr. NULL after printing why. */
struct privkey *cmd_read_key(const char *name, struct arena *a, const char *path);

/* `mailseal key check` */
int cmd_key_check(int argc, char **argv);

#endif
