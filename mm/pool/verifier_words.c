/*
 * verifier_words.c - the start word verifier=, which says what is verified and how.
 *
 * Its value is a list with commas between:
 *
 *   special-pool   each block alone on a page (special.c): all, or `:TAG` or `:SIZE`
 *   underrun       special pool puts blocks at the start of their page, not at its end
 *   pool           the checks that NT makes for every verified driver (verify.c)
 *   pool-tracking  each block of an owner is noted, and what an unload leaves is told (track.c)
 *   ddi            the rules of DDI compliance checking that are about pool and pages
 *
 * A tag is written as in NT's tools: `?` stands for any character, `*` for any number of them. What
 * begins with a digit is a size: that of the block with its header, as in the public tables
 * (contract 2.6), so 0x20 are the requests of 1 to 16 bytes. A tag that begins with a digit can be
 * had with `?`.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"
#include "mm/pool/track.h"

BOOT_OPTION(Verifier, "verifier",
            "verifier=LIST  of special-pool[:TAG|SIZE|*], underrun, pool, pool-tracking, ddi");

#define SPECIAL_POOL "special-pool"

/* Length of an item of the list. */
static SIZE_T ExpItemLength(const CHAR *Text)
{
    SIZE_T Length = 0;
    while (Text[Length] != '\0' && Text[Length] != ',') {
        Length++;
    }
    return Length;
}

static BOOLEAN ExpIsItem(const CHAR *Text, SIZE_T Length, const CHAR *Item)
{
    return strlen(Item) == Length && memcmp(Text, Item, Length) == 0;
}

/* A size that blocks of the ordinary pool can have. */
static BOOLEAN ExpReadSize(const CHAR *Text, SIZE_T Length, PULONG Size)
{
    const CHAR *Rest = Text;
    BOOLEAN Hexadecimal = Length > 2 && Text[0] == '0' && Text[1] == 'x';
    ULONG64 Value;
    CHAR Number[VERIFY_PATTERN_SIZE] = "";
    if (Length >= sizeof(Number)) {
        return FALSE;
    }
    RtlCopyMemory(Number, Text, Length);
    Rest = Number;
    if (!RtlpParseNumber(&Rest, Hexadecimal ? 16 : 10, &Value) || *Rest != '\0') {
        return FALSE;
    }
    *Size = (ULONG)Value;
    return Value >= 2 * POOL_GRANULE && Value < PAGE_SIZE && Value % POOL_GRANULE == 0;
}

/* A tag of up to four characters, or a pattern for tags. Shorter tags have blanks behind them. */
static BOOLEAN ExpReadTags(const CHAR *Text, SIZE_T Length, CHAR Tags[VERIFY_PATTERN_SIZE])
{
    BOOLEAN Wild = FALSE;
    for (SIZE_T i = 0; i < Length; i++) {
        Wild |= Text[i] == '*';
    }
    if (Length == 0 || Length >= VERIFY_PATTERN_SIZE || (Length > sizeof(ULONG) && !Wild)) {
        return FALSE;
    }
    RtlCopyMemory(Tags, Text, Length);
    while (Length < sizeof(ULONG) && !Wild) {
        Tags[Length++] = ' ';
    }
    Tags[Length] = '\0';
    return TRUE;
}

/* What stands behind "special-pool". */
static BOOLEAN ExpReadSelection(const CHAR *Text, SIZE_T Length, PPOOL_VERIFIER Verifier)
{
    Verifier->Level |= VERIFY_SPECIAL_POOL;
    if (Length == 0) {
        return ExpReadTags("*", 1, Verifier->SpecialTags);
    }
    if (Text[0] != ':') {
        return FALSE;
    }
    if (Length > 1 && Text[1] >= '0' && Text[1] <= '9') {
        return ExpReadSize(Text + 1, Length - 1, &Verifier->SpecialSize);
    }
    return ExpReadTags(Text + 1, Length - 1, Verifier->SpecialTags);
}

static const struct {
    const CHAR *Item;
    ULONG Level;
} ExpWays[] = {{"pool", VERIFY_POOL}, {"pool-tracking", VERIFY_TRACKING}, {"ddi", VERIFY_DDI}};

static BOOLEAN ExpReadItem(const CHAR *Text, SIZE_T Length, PPOOL_VERIFIER Verifier)
{
    SIZE_T Head = sizeof(SPECIAL_POOL) - 1;
    if (Length >= Head && memcmp(Text, SPECIAL_POOL, Head) == 0) {
        return ExpReadSelection(Text + Head, Length - Head, Verifier);
    }
    if (ExpIsItem(Text, Length, "underrun")) {
        Verifier->Underrun = TRUE;
        return TRUE;
    }
    for (ULONG i = 0; i < ARRAYSIZE(ExpWays); i++) {
        if (ExpIsItem(Text, Length, ExpWays[i].Item)) {
            Verifier->Level |= ExpWays[i].Level;
            return TRUE;
        }
    }
    return FALSE;
}

BOOLEAN ExpParseVerifier(const CHAR *Text, PPOOL_VERIFIER Verifier, const CHAR **Wrong)
{
    *Verifier = (POOL_VERIFIER){.Level = 0};
    for (;;) {
        SIZE_T Length = ExpItemLength(Text);
        *Wrong = Text;
        if (!ExpReadItem(Text, Length, Verifier)) {
            return FALSE;
        }
        if (Text[Length] == '\0') {
            return TRUE;
        }
        Text += Length + 1;
    }
}

INIT VOID ExpReadVerifierWord(VOID)
{
    POOL_VERIFIER Verifier;
    const CHAR *Text = KiGetBootOption("verifier"), *Wrong;
    if (Text == NULL) {
        return;
    }
    if (!ExpParseVerifier(Text, &Verifier, &Wrong)) {
        DbgPrint("verifier=%s: '%.*s' is nothing that can be verified; nothing is\n", Text,
                 (ULONG)ExpItemLength(Wrong), Wrong);
        return;
    }
    if (Verifier.Level & VERIFY_TRACKING) {
        static POOL_OWNER Kernel = {.Name = "tarn"};
        Kernel.Start = (ULONG_PTR)KiTextStart;
        Kernel.End = (ULONG_PTR)KiTextEnd;
        ExpAddOwner(&Kernel);
    }
    ExpSetVerifier(&Verifier);
}
