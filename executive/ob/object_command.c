/*
 * object_command.c - `!object` and `!handle`: objects, the name space and the handle table at the
 * monitor's prompt, in the words of the debugger.
 *
 * What is printed is copied under the name lock and printed without it; a directory may change
 * between two of its lines. An address that was typed must look like an object before it is taken
 * for one.
 */
#include "executive/ob/ob.h"
#include "kernel/rtl/rtl.h"
#include "kernel/rtl/section.h"

#define OBJECT_USAGE "!object PATH|ADDR"
#define HANDLE_USAGE "!handle [HANDLE]"
#define NAME_SHOWN   40  /* characters of a name */
#define PATH_SIZE    256 /* characters: a line has no more */

/* One object as it is at a moment. */
typedef struct _OBP_SHOWN {
    PVOID Object;
    POBJECT_TYPE Type;
    LONG64 Handles, Pointers;
    POBP_DIRECTORY Directory;
    ULONG Hash;
    ULONG NameLength;
    WCHAR Name[NAME_SHOWN];
} OBP_SHOWN;

/* The name lock is held. */
static VOID ObpCopyObject(POBJECT_HEADER Header, OBP_SHOWN *Shown)
{
    POBP_NAME Name = Header->Name;
    *Shown = (OBP_SHOWN){.Object = ObpBody(Header),
                         .Type = Header->Type,
                         .Handles = Header->HandleCount,
                         .Pointers = Header->PointerCount};
    if (Name != NULL) {
        ULONG Length = Name->Name.Length / sizeof(WCHAR);
        Shown->Directory = Name->Directory;
        Shown->Hash = ObpHashName(&Name->Name);
        Shown->NameLength = Length < NAME_SHOWN ? Length : NAME_SHOWN;
        RtlCopyMemory(Shown->Name, Name->Name.Buffer, Shown->NameLength * sizeof(WCHAR));
    }
}

/* The lock wants a level where it can be waited for. */
static BOOLEAN ObpMayLockNames(VOID)
{
    if (KeGetCurrentIrql() > APC_LEVEL) {
        DbgPrint("objects can be looked at below DISPATCH_LEVEL only\n");
        return FALSE;
    }
    return TRUE;
}

/* ---- one object ------------------------------------------------------------------------------ */

/* The Index-th of what is in a directory; FALSE behind the last. */
static BOOLEAN ObpCopyEntry(POBP_DIRECTORY Directory, ULONG Index, OBP_SHOWN *Shown)
{
    BOOLEAN Found = FALSE;
    ObpLockNames();
    for (ULONG i = 0; !Found && i < OBP_BUCKETS; i++) {
        PLIST_ENTRY Bucket = &Directory->Buckets[i];
        for (PLIST_ENTRY Link = Bucket->Flink; !Found && Link != Bucket; Link = Link->Flink) {
            Found = Index-- == 0;
            if (Found) {
                ObpCopyObject(CONTAINING_RECORD(Link, OBP_NAME, Links)->Header, Shown);
            }
        }
    }
    ObpUnlockNames();
    return Found;
}

static VOID ObpPrintDirectory(POBP_DIRECTORY Directory)
{
    OBP_SHOWN Shown;
    ULONG Hash = MAXULONG;
    DbgPrint("\n    Hash Address          Type          Name\n"
             "    ---- -------          ----          ----\n");
    for (ULONG i = 0; ObpCopyEntry(Directory, i, &Shown); i++) {
        if (Shown.Hash != Hash) {
            DbgPrint("     %02lu ", Shown.Hash);
        } else {
            DbgPrint("        ");
        }
        Hash = Shown.Hash;
        DbgPrint(" %p %-13ws %.*ws\n", Shown.Object, Shown.Type->Info.Name, Shown.NameLength,
                 Shown.Name);
    }
}

/* Prints an object that the caller references. */
static VOID ObpPrintObject(PVOID Object)
{
    OBP_SHOWN Shown;
    ObpLockNames();
    ObpCopyObject(ObpHeader(Object), &Shown);
    ObpUnlockNames();
    DbgPrint("Object: %p  Type: (%p) %ws\n", Object, Shown.Type, Shown.Type->Info.Name);
    DbgPrint("    ObjectHeader: %p\n", ObpHeader(Object));
    /* Without the reference that is held to print it. */
    DbgPrint("    HandleCount: %I64d  PointerCount: %I64d\n", Shown.Handles, Shown.Pointers - 1);
    if (Shown.Directory != NULL) {
        DbgPrint("    Directory Object: %p  Name: %.*ws\n", Shown.Directory, Shown.NameLength,
                 Shown.Name);
    }
    if (Shown.Type == ObpDirectoryType) {
        ObpPrintDirectory(Object);
    } else if (Shown.Type == ObpLinkType) {
        DbgPrint("    Target String is '%wZ'\n", &((POBP_LINK)Object)->Target);
    }
}

