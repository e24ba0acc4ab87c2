/*
 * name.c - the names that objects have: asking for one, and making objects lose theirs. OB-4.
 */
#include "executive/ob/ob.h"
#include "kernel/rtl/section.h"

#define UNKNOWN_PLACE L"..." /* above a directory that has lost its name */

/*
 * Writes what the object is called, from its end backwards, into the Length bytes at Text, and
 * returns how long it is; it is whole only if it fits. The name lock is held.
 */
static ULONG ObpWriteName(POBJECT_HEADER Header, PCHAR Text, ULONG Length)
{
    static const UNICODE_STRING Separator = {sizeof(WCHAR), sizeof(WCHAR), (PWSTR)L"\\"};
    static const UNICODE_STRING Unknown = {3 * sizeof(WCHAR), 3 * sizeof(WCHAR),
                                           (PWSTR)UNKNOWN_PLACE};
    ULONG Used = 0;
    for (POBP_NAME Name = Header->Name; Header != ObpHeader(ObpRoot); Name = Header->Name) {
        PCUNICODE_STRING Parts[] = {Name != NULL ? &Name->Name : &Unknown, &Separator};
        for (ULONG i = 0; i < (Name != NULL ? 2 : 1); i++) {
            Used += Parts[i]->Length;
            if (Used <= Length) {
                RtlCopyMemory(Text + Length - Used, Parts[i]->Buffer, Parts[i]->Length);
            }
        }
        if (Name == NULL) {
            return Used;
        }
        Header = ObpHeader(Name->Directory);
    }
    return Used;
}

/* The same for any object: nothing without a name, a separator for the root. */
static ULONG ObpFormatName(POBJECT_HEADER Header, PCHAR Text, ULONG Length)
{
    if (Header == ObpHeader(ObpRoot)) {
        if (Length >= sizeof(WCHAR)) {
            *(PWSTR)(Text + Length - sizeof(WCHAR)) = OBJ_NAME_PATH_SEPARATOR;
        }
        return sizeof(WCHAR);
    }
    return Header->Name != NULL ? ObpWriteName(Header, Text, Length) : 0;
}

/* With the lock held. */
static NTSTATUS ObpQueryName(POBJECT_HEADER Header, POBJECT_NAME_INFORMATION ObjectNameInfo,
                             ULONG Length, PULONG ReturnLength)
{
    PCHAR Text = (PCHAR)(ObjectNameInfo + 1);
    ULONG Needed = ObpFormatName(Header, NULL, 0);
    ULONG Terminator = Needed != 0 ? sizeof(WCHAR) : 0;
    *ReturnLength = sizeof(*ObjectNameInfo) + Needed + Terminator;
    if (Needed + Terminator > MAXUSHORT) {
        return STATUS_NAME_TOO_LONG;
    }
    if (Length < *ReturnLength) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    ObpFormatName(Header, Text, Needed);
    if (Needed != 0) {
        *(PWSTR)(Text + Needed) = L'\0';
    }
    ObjectNameInfo->Name = (UNICODE_STRING){(USHORT)Needed, (USHORT)(Needed + Terminator),
                                            Needed != 0 ? (PWSTR)Text : NULL};
    return STATUS_SUCCESS;
}

NTSTATUS NTAPI ObQueryNameString(PVOID Object, POBJECT_NAME_INFORMATION ObjectNameInfo,
                                 ULONG Length, PULONG ReturnLength)
{
    KiRequireIrql(APC_LEVEL);
    ObpLockNames();
    NTSTATUS Status = ObpQueryName(ObpHeader(Object), ObjectNameInfo, Length, ReturnLength);
    ObpUnlockNames();
    return Status;
}
EXPORT(ObQueryNameString);

VOID NTAPI ObMakeTemporaryObject(PVOID Object)
{
    POBJECT_HEADER Header = ObpHeader(Object);
    KiRequireIrql(APC_LEVEL);
    ObpLockNames();
    Header->Flags &= ~OBP_PERMANENT;
    POBP_NAME Name = ObpUnlinkName(Header);
    ObpUnlockNames();
    ObpFreeUnlinkedName(Name);
}
EXPORT(ObMakeTemporaryObject);

NTSTATUS NTAPI ZwMakeTemporaryObject(HANDLE Handle)
{
    PVOID Object;
    ObpRequireZw(__builtin_return_address(0));
    NTSTATUS Status = ObReferenceObjectByHandle(Handle, DELETE, NULL, KernelMode, &Object, NULL);
    if (NT_SUCCESS(Status)) {
        ObMakeTemporaryObject(Object);
        ObfDereferenceObject(Object);
    }
    return Status;
}
EXPORT(ZwMakeTemporaryObject);
