/*
 * keydir.h - the key directory: DIR/DOMAIN/SELECTOR.pem, and beside each key SELECTOR.state, which says whether it signs.
 *
 * A state is one line: a word, then facts of the form key=number, each with a space before it. Facts that are not known are kept
 * out of the way: they are ignored. A key without a .state file signs. One whose state cannot be read does not.
 *
 * Every change is a new file that is on the disk before it takes its name, so that a crash leaves the old state or the new one.
 */
#ifndef MAILSEAL_KEYDIR_H
#define MAILSEAL_KEYDIR_H

#include <stdint.h>

#include "mailseal/crypto.h"
#include "mailseal/str.h"

enum keydir_word {
    KEYDIR_PENDING, /* made; signs when its record has been seen long enough */
    KEYDIR_ACTIVE,  /* signs */
    KEYDIR_RETIRED  /* signs no more; its record stays published until the mail it signed has been read */
};
extern const struct name_code keydir_words[];

struct keydir_state {
    enum keydir_word word;
    int64_t since;        /* since=: when this state began; 0: not known */
    int64_t seen;         /* seen=: pending: since when the record is published everywhere we ask; 0: it is not */
    int64_t negttl;       /* negttl=: pending: seconds resolvers may remember that there was no record; 0: not known */
    int64_t retire_after; /* retire-after=: retired: until then mail it signed may be under way */
    bool switching;       /* switching=1: active: those it replaces may not all be retired yet */
};

#define KEYDIR_STATE_MAX 512 /* bytes of a .state file */

/* The text of a .state file, with or without its line end. False with a reason (a literal). */
bool keydir_state_parse(struct str text, struct keydir_state *out, const char **reason) __attribute__((warn_unused_result));
/* The line, with its line end. */
struct str keydir_state_write(struct arena *a, const struct keydir_state *s);

/* The open directory of one domain. Its handle goes with the arena. */
struct keydir;
/* Opens DIR/DOMAIN; domain is in normal form. `make` makes both where they are missing, mode 0700. Neither may be a symbolic link,
 * belong to another user than root or us, or be writable by group or others. NULL with a reason in the arena, which names the
 * path. */
struct keydir *keydir_open(struct arena *a, const char *dir, struct str domain, bool make, const char **reason);
/* Keeps other changes out until the arena goes. False with a reason when another process is at it. */
bool keydir_lock(struct keydir *k, struct arena *a, const char **reason) __attribute__((warn_unused_result));
/* The domains DIR has directories for, sorted. False with a reason. */
bool keydir_domains(struct arena *a, const char *dir, struct str **domains, size_t *n, const char **reason)
    __attribute__((warn_unused_result));

struct keydir_key {
    struct str selector;
    struct keydir_state state; /* without a .state file: KEYDIR_ACTIVE, since 0 */
    const char *reason;        /* why its state cannot be read, and so it must not sign; else NULL */
};
/* The keys, sorted by selector. False with a reason. */
bool keydir_list(struct keydir *k, struct arena *a, struct keydir_key **keys, size_t *n, const char **reason)
    __attribute__((warn_unused_result));
/* DIR/DOMAIN/SELECTOR.pem, for privkey_read(). */
const char *keydir_path(const struct keydir *k, struct arena *a, struct str selector);

/* True when the selector has ever been used here: its key, its state, or its key put away. */
bool keydir_has(const struct keydir *k, struct str selector);
/* A new key: first its state, then the key, so that it is never without. Nothing is overwritten. False with a reason. */
bool keydir_add(struct keydir *k, struct arena *a, struct str selector, struct str pem, const struct keydir_state *s,
                const char **reason) __attribute__((warn_unused_result));
/* Replaces the state. False with a reason, and the old state is still there. */
bool keydir_set(struct keydir *k, struct arena *a, struct str selector, const struct keydir_state *s, const char **reason)
    __attribute__((warn_unused_result));
/* Puts a key away: SELECTOR.pem becomes SELECTOR.pem.retired. False with a reason. */
bool keydir_put_away(struct keydir *k, struct arena *a, struct str selector, const char **reason)
    __attribute__((warn_unused_result));

/* The new file `path` with these bytes, mode 0600, on the disk when it returns. Nothing is overwritten, no link is followed.
 * False with a reason, and there is no such file. */
bool keydir_write_new(struct arena *a, const char *path, struct str bytes, const char **reason) __attribute__((warn_unused_result));

#endif