/* The object with a path, with a reference; NULL after a line that says why not. */
static PVOID ObpFindPath(const CHAR *Text)
{
    OBP_LOOKUP Lookup;
    WCHAR Buffer[PATH_SIZE];
    UNICODE_STRING Path = {0, sizeof(Buffer), Buffer};
    PVOID Object = NULL;
    for (ULONG i = 0; i < PATH_SIZE && Text[i] != '\0'; i++) {
        Buffer[i] = (UCHAR)Text[i];
        Path.Length += sizeof(WCHAR);
    }
    ObpLockNames();
    if (NT_SUCCESS(ObpLookup(&Path, NULL, OBJ_CASE_INSENSITIVE, TRUE, &Lookup)) &&
        Lookup.Found != NULL) {
        Object = ObpBody(Lookup.Found);
        ObfReferenceObject(Object);
    }
    ObpEndLookup(&Lookup);
    ObpUnlockNames();
    if (Object == NULL) {
        DbgPrint("there is no %s\n", Text);
    }
    return Object;
}

static BOOLEAN ObpIsReadable(PVOID Address, SIZE_T Size)
{
    return (ULONG_PTR)Address % sizeof(PVOID) == 0 && KiMayRead(Address) &&
           KiMayRead((PCHAR)Address + Size - 1);
}

/* An object has a type, which is an object of the type of types. */
static BOOLEAN ObpLooksLikeObject(PVOID Address)
{
    if (!ObpIsReadable(ObpHeader(Address), sizeof(OBJECT_HEADER))) {
        return FALSE;
    }
    POBJECT_TYPE Type = ObpHeader(Address)->Type;
    return ObpIsReadable(ObpHeader(Type), sizeof(OBJECT_HEADER) + sizeof(*Type)) &&
           ObpHeader(Type)->Type == ObpTypeType && ObpHeader(Address)->PointerCount > 0;
}

static VOID ObjectCommand(const CHAR *Arguments)
{
    ULONG64 Address;
    ULONG Count = 1;
    PVOID Object;
    if (*Arguments == '\\') {
        Object = ObpMayLockNames() ? ObpFindPath(Arguments) : NULL;
        if (Object != NULL) {
            ObpPrintObject(Object);
            ObfDereferenceObject(Object);
        }
    } else if (KiReadArguments(OBJECT_USAGE, Arguments, 1, &Address, &Count)) {
        Object = (PVOID)Address;
        if (!ObpLooksLikeObject(Object)) {
            DbgPrint("%p is no object\n", Object);
        } else if (ObpMayLockNames()) {
            ObfReferenceObject(Object);
            ObpPrintObject(Object);
            ObfDereferenceObject(Object);
        }
    }
}
MONITOR_COMMAND("!object", OBJECT_USAGE, "an object, or all that is in a directory", ObjectCommand);

/* ---- handles --------------------------------------------------------------------------------- */

static VOID ObpPrintHandle(HANDLE Handle, const OBP_HANDLE *Entry)
{
    DbgPrint("%p: Object: %p  GrantedAccess: %08lx  %ws\n", Handle, Entry->Object, Entry->Access,
             ObpHeader(Entry->Object)->Type->Info.Name);
}

static VOID ObpPrintHandles(VOID)
{
    OBP_HANDLE Entry;
    HANDLE Handle;
    ULONG Number = 0;
    DbgPrint("Handle table with %lu entries in use\n", ObpHandlesInUse);
    while (ObpNextHandle(&Number, &Handle, &Entry)) {
        ObpPrintHandle(Handle, &Entry);
        ObfDereferenceObject(Entry.Object);
    }
}

/* The low part of a kernel handle will do. */
static VOID HandleCommand(const CHAR *Arguments)
{
    OBP_HANDLE Entry;
    ULONG64 Value;
    ULONG Count = 0;
    if (!KiReadArguments(HANDLE_USAGE, Arguments, 1, &Value, &Count)) {
        return;
    }
    if (Count == 0) {
        ObpPrintHandles();
        return;
    }
    if (!ObpMayLockNames()) {
        return;
    }
    HANDLE Handle = (HANDLE)Value, Kernel = (HANDLE)(Value | OBP_KERNEL_HANDLE_BITS);
    if (ObpLookUpHandle(Handle, &Entry) || ObpLookUpHandle(Handle = Kernel, &Entry)) {
        ObpPrintHandle(Handle, &Entry);
        ObpPrintObject(Entry.Object);
        ObfDereferenceObject(Entry.Object);
    } else {
        DbgPrint("handle %I64x is not open\n", Value);
    }
}
MONITOR_COMMAND("!handle", HANDLE_USAGE, "open handles, or one and its object", HandleCommand);
