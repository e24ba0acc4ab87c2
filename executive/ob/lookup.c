/*
 * lookup.c - from a path to an object, through directories and symbolic links. OB-9.
 *
 * A link stands for the text of its target: the walk begins anew with the target and what was left
 * of the path, in a buffer of its own.
 */
#include "executive/ob/ob.h"

#define TAG_PATH  'mNbO' /* ObNm */
#define MAX_LINKS 32     /* on one path; more are taken for a ring */

/* Takes the first part off Path; FALSE when nothing is behind it, not even a separator. */
static BOOLEAN ObpSplitPath(PUNICODE_STRING Path, PUNICODE_STRING Part)
{
    USHORT Count = Path->Length / sizeof(WCHAR), Length = 0;
    while (Length < Count && Path->Buffer[Length] != OBJ_NAME_PATH_SEPARATOR) {
        Length++;
    }
    *Part = (UNICODE_STRING){Length * sizeof(WCHAR), Length * sizeof(WCHAR), Path->Buffer};
    USHORT Taken = Length < Count ? Length + 1 : Length;
    Path->Buffer += Taken;
    Path->Length -= Taken * sizeof(WCHAR);
    return Length < Count;
}

static BOOLEAN ObpBeginsWithSeparator(PCUNICODE_STRING Path)
{
    return Path->Length != 0 && Path->Buffer[0] == OBJ_NAME_PATH_SEPARATOR;
}

/* Where a walk along Path begins: its Directory, or all that it finds, the root. */
static NTSTATUS ObpBeginWalk(PUNICODE_STRING Path, POBP_DIRECTORY Root, POBP_LOOKUP Lookup)
{
    UNICODE_STRING Nothing;
    if ((Root == NULL) != ObpBeginsWithSeparator(Path)) {
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    }
    Lookup->Directory = Root;
    if (Root == NULL) {
        ObpSplitPath(Path, &Nothing);
        Lookup->Directory = ObpRoot;
        Lookup->Found = Path->Length == 0 ? ObpHeader(ObpRoot) : NULL;
    }
    return STATUS_SUCCESS;
}

/*
 * Walks until the path ends or a link has to be followed: STATUS_REPARSE, with the link in Found
 * and what is behind it in Path, from its separator on.
 */
static NTSTATUS ObpWalk(PUNICODE_STRING Path, POBP_DIRECTORY Root, BOOLEAN CaseInsensitive,
                        BOOLEAN OpenLink, POBP_LOOKUP Lookup)
{
    BOOLEAN More = TRUE;
    NTSTATUS Status = ObpBeginWalk(Path, Root, Lookup);
    if (Status != STATUS_SUCCESS || Lookup->Found != NULL) {
        return Status;
    }
    for (;;) {
        More = ObpSplitPath(Path, &Lookup->Last);
        if (Lookup->Last.Length == 0) {
            return STATUS_OBJECT_NAME_INVALID;
        }
        POBP_NAME Name = ObpFindName(Lookup->Directory, &Lookup->Last, CaseInsensitive);
        Lookup->Found = Name != NULL ? Name->Header : NULL;
        if (Name != NULL && Name->Header->Type == ObpLinkType && (More || !OpenLink)) {
            Path->Buffer -= More;
            Path->Length += More * sizeof(WCHAR);
            return STATUS_REPARSE;
        }
        if (!More) {
            return STATUS_SUCCESS;
        }
        if (Name == NULL || Name->Header->Type != ObpDirectoryType) {
            return Name == NULL ? STATUS_OBJECT_PATH_NOT_FOUND : STATUS_OBJECT_PATH_INVALID;
        }
        Lookup->Directory = ObpBody(Name->Header);
    }
}

/* Puts a link's target before what is left of the path. */
static NTSTATUS ObpFollowLink(POBP_LOOKUP Lookup, PUNICODE_STRING Path)
{
    POBP_LINK Link = ObpBody(Lookup->Found);
    ULONG Length = (ULONG)Link->Target.Length + Path->Length;
    if (Length > MAXUSHORT) {
        return STATUS_NAME_TOO_LONG;
    }
    PWSTR Buffer = ExAllocatePoolWithTag(PagedPool, Length, TAG_PATH);
    if (Buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    RtlCopyMemory(Buffer, Link->Target.Buffer, Link->Target.Length);
    RtlCopyMemory((PCHAR)Buffer + Link->Target.Length, Path->Buffer, Path->Length);
    ObpEndLookup(Lookup);
    Lookup->Buffer = Buffer;
    *Path = (UNICODE_STRING){(USHORT)Length, (USHORT)Length, Buffer};
    return STATUS_SUCCESS;
}

NTSTATUS ObpLookup(PCUNICODE_STRING Path, POBP_DIRECTORY Root, ULONG Attributes, BOOLEAN OpenLink,
                   POBP_LOOKUP Lookup)
{
    UNICODE_STRING Rest = *Path;
    BOOLEAN CaseInsensitive = (Attributes & OBJ_CASE_INSENSITIVE) != 0;
    RtlZeroMemory(Lookup, sizeof(*Lookup));
    for (ULONG Links = 0; Links < MAX_LINKS; Links++) {
        NTSTATUS Status = ObpWalk(&Rest, Root, CaseInsensitive, OpenLink, Lookup);
        if (Status != STATUS_REPARSE) {
            return Status;
        }
        if (Attributes & OBJ_DONT_REPARSE) {
            return STATUS_REPARSE_POINT_ENCOUNTERED;
        }
        Status = ObpFollowLink(Lookup, &Rest);
        if (Status != STATUS_SUCCESS) {
            return Status;
        }
        Root = NULL;
    }
    return STATUS_OBJECT_NAME_INVALID;
}

VOID ObpEndLookup(POBP_LOOKUP Lookup)
{
    if (Lookup->Buffer != NULL) {
        ExFreePoolWithTag(Lookup->Buffer, TAG_PATH);
        Lookup->Buffer = NULL;
    }
}
