/*
 * keys.c - turns what a terminal sends into keys, byte by byte, for the line editor.
 *
 * Keys beyond the letters come as sequences (ECMA-48: ESC [ numbers final, or ESC O final), which
 * may arrive in pieces; so this is a state machine that waits for nothing. A control character or
 * another ESC inside a sequence ends it: whatever garbage came, the next Enter is an Enter.
 */
#include "monitor/monitor.h"

#define ESCAPE        0x1B
#define RUBOUT        0x7F
#define MAX_PARAMETER 9999

static ULONG MonControlKey(PMON_KEYS Keys, UCHAR Byte)
{
    BOOLEAN AfterReturn = Keys->AfterReturn;
    Keys->AfterReturn = Byte == '\r';
    switch (Byte) {
    case '\r': return MonKeyEnter;
    case '\n': return AfterReturn ? MonKeyNone : MonKeyEnter;
    case '\b':
    case RUBOUT: return MonKeyBackspace;
    case '\t': return MonKeyTab;
    case 'A' & 0x1F: return MonKeyHome;
    case 'B' & 0x1F: return MonKeyLeft;
    case 'C' & 0x1F: return MonKeyCancel;
    case 'D' & 0x1F: return MonKeyDelete;
    case 'E' & 0x1F: return MonKeyEnd;
    case 'F' & 0x1F: return MonKeyRight;
    case 'K' & 0x1F: return MonKeyKillEnd;
    case 'L' & 0x1F: return MonKeyClear;
    case 'N' & 0x1F: return MonKeyDown;
    case 'P' & 0x1F: return MonKeyUp;
    case 'U' & 0x1F: return MonKeyKillStart;
    case 'W' & 0x1F: return MonKeyKillWord;
    default: return MonKeyNone;
    }
}

/* ESC and a letter: how terminals send Alt. */
static ULONG MonAltKey(PMON_KEYS Keys, UCHAR Byte)
{
    Keys->State = MonKeysText;
    switch (Byte) {
    case '[': *Keys = (MON_KEYS){.State = MonKeysSequence}; return MonKeyNone;
    case 'O': Keys->State = MonKeysShort; return MonKeyNone;
    case 'b': return MonKeyWordLeft;
    case 'f': return MonKeyWordRight;
    case RUBOUT: return MonKeyKillWord;
    default: return MonKeyNone;
    }
}

/* Keys that send a number: ESC [ 3 ~ */
static ULONG MonNumberedKey(ULONG Number)
{
    switch (Number) {
    case 1:
    case 7: return MonKeyHome;
    case 3: return MonKeyDelete;
    case 4:
    case 8: return MonKeyEnd;
    default: return MonKeyNone;
    }
}

/* Modifier is 0 without one, 2 with Shift; 3 and above have Alt or Ctrl. */
static ULONG MonFinalKey(UCHAR Final, ULONG Number, ULONG Modifier)
{
    switch (Final) {
    case 'A': return MonKeyUp;
    case 'B': return MonKeyDown;
    case 'C': return Modifier >= 3 ? MonKeyWordRight : MonKeyRight;
    case 'D': return Modifier >= 3 ? MonKeyWordLeft : MonKeyLeft;
    case 'F': return MonKeyEnd;
    case 'H': return MonKeyHome;
    case '~': return MonNumberedKey(Number);
    default: return MonKeyNone;
    }
}

static ULONG MonSequenceKey(PMON_KEYS Keys, UCHAR Byte)
{
    if (Byte >= '0' && Byte <= '9') {
        if (Keys->Count < MON_KEY_PARAMETERS && Keys->Parameters[Keys->Count] < MAX_PARAMETER) {
            Keys->Parameters[Keys->Count] = Keys->Parameters[Keys->Count] * 10 + Byte - '0';
        }
    } else if (Byte == ';') {
        Keys->Count += Keys->Count < MON_KEY_PARAMETERS;
    } else if (Byte < '@') { /* what ECMA-48 leaves to private use, and intermediate bytes */
        Keys->Private = TRUE;
    } else if (Byte == '[') { /* a Linux console's F keys: ESC [ [ A */
        Keys->State = MonKeysSkip;
    } else {
        Keys->State = MonKeysText;
        return Keys->Private ? MonKeyNone
                             : MonFinalKey(Byte, Keys->Parameters[0], Keys->Parameters[1]);
    }
    return MonKeyNone;
}

static ULONG MonTextKey(PMON_KEYS Keys, UCHAR Byte)
{
    Keys->AfterReturn = FALSE;
    switch (Keys->State) {
    case MonKeysEscape: return MonAltKey(Keys, Byte);
    case MonKeysSequence: return MonSequenceKey(Keys, Byte);
    case MonKeysShort: Keys->State = MonKeysText; return MonFinalKey(Byte, 0, 0);
    case MonKeysSkip: Keys->State = MonKeysText; return MonKeyNone;
    default: return Byte;
    }
}

ULONG MonDecodeKey(PMON_KEYS Keys, UCHAR Byte)
{
    if (Byte == ESCAPE) {
        *Keys = (MON_KEYS){.State = MonKeysEscape};
        return MonKeyNone;
    }
    if (Byte >= 0x80) {
        *Keys = (MON_KEYS){.State = MonKeysText};
        return MonKeyBad;
    }
    if (Byte < ' ' || (Byte == RUBOUT && Keys->State != MonKeysEscape)) {
        Keys->State = MonKeysText;
        return MonControlKey(Keys, Byte);
    }
    return MonTextKey(Keys, Byte);
}
