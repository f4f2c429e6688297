/*
 * socketmap_wire.c - requests and replies of socketmap_table(5) as bytes.
 *
 * Both are netstrings, "LENGTH:BYTES,": a request of "NAME KEY", a reply of a word and what belongs to it.
 */
#include "mailseal/buf.h"

#include "table_int.h"

#define DIGITS_MAX 6 /* of a length; the protocol allows 100000 */

struct str socketmap_request(struct arena *a, struct str name, struct str key)
{
    struct buf b;
    size_t n = name.n + 1 + key.n;
    buf_init(&b, a, n + DIGITS_MAX + 2);
    buf_printf(&b, "%zu:", n);
    buf_str(&b, name);
    buf_char(&b, ' ');
    buf_str(&b, key);
    buf_char(&b, ',');
    return buf_view(&b);
}

static bool reply_word(struct str content, struct socketmap_reply *out)
{
    static const struct name_code words[] = { { "OK", TABLE_YES },          { "NOTFOUND", TABLE_NO },  { "TEMP", TABLE_UNKNOWN },
                                              { "TIMEOUT", TABLE_UNKNOWN }, { "PERM", TABLE_UNKNOWN }, { NULL, 0 } };
    struct str word;
    (void)str_cut(content, ' ', &word, &out->text);
    int code = code_of(words, word);
    out->answer = (enum table_answer)code;
    return code >= 0;
}

enum socketmap_parsed socketmap_reply_parse(struct str bytes, struct socketmap_reply *out)
{
    struct str digits, rest;
    uint64_t n;
    *out = (struct socketmap_reply){ .answer = TABLE_UNKNOWN, .text = STR_NONE };
    bool has_length = str_cut(str_first(bytes, DIGITS_MAX + 1), ':', &digits, &rest);
    if (!has_length && bytes.n == 0)
        return SOCKETMAP_MORE;
    if (!str_to_uint(digits, SOCKETMAP_REPLY_MAX, &n) || (digits.p[0] == '0' && digits.n > 1))
        return SOCKETMAP_BAD;
    if (!has_length)
        return digits.n <= DIGITS_MAX ? SOCKETMAP_MORE : SOCKETMAP_BAD;
    rest = str_skip(bytes, digits.n + 1);
    if (rest.n <= n)
        return SOCKETMAP_MORE;
    return rest.n == n + 1 && rest.p[n] == ',' && reply_word(str_first(rest, n), out) ? SOCKETMAP_DONE : SOCKETMAP_BAD;
}
