/*
 * directory.c - directories: names by hash, and the lock that guards them all. OB-3, OB-4, OB-6.
 */
#include "executive/ob/ob.h"
#include "kernel/rtl/section.h"

#define TAG_NAME 'mNbO' /* ObNm */

POBP_DIRECTORY ObpRoot;
static FAST_MUTEX ObpNameMutex;

INIT VOID ObpInitializeNames(VOID)
{
    ExInitializeFastMutex(&ObpNameMutex);
}

VOID ObpLockNames(VOID)
{
    ExAcquireFastMutex(&ObpNameMutex);
}

VOID ObpUnlockNames(VOID)
{
    ExReleaseFastMutex(&ObpNameMutex);
}

POBP_DIRECTORY ObpAllocateDirectory(VOID)
{
    POBP_DIRECTORY Directory = ObpAllocateObject(ObpDirectoryType);
    for (ULONG i = 0; Directory != NULL && i < OBP_BUCKETS; i++) {
        InitializeListHead(&Directory->Buckets[i]);
    }
    return Directory;
}

ULONG ObpHashName(PCUNICODE_STRING Name)
{
    ULONG Hash = 0;
    for (ULONG i = 0; i < Name->Length / sizeof(WCHAR); i++) {
        Hash = Hash * 31 + RtlUpcaseUnicodeChar(Name->Buffer[i]);
    }
    return Hash % OBP_BUCKETS;
}

POBP_NAME ObpFindName(POBP_DIRECTORY Directory, PCUNICODE_STRING Name, BOOLEAN CaseInsensitive)
{
    PLIST_ENTRY Bucket = &Directory->Buckets[ObpHashName(Name)];
    for (PLIST_ENTRY Entry = Bucket->Flink; Entry != Bucket; Entry = Entry->Flink) {
        POBP_NAME Candidate = CONTAINING_RECORD(Entry, OBP_NAME, Links);
        if (RtlEqualUnicodeString(&Candidate->Name, Name, CaseInsensitive)) {
            return Candidate;
        }
    }
    return NULL;
}

POBP_NAME ObpAllocateName(PCUNICODE_STRING Text)
{
    POBP_NAME Name = ExAllocatePoolWithTag(PagedPool, sizeof(*Name) + Text->Length, TAG_NAME);
    if (Name != NULL) {
        RtlInitEmptyUnicodeString(&Name->Name, (PWSTR)(Name + 1), Text->Length);
        RtlCopyUnicodeString(&Name->Name, Text);
    }
    return Name;
}

VOID ObpLinkName(POBP_DIRECTORY Directory, POBP_NAME Name, POBJECT_HEADER Header)
{
    ObfReferenceObject(Directory);
    ObfReferenceObject(ObpBody(Header));
    Name->Directory = Directory;
    Name->Header = Header;
    InsertTailList(&Directory->Buckets[ObpHashName(&Name->Name)], &Name->Links);
    Header->Name = Name;
    Header->Flags |= OBP_NAMED;
}

POBP_NAME ObpUnlinkName(POBJECT_HEADER Header)
{
    POBP_NAME Name = Header->Name;
    if (Name == NULL || (Header->Flags & OBP_PERMANENT) || Header->HandleCount != 0) {
        return NULL;
    }
    RemoveEntryList(&Name->Links);
    Header->Name = NULL;
    return Name;
}

VOID ObpFreeUnlinkedName(POBP_NAME Name)
{
    if (Name != NULL) {
        ObfDereferenceObject(Name->Directory);
        ObfDereferenceObject(ObpBody(Name->Header));
        ExFreePoolWithTag(Name, TAG_NAME);
    }
}

/* ---- for drivers ----------------------------------------------------------------------------- */

NTSTATUS NTAPI ZwCreateDirectoryObject(PHANDLE DirectoryHandle, ACCESS_MASK DesiredAccess,
                                       POBJECT_ATTRIBUTES ObjectAttributes)
{
    ObpRequireZw(__builtin_return_address(0));
    POBP_DIRECTORY Directory = ObpAllocateDirectory();
    if (Directory == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    return ObpInsertObject(Directory, ObjectAttributes, DesiredAccess, NULL, DirectoryHandle);
}
EXPORT(ZwCreateDirectoryObject);

NTSTATUS NTAPI ZwOpenDirectoryObject(PHANDLE DirectoryHandle, ACCESS_MASK DesiredAccess,
                                     POBJECT_ATTRIBUTES ObjectAttributes)
{
    ObpRequireZw(__builtin_return_address(0));
    return ObpOpenByName(ObjectAttributes, ObpDirectoryType, DesiredAccess, DirectoryHandle);
}
EXPORT(ZwOpenDirectoryObject);
