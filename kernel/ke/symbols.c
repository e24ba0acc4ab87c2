/*
 * symbols.c - names for addresses, and the call chain, for bug checks and the monitor.
 *
 * The table is the kernel's own: tools/ksyms.py puts it into .ksyms after the first link. The chain
 * follows frame pointers, and believes nothing: a frame must lie on a mapped page above the one
 * before.
 */
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"

#define MAX_FRAMES     32
#define MAX_STACK_SPAN 0x10000 /* a frame further away than this is no caller */

typedef struct _KI_SYMBOL {
    ULONG Offset; /* from KiImageStart */
    ULONG Name;   /* offset into the names */
} KI_SYMBOL;

typedef struct _KI_SYMBOL_TABLE {
    ULONG Count;
    ULONG Reserved;
    KI_SYMBOL Symbols[];
} KI_SYMBOL_TABLE;

extern const KI_SYMBOL_TABLE KiSymbolTable;
extern CHAR KiDataStart[], KiDataEnd[];
extern CHAR KiImageStart[], KiInitStart[], KiInitTextEnd[], KiTextStart[], KiTextEnd[];

BOOLEAN KiSymbolise(PVOID Address, PCHAR Buffer, SIZE_T Size)
{
    const KI_SYMBOL_TABLE *Table = &KiSymbolTable;
    PCHAR Byte = Address;
    if (!(Byte >= KiTextStart && Byte < KiTextEnd) &&
        !(Byte >= KiInitStart && Byte < KiInitTextEnd)) {
        return FALSE;
    }
    ULONG Offset = (ULONG)(Byte - KiImageStart);
    ULONG Low = 0, High = Table->Count;
    while (Low < High) { /* first symbol above Offset */
        ULONG Middle = (Low + High) / 2;
        if (Table->Symbols[Middle].Offset <= Offset) {
            Low = Middle + 1;
        } else {
            High = Middle;
        }
    }
    if (Low == 0) {
        return FALSE;
    }
    const KI_SYMBOL *Symbol = &Table->Symbols[Low - 1];
    const CHAR *Names = (const CHAR *)&Table->Symbols[Table->Count];
    _snprintf(Buffer, Size, "%s+0x%x", Names + Symbol->Name, Offset - Symbol->Offset);
    Buffer[Size - 1] = '\0';
    return TRUE;
}

PVOID KiFindSymbol(const CHAR *Name, SIZE_T Length)
{
    const KI_SYMBOL_TABLE *Table = &KiSymbolTable;
    const CHAR *Names = (const CHAR *)&Table->Symbols[Table->Count];
    for (ULONG i = 0; i < Table->Count; i++) {
        const CHAR *Known = Names + Table->Symbols[i].Name;
        if (strlen(Known) == Length && memcmp(Known, Name, Length) == 0) {
            return KiImageStart + Table->Symbols[i].Offset;
        }
    }
    return NULL;
}

static KI_ADDRESS_PROBE *KiAddressProbe;

VOID KiRegisterAddressProbe(KI_ADDRESS_PROBE *Probe)
{
    KiAddressProbe = Probe;
}

static BOOLEAN KiMayRead(PVOID Address)
{
    if (KiAddressProbe != NULL) {
        return KiAddressProbe(Address);
    }
    return (PCHAR)Address >= KiDataStart && (PCHAR)Address < KiDataEnd;
}

/*
 * A return address is looked up one byte earlier: a call that never returns may be a routine's end.
 */
static VOID KiPrintFrame(ULONG Index, ULONG64 Rip)
{
    CHAR Text[96];
    ULONG64 Inside = Index == 0 ? Rip : Rip - 1;
    BOOLEAN Known = KiSymbolise((PVOID)Inside, Text, sizeof(Text)) ||
                    KiDescribeAddress((PVOID)Rip, Text, sizeof(Text));
    DbgPrint("%2u %016I64x %s\n", Index, Rip, Known ? Text : "(no function of the kernel)");
}

VOID KiPrintStack(ULONG64 Rip, ULONG64 Rbp)
{
    KiPrintFrame(0, Rip);
    for (ULONG i = 1; i < MAX_FRAMES; i++) {
        const ULONG64 *Frame = (const ULONG64 *)Rbp;
        if (Rbp % 8 != 0 || !KiMayRead((PVOID)Frame) || !KiMayRead((PVOID)(Frame + 1)) ||
            Frame[1] == 0) {
            return;
        }
        KiPrintFrame(i, Frame[1]);
        ULONG64 Next = Frame[0];
        /* A lower frame is legal only where the chain changes stacks (DPC, bug check). */
        if (Next == Rbp || (Next > Rbp && Next - Rbp > MAX_STACK_SPAN)) {
            return;
        }
        Rbp = Next;
    }
}
