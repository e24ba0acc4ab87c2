/*
 * ob.h - the private interface of objects: headers, types, the name space, handles. What drivers
 * may call is declared in include/wdm_ob.h. object.c opens with the theory.
 */
#pragma once

#include "kernel/ke/ke.h"

/* ---- types (type.c) -------------------------------------------------------------------------- */

/*
 * What a type does with its objects. Both run at PASSIVE_LEVEL, without a lock. Delete: nobody
 * references the object any more, its memory goes next. Close: a handle was closed, and Left other
 * ones are open; the object still has a reference.
 */
typedef VOID OB_DELETE_ROUTINE(PVOID Object);
typedef VOID OB_CLOSE_ROUTINE(PVOID Object, LONG64 Left);

typedef struct _OBJECT_TYPE_INITIALIZER {
    PCWSTR Name; /* in \ObjectTypes */
    ULONG Tag;   /* of its objects' memory */
    SIZE_T BodySize;
    ACCESS_MASK ValidAccess;
    GENERIC_MAPPING GenericMapping;
    BOOLEAN Waitable;          /* begins with a DISPATCHER_HEADER */
    OB_DELETE_ROUTINE *Delete; /* either may be NULL */
    OB_CLOSE_ROUTINE *Close;
} OBJECT_TYPE_INITIALIZER;

typedef struct _OBJECT_TYPE {
    OBJECT_TYPE_INITIALIZER Info;
    volatile LONG64 Objects; /* that there are now */
    volatile LONG64 Handles;
} OBJECT_TYPE;

/* Makes a type; bug check 0x31 when memory for it runs out. Boot and tests. */
POBJECT_TYPE ObpCreateType(const OBJECT_TYPE_INITIALIZER *Info);
/* The rights that a caller gets who wants Desired: generic ones become the type's own. */
ACCESS_MASK ObpMapAccess(POBJECT_TYPE Type, ACCESS_MASK Desired);

extern POBJECT_TYPE ObpTypeType, ObpDirectoryType, ObpLinkType;

/* ---- headers (object.c) ---------------------------------------------------------------------- */

/* The place of an object in the name space; from paged pool, guarded by the name lock. */
typedef struct _OBP_NAME {
    LIST_ENTRY Links; /* in a bucket of Directory */
    struct _OBP_DIRECTORY *Directory;
    struct _OBJECT_HEADER *Header;
    UNICODE_STRING Name; /* the last part; its text follows */
} OBP_NAME, *POBP_NAME;

#define OBP_PERMANENT 0x1 /* guarded by the name lock */
#define OBP_EXCLUSIVE 0x2 /* these two: from its birth */
#define OBP_NAMED     0x4 /* it had a name when it was inserted, and may have it still */

/* In front of every object. Offsets: driver-abi 1.2. */
typedef struct _OBJECT_HEADER {
    volatile LONG64 PointerCount;
    union {
        volatile LONG64 HandleCount;
        struct _OBJECT_HEADER *NextToFree; /* its counts are 0; it waits for its deletion */
    };
    POBJECT_TYPE Type;
    ULONG Flags;
    POBP_NAME Name; /* NULL without one */
    PVOID SecurityDescriptor;
} OBJECT_HEADER, *POBJECT_HEADER;
_Static_assert(sizeof(OBJECT_HEADER) == 0x30 && offsetof(OBJECT_HEADER, HandleCount) == 8 &&
                   offsetof(OBJECT_HEADER, Type) == 0x10 &&
                   offsetof(OBJECT_HEADER, SecurityDescriptor) == 0x28,
               "driver ABI");

static inline POBJECT_HEADER ObpHeader(PVOID Object)
{
    return (POBJECT_HEADER)Object - 1;
}

static inline PVOID ObpBody(POBJECT_HEADER Header)
{
    return Header + 1;
}

/* An object with one reference, its body zero, without a name; NULL when memory runs out. */
PVOID ObpAllocateObject(POBJECT_TYPE Type);

/* ---- names (directory.c, lookup.c, link.c, name.c) ------------------------------------------- */

#define OBP_BUCKETS 37 /* as NT's, and like there the hash does not know case */

typedef struct _OBP_DIRECTORY {
    LIST_ENTRY Buckets[OBP_BUCKETS];
} OBP_DIRECTORY, *POBP_DIRECTORY;

typedef struct _OBP_LINK {
    UNICODE_STRING Target; /* from paged pool */
} OBP_LINK, *POBP_LINK;

extern POBP_DIRECTORY ObpRoot;

/* <= APC_LEVEL; not twice. Guards every name, and the handle counts of objects that have one. */
VOID ObpLockNames(VOID);
VOID ObpUnlockNames(VOID);

/* An empty directory with one reference; NULL when memory runs out. */
POBP_DIRECTORY ObpAllocateDirectory(VOID);
ULONG ObpHashName(PCUNICODE_STRING Name);
/* These three: the lock is held. Finds a name in a directory, NULL without one. */
POBP_NAME ObpFindName(POBP_DIRECTORY Directory, PCUNICODE_STRING Name, BOOLEAN CaseInsensitive);
/* Gives an object its place; the name takes a reference to it and one to the directory. */
VOID ObpLinkName(POBP_DIRECTORY Directory, POBP_NAME Name, POBJECT_HEADER Header);
/* Takes it away if the object is temporary and has no handle; the caller frees what is returned. */
POBP_NAME ObpUnlinkName(POBJECT_HEADER Header);

