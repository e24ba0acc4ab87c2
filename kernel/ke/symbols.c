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

BOOLEAN KiQuerySymbol(ULONG Index, KI_SYMBOL_INFORMATION *Symbol)
{
    const KI_SYMBOL_TABLE *Table = &KiSymbolTable;
    if (Index >= Table->Count) {
        return FALSE;
    }
    Symbol->Name = (const CHAR *)&Table->Symbols[Table->Count] + Table->Symbols[Index].Name;
    Symbol->Address = KiImageStart + Table->Symbols[Index].Offset;
    return TRUE;
}

ULONG KiFindSymbolAt(PVOID Address)
{
    const KI_SYMBOL_TABLE *Table = &KiSymbolTable;
    PCHAR Byte = Address;
    if (!(Byte >= KiTextStart && Byte < KiTextEnd) &&
        !(Byte >= KiInitStart && Byte < KiInitTextEnd)) {
        return MAXULONG;
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
    return Low - 1; /* MAXULONG for none */
}

BOOLEAN KiSymbolise(PVOID Address, PCHAR Buffer, SIZE_T Size)
{
    KI_SYMBOL_INFORMATION Symbol;
    if (!KiQuerySymbol(KiFindSymbolAt(Address), &Symbol)) {
        return FALSE;
    }
    _snprintf(Buffer, Size, "%s+0x%x", Symbol.Name,
              (ULONG)((PCHAR)Address - (PCHAR)Symbol.Address));
    Buffer[Size - 1] = '\0';
    return TRUE;
}

PVOID KiFindSymbol(const CHAR *Name, SIZE_T Length)
{
    KI_SYMBOL_INFORMATION Symbol;
    for (ULONG i = 0; KiQuerySymbol(i, &Symbol); i++) {
        if (strlen(Symbol.Name) == Length && memcmp(Symbol.Name, Name, Length) == 0) {
            return Symbol.Address;
        }
    }
    return NULL;
}

static KI_ADDRESS_PROBE *KiAddressProbe;

VOID KiRegisterAddressProbe(KI_ADDRESS_PROBE *Probe)
{
    KiAddressProbe = Probe;
}

BOOLEAN KiMayRead(PVOID Address)
{
    if (KiAddressProbe != NULL) {
        return KiAddressProbe(Address);
    }
    return (PCHAR)Address >= KiDataStart && (PCHAR)Address < KiDataEnd;
}

/*
 * A return address is looked up one byte earlier: a call that never returns may be a routine's end.
 */
static VOID KiPrintFrame(ULONG Index, ULONG64 Rip, BOOLEAN Returns)
{
    CHAR Text[KI_DESCRIPTION];
    ULONG64 Inside = Returns ? Rip - 1 : Rip;
    BOOLEAN Known = KiSymbolise((PVOID)Inside, Text, sizeof(Text)) ||
                    KiDescribeAddress((PVOID)Rip, Text, sizeof(Text));
    DbgPrint("%2u %016I64x %s\n", Index, Rip, Known ? Text : "(no function of the kernel)");
}

VOID KiPrintStack(ULONG64 Rip, ULONG64 Rbp, BOOLEAN Returns)
{
    KiPrintFrame(0, Rip, Returns);
    for (ULONG i = 1; i < MAX_FRAMES; i++) {
        const ULONG64 *Frame = (const ULONG64 *)Rbp;
        if (Rbp % 8 != 0 || !KiMayRead((PVOID)Frame) || !KiMayRead((PVOID)(Frame + 1)) ||
            Frame[1] == 0) {
            return;
        }
        KiPrintFrame(i, Frame[1], TRUE);
        ULONG64 Next = Frame[0];
        /* A lower frame is legal only where the chain changes stacks (DPC, bug check). */
        if (Next == Rbp || (Next > Rbp && Next - Rbp > MAX_STACK_SPAN)) {
            return;
        }
        Rbp = Next;
    }
}
