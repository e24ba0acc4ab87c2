/*
 * options.c - the words of the kernel's command line, for everybody who has a switch there.
 *
 * A word is `name` or `name=value`. Words are cut once, at start; a name that nobody knows is
 * reported, so that a typing error does not silently change nothing.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

#define MAX_WORDS 32

BOOT_OPTION(Mode, "mode",
            "mode=checked|free  contract checks on every path, or as a Windows free build");

static CHAR KiWordStorage[BOOT_COMMAND_LINE_SIZE];
static const CHAR *KiWords[MAX_WORDS];
static ULONG KiWordCount;
static ULONG KiWordsDropped;

/* Length of the name part of a word. */
static SIZE_T KiNameLength(const CHAR *Word)
{
    SIZE_T Length = 0;
    while (Word[Length] != '\0' && Word[Length] != '=') {
        Length++;
    }
    return Length;
}

const CHAR *KiGetBootOption(const CHAR *Name)
{
    SIZE_T Length = strlen(Name);
    for (ULONG i = 0; i < KiWordCount; i++) {
        if (KiNameLength(KiWords[i]) == Length && memcmp(KiWords[i], Name, Length) == 0) {
            return KiWords[i][Length] == '=' ? KiWords[i] + Length + 1 : KiWords[i] + Length;
        }
    }
    return NULL;
}

ULONG KiBootWordCount(VOID)
{
    return KiWordCount;
}

static INIT BOOLEAN KiIsKnownWord(const CHAR *Word)
{
    SIZE_T Length = KiNameLength(Word);
    for (const BOOT_OPTION_ENTRY *Known = KiOptionTable; Known < KiOptionTableEnd; Known++) {
        if (strlen(Known->Name) == Length && memcmp(Known->Name, Word, Length) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Under GRUB the first word may be the image's own name; loaders differ, so a path is no word. */
static INIT VOID KiAddWord(CHAR *Word)
{
    if (Word[0] == '/') {
        return;
    }
    if (KiWordCount == MAX_WORDS) {
        KiWordsDropped++;
        return;
    }
    KiWords[KiWordCount++] = Word;
}

INIT VOID KiParseCommandLine(const CHAR *CommandLine)
{
    ULONG At = 0;
    BOOLEAN Inside = FALSE;
    for (ULONG i = 0; i < BOOT_COMMAND_LINE_SIZE && CommandLine[i] != '\0'; i++) {
        BOOLEAN Blank = CommandLine[i] <= ' ';
        KiWordStorage[i] = Blank ? '\0' : CommandLine[i];
        if (!Blank && !Inside) {
            At = i;
        }
        Inside = !Blank;
        if (Inside && (CommandLine[i + 1] == '\0' || CommandLine[i + 1] <= ' ')) {
            KiAddWord(&KiWordStorage[At]);
        }
    }
    const CHAR *Mode = KiGetBootOption("mode");
    KiCheckedMode = Mode == NULL || strcmp(Mode, "free") != 0;
}

INIT VOID KiReportUnknownWords(VOID)
{
    const CHAR *Mode = KiGetBootOption("mode");
    if (Mode != NULL && strcmp(Mode, "free") != 0 && strcmp(Mode, "checked") != 0) {
        DbgPrint("command line: mode=%s is neither free nor checked; checked it is\n", Mode);
    }
    if (KiWordsDropped != 0) {
        DbgPrint("command line: only %u words fit, the last %u are ignored\n", MAX_WORDS,
                 KiWordsDropped);
    }
    for (ULONG i = 0; i < KiWordCount; i++) {
        if (!KiIsKnownWord(KiWords[i])) {
            DbgPrint("command line: nobody knows the word '%s'\n", KiWords[i]);
        }
    }
}
