/* profiles.c - what each of the shipped profiles would do with the facts of a message. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "mailseal/cmd.h"
#include "mailseal/json.h"
#include "mailseal/policy.h"

#define SUFFIX ".policy"

static int is_profile(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > strlen(SUFFIX) && strcmp(e->d_name + n - strlen(SUFFIX), SUFFIX) == 0;
}

static void add_profile(struct json *list, const char *dir, const char *file, const struct policy_facts *facts)
{
    struct arena *a = arena_new();
    struct json *o = js_add_object(list, NULL);
    struct policy_decision d;
    const char *error;
    const struct policy *p = policy_read(a, str_cstr(a, str_printf(a, "%s/%s", dir, file)), &error);
    js_add_text(o, "profile", str_first(str_of(file), strlen(file) - strlen(SUFFIX)));
    if (p == NULL) {
        js_add_text(o, "error", str_of(error));
    } else {
        policy_decide(p, facts, a, &d);
        js_add_text(o, "action", str_of(name_of(action_names, (int)d.action)));
        js_add_text(o, "rule", str_of(d.rule));
    }
    arena_free(a);
}

void cmd_add_profiles(struct json *doc, struct arena *a)
{
    struct policy_facts facts = { 0 };
    struct dirent **names;
    const char *dir = conf_policy_dir();
    /* Mail that is not judged is so under every profile. */
    if (js_kind(js_member(doc, "exempt")) == JS_TEXT && js_count(js_member(doc, "rules")) == 0)
        return;
    if (!policy_facts_read(a, js_text(js_member(doc, "facts")), &facts))
        return;
    struct json *list = js_add_array(doc, "profiles");
    int n = scandir(dir, &names, is_profile, alphasort);
    for (int i = 0; i < n; i++) {
        add_profile(list, dir, names[i]->d_name, &facts);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}
