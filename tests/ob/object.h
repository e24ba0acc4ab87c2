/*
 * object.h - what the tests of objects share: a type of their own, names, leaks.
 */
#pragma once

#include "executive/ob/ob.h"
#include "tests/test.h"

/* What the type of the tests saw of its objects. */
typedef struct _TEST_OBJECT_LOG {
    volatile LONG Deleted; /* objects */
    KIRQL DeleteIrql;
    PKTHREAD DeleteThread;
    LONG64 Left; /* handles after the last close */
    LONG Closed;
} TEST_OBJECT_LOG;
extern TEST_OBJECT_LOG TestObjectLog;

typedef struct _TEST_OBJECT {
    ULONG64 Words[4];
} TEST_OBJECT;

/* The type, made at the first call; the log is empty then. */
POBJECT_TYPE TestObjectType(VOID);
/* A new object of it with one reference. */
PVOID TestNewObject(VOID);
/*
 * Inserts a new object; Name may be NULL. The status, with the object and handle, 0 without them.
 */
NTSTATUS TestInsert(PCWSTR Name, ULONG Attributes, PVOID *Object, PHANDLE Handle);
/* Drops a reference, if there is an object. */
VOID TestRelease(PVOID Object);
NTSTATUS TestOpen(PCWSTR Name, ULONG Attributes, PHANDLE Handle);
/* Returns when Count objects have been deleted since the log was emptied. */
VOID TestAwaitDeleted(LONG Count);

/* Bytes of pool, in both pools, that a tag's blocks take now. */
ULONG64 TestTagBytes(ULONG Tag);
/* The bytes of all tags of names, handles and objects of these tests. */
ULONG64 TestObjectBytes(VOID);