/* A name for ObpLinkName; NULL when memory runs out. */
POBP_NAME ObpAllocateName(PCUNICODE_STRING Text);
/* Frees the name that ObpUnlinkName returned, and its two references; NULL is none. No lock. */
VOID ObpFreeUnlinkedName(POBP_NAME Name);

/* What ObpLookup finds. */
typedef struct _OBP_LOOKUP {
    POBJECT_HEADER Found;     /* NULL: nothing has the name */
    POBP_DIRECTORY Directory; /* where it is or could be; NULL for the root itself */
    UNICODE_STRING Last;      /* its last part */
    PWSTR Buffer;             /* what Last lies in, if links were followed; the caller frees it */
} OBP_LOOKUP, *POBP_LOOKUP;

/*
 * Walks along a path from Root, or from the root of all when Root is NULL. The lock is held.
 * OpenLink: a link at the end is not followed. Errors: OB-9.
 */
NTSTATUS ObpLookup(PCUNICODE_STRING Path, POBP_DIRECTORY Root, ULONG Attributes, BOOLEAN OpenLink,
                   POBP_LOOKUP Lookup);
VOID ObpEndLookup(POBP_LOOKUP Lookup);

/* ---- making and opening (open.c) ------------------------------------------------------------- */

/*
 * Gives a new object its name, if ObjectAttributes (NULL: none) has one, and opens a handle. The
 * caller's reference is used up, whatever happens. STATUS_OBJECT_NAME_EXISTS: OBJ_OPENIF, and the
 * handle is of another object, which had the name. Opened, unless NULL, gets the object that was
 * opened with a reference. PASSIVE_LEVEL.
 */
NTSTATUS ObpInsertObject(PVOID Object, POBJECT_ATTRIBUTES ObjectAttributes,
                         ACCESS_MASK DesiredAccess, PVOID *Opened, PHANDLE Handle);
/* Opens a handle to the object with a name, which must be of Type. PASSIVE_LEVEL. */
NTSTATUS ObpOpenByName(POBJECT_ATTRIBUTES ObjectAttributes, POBJECT_TYPE Type,
                       ACCESS_MASK DesiredAccess, PHANDLE Handle);
/* STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_PATH_SYNTAX_BAD. */
NTSTATUS ObpCheckAttributes(const OBJECT_ATTRIBUTES *Attributes);

/* Gives an object a permanent name and no handle; the caller's reference is used up. */
NTSTATUS ObpInsertPermanent(PVOID Object, POBJECT_ATTRIBUTES ObjectAttributes);

/* Counts a handle that is about to be entered; the caller has a reference. <= APC_LEVEL. */
VOID ObpCountHandle(POBJECT_HEADER Header);
/*
 * Undoes it, but for the handle's reference, and takes the name if it has to go; returns how many
 * handles are left. <= APC_LEVEL.
 */
LONG64 ObpUncountHandle(POBJECT_HEADER Header);

/* ---- handles (handle.c) ---------------------------------------------------------------------- */

#define OBP_KERNEL_HANDLE_BITS 0xFFFFFFFF80000000ULL

typedef struct _OBP_HANDLE {
    PVOID Object;
    ACCESS_MASK Access;
    ULONG Attributes;
} OBP_HANDLE, *POBP_HANDLE;

/*
 * Enters a handle whose count and reference the caller has taken; STATUS_INSUFFICIENT_RESOURCES.
 * <= APC_LEVEL. The rest: any IRQL.
 */
NTSTATUS ObpEnterHandle(const OBP_HANDLE *Entry, PHANDLE Handle);
/* Takes it out, for the caller to uncount; FALSE when it is not open. */
BOOLEAN ObpRemoveHandle(HANDLE Handle, POBP_HANDLE Entry);
/* Copies what a handle stands for, with a reference to the object. FALSE when it is not open. */
BOOLEAN ObpLookUpHandle(HANDLE Handle, POBP_HANDLE Entry);
/* The same for the first open handle whose number is not below *Number, which moves behind it. */
BOOLEAN ObpNextHandle(PULONG Number, PHANDLE Handle, POBP_HANDLE Entry);
extern ULONG ObpHandlesInUse;
/* ObReferenceObjectByHandle without its checks. <= DISPATCH_LEVEL. */
NTSTATUS ObpReferenceByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                              KPROCESSOR_MODE AccessMode, PVOID *Object,
                              POBJECT_HANDLE_INFORMATION HandleInformation);

/* ---- levels ---------------------------------------------------------------------------------- */

/* Bug check 0xC4/0xE6 (caller, IRQL, special APC disable count). */
DECLSPEC_NORETURN VOID ObpZwViolation(PVOID Caller);

/* The level of ZwXxx routines. */
static inline VOID ObpRequireZw(PVOID Caller)
{
    if (KiCheckedMode &&
        (KiReadIrql() != PASSIVE_LEVEL || KeGetCurrentThread()->SpecialApcDisable != 0)) {
        ObpZwViolation(Caller);
    }
}

/* ---- start-up -------------------------------------------------------------------------------- */

/* The types of this folder, the directories and links that are always there. Boot only. */
VOID ObInitialize(VOID);
VOID ObpInitializeNames(VOID);
VOID ObpCreateLinkType(VOID);
