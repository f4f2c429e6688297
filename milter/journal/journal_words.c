/* journal_words.c - the words entries are made of, for journal_pack.c: the more frequent, the nearer to the end. */
#include "journal_int.h"

const char journal_words_text[] = "TIMEOUT\"},\"SERVFAIL\"},softfail neutral temperror permerror policy quarantine";
