/*
 * sign_algorithms.c - which algorithms sign: one choice for all domains, and others for some.
 *
 * A key has one algorithm, so this is asked when its file has been read. It is the domain of the key that counts, d=, for that is
 * whose signatures a site wants or does not want.
 */
#include "mailseal/domain.h"
#include "mailseal/log.h"
#include "mailseal/map.h"

#include "config_int.h"

const struct name_code sign_algorithm_names[] = { { "rsa-sha256", KEY_RSA }, { "ed25519-sha256", KEY_ED25519 }, { NULL, 0 } };

/* Algorithms as bits, by enum key_type. */
struct choice {
    unsigned types;
};

struct sign_algorithms {
    struct choice all;     /* none: any */
    struct map *by_domain; /* to struct choice */
};

static struct choice *choice_of(struct sign_algorithms *s, struct arena *a, struct str domain)
{
    struct str normal;
    if (!domain_normalise(a, domain, &normal))
        BUG("'%.*s' was taken for a domain", STR_FMT(domain));
    struct choice *c = map_get(s->by_domain, normal);
    if (c == NULL) {
        c = ARENA_NEW(a, struct choice);
        map_set(s->by_domain, normal, c);
    }
    return c;
}

struct sign_algorithms *sign_algorithms_new(struct arena *a, const struct strings *values)
{
    struct sign_algorithms *s = ARENA_NEW(a, struct sign_algorithms);
    s->by_domain = map_new(a);
    for (size_t i = 0; i < values->n; i++) {
        struct str domain, value = str_of(values->v[i]), name = value;
        struct choice *c = &s->all;
        if (str_rcut(value, '=', &domain, &name))
            c = choice_of(s, a, domain);
        else
            name = value;
        c->types |= 1U << code_of(sign_algorithm_names, name);
    }
    return s;
}

bool sign_algorithm_allowed(const struct conf *c, struct str domain, enum key_type type)
{
    const struct choice *own = map_get(c->algorithms->by_domain, domain);
    unsigned types = own != NULL ? own->types : c->algorithms->all.types;
    return types == 0 || (types >> type & 1) != 0;
}
