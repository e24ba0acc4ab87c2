/*
 * delete.c - tests of deletion: two passes over the tree, their order, what callbacks may do, what
 * a second deletion does, and that depth costs no stack (contract 1.9, FX-5, FX-6, FX-10).
 */
#include "tests/wdf/fixture.h"

/* P with children a and b, a with child x: made in the order P, a, b, x. */
typedef struct _TREE {
    WDFOBJECT Root, First, Second, Below;
} TREE;

static BOOLEAN MakeTree(TREE *Tree)
{
    Tree->Root = FixtureObject('P', NULL);
    Tree->First = FixtureObject('a', Tree->Root);
    Tree->Second = FixtureObject('b', Tree->Root);
    Tree->Below = FixtureObject('x', Tree->First);
    return Tree->Below != NULL;
}

WDF_TEST(DeleteOrder, "wdf/delete/two-passes",
         "FX-5: every cleanup precedes every destroy, children before parents")
{
    TREE Tree;
    REQUIRE(MakeTree(&Tree));
    WdfObjectDelete(Tree.Root);
    FixtureExpect("cxcacbcPdxdadbdP");
}

WDF_TEST(DeleteSiblings, "wdf/delete/siblings-in-creation-order",
         "FX-5: siblings in creation order")
{
    WDFOBJECT Root = FixtureObject('P', NULL);
    for (CHAR Name = '1'; Name <= '6'; Name++) {
        REQUIRE(FixtureMemory(Name, Root, Name & 1 ? NonPagedPoolNx : PagedPool, 64) != NULL);
    }
    WdfObjectDelete(Root);
    FixtureExpect("c1c2c3c4c5c6cPd1d2d3d4d5d6dP");
}

WDF_TEST(DeleteReferenced, "wdf/delete/reference-delays-destroy-only",
         "contract 1.9: A has an extra reference")
{
    TREE Tree;
    REQUIRE(MakeTree(&Tree));
    WdfObjectReference(Tree.First);
    WdfObjectDelete(Tree.Root);
    FixtureExpect("cxcacbcPdxdbdP");
    WdfObjectDereference(Tree.First);
    FixtureExpect("da");
}

WDF_TEST(DeleteChildFirst, "wdf/delete/child-before-its-parent",
         "FX-2: a child is in its parent's list until its own deletion unlinks it")
{
    TREE Tree;
    REQUIRE(MakeTree(&Tree));
    WdfObjectDelete(Tree.First);
    FixtureExpect("cxcadxda");
    WdfObjectDelete(Tree.Root);
    FixtureExpect("cbcPdbdP");
}

WDF_TEST(DeleteTwice, "wdf/delete/second-deletion-is-ignored",
         "contract 1.9: P deleted twice while an extra reference is held")
{
    TREE Tree;
    REQUIRE(MakeTree(&Tree));
    WdfObjectReference(Tree.Root);
    WdfObjectReference(Tree.Below);
    WdfObjectDelete(Tree.Root);
    FixtureExpect("cxcacbcPdadb");
    WdfObjectDelete(Tree.Root);
    WdfObjectDelete(Tree.Below);
    FixtureExpect("");
    WdfObjectDereference(Tree.Root);
    WdfObjectDereference(Tree.Below);
    FixtureExpect("dPdx");
}

WDF_TEST(DeleteDriver, "wdf/delete/driver-object-stays",
         "contract 1.12: a driver must not delete its driver object: ignored")
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    FixtureUnload();
    FixtureAttributes(&Attributes, NULL);
    REQUIRE(NT_SUCCESS(FixtureLoad(L"Test", &Attributes, 0)));
    GetNamed(WdfGetDriver())->Name = 'D';
    WdfObjectDelete(WdfGetDriver());
    FixtureExpect("");
    REQUIRE(FixtureObject('o', NULL) != NULL); /* it still takes children */
    FixtureUnload();
    FixtureExpect("cocDdodD");
}

/* ---- inside callbacks ------------------------------------------------------------------------ */

static WDFOBJECT CallbackTarget;
static NTSTATUS CallbackStatus;
static PVOID CallbackBuffer;
static size_t CallbackSize;

static WDFOBJECT ObjectWith(CHAR Name, WDFOBJECT Parent, PFN_WDF_OBJECT_CONTEXT_CLEANUP Cleanup,
                            PFN_WDF_OBJECT_CONTEXT_DESTROY Destroy)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Object = NULL;
    FixtureAttributes(&Attributes, Parent);
    Attributes.EvtCleanupCallback = Cleanup;
    Attributes.EvtDestroyCallback = Destroy;
    CHECK_STATUS(WdfObjectCreate(&Attributes, &Object), STATUS_SUCCESS);
    if (Object != NULL) {
        GetNamed(Object)->Name = Name;
    }
    return Object;
}

static VOID NTAPI DeleteTarget(WDFOBJECT Object)
{
    FixtureCleanup(Object);
    if (CallbackTarget != NULL) {
        WdfObjectDelete(CallbackTarget);
    }
}

WDF_TEST(DeleteSiblingInside, "wdf/delete/sibling-deleted-in-cleanup",
         "contract 1.9: the parent is disposing already, X waits and the parent finishes it")
{
    CallbackTarget = NULL;
    WDFOBJECT Root = FixtureObject('P', NULL);
    REQUIRE(ObjectWith('a', Root, DeleteTarget, FixtureDestroy) != NULL);
    CallbackTarget = FixtureObject('b', Root);
    WdfObjectDelete(Root);
    FixtureExpect("cacbcPdadbdP");
}

WDF_TEST(DeleteParentInside, "wdf/delete/parent-deleted-in-cleanup",
         "FX-6: cleanup and destroy run at most once")
{
    CallbackTarget = NULL;
    WDFOBJECT Root = FixtureObject('P', NULL);
    WDFOBJECT Child = ObjectWith('a', Root, DeleteTarget, FixtureDestroy);
    CallbackTarget = Root;
    REQUIRE(FixtureObject('b', Root) != NULL);
    WdfObjectDelete(Child); /* and so the rest */
    FixtureExpect("cacbcPdbdPda");
}

static VOID NTAPI CreateInside(WDFOBJECT Object)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFMEMORY Memory;
    FixtureCleanup(Object);
    FixtureAttributes(&Attributes, Object);
    CallbackStatus = WdfMemoryCreate(&Attributes, NonPagedPoolNx, 0, 16, &Memory, NULL);
}

WDF_TEST(DeleteCreateInside, "wdf/delete/no-child-for-an-object-on-its-way-out",
         "FX-3: only an object in state Created gains children")
{
    WDFOBJECT Object = ObjectWith('o', NULL, CreateInside, FixtureDestroy);
    REQUIRE(Object != NULL);
    CallbackStatus = STATUS_SUCCESS;
    WdfObjectDelete(Object);
    CHECK_STATUS(CallbackStatus, STATUS_DELETE_PENDING);
    FixtureExpect("codo");
}

static VOID NTAPI ReferenceInside(WDFOBJECT Object)
{
    FixtureCleanup(Object);
    WdfObjectReference(Object);
}

WDF_TEST(DeleteReferenceInside, "wdf/delete/reference-taken-in-cleanup",
         "contract 1.9: taking one delays destroy only")
{
    WDFOBJECT Object = ObjectWith('o', NULL, ReferenceInside, FixtureDestroy);
    REQUIRE(Object != NULL);
    WdfObjectDelete(Object);
    FixtureExpect("co");
    WdfObjectDereference(Object);
    FixtureExpect("do");
}

static VOID NTAPI ReadBuffer(WDFOBJECT Object)
{
    size_t Size;
    CHECK_EQ(WdfMemoryGetBuffer((WDFMEMORY)Object, &Size), CallbackBuffer);
    CHECK_EQ(Size, CallbackSize);
    CHECK_EQ(((PUCHAR)CallbackBuffer)[Size - 1], 0x99);
    CallbackStatus++;
}

WDF_TEST(DeleteBufferInside, "wdf/delete/buffer-lives-in-both-callbacks",
         "contract 1.9: freed in the destructor, after the destroy callback")
{
    static const POOL_TYPE Types[] = {NonPagedPoolNx, PagedPool};
    static const SIZE_T Sizes[] = {64, PAGE_SIZE + 1};
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFMEMORY Memory;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.EvtCleanupCallback = ReadBuffer;
    Attributes.EvtDestroyCallback = ReadBuffer;
    for (ULONG i = 0; i < 4; i++) {
        CallbackStatus = 0;
        CallbackSize = Sizes[i % 2];
        CHECK_STATUS(
            WdfMemoryCreate(&Attributes, Types[i / 2], 0, CallbackSize, &Memory, &CallbackBuffer),
            STATUS_SUCCESS);
        RtlFillMemory(CallbackBuffer, CallbackSize, 0x99);
        WdfObjectDelete(Memory);
        CHECK_EQ(CallbackStatus, 2);
    }
}

static VOID NTAPI ReferenceAndDrop(WDFOBJECT Object)
{
    FixtureDestroy(Object);
    WdfObjectReference(Object);
    WdfObjectDereference(Object);
}

WDF_TEST(DeleteReferenceTooLate, "wdf/delete/reference-in-destroy-is-too-late",
         "FX-6: destroy runs at most once")
{
    WDFOBJECT Object = ObjectWith('o', NULL, FixtureCleanup, ReferenceAndDrop);
    REQUIRE(Object != NULL);
    WdfObjectDelete(Object);
    FixtureExpect("codo");
}

/* ---- depth and width ------------------------------------------------------------------------- */

static ULONG Cleaned, Destroyed;

static VOID NTAPI CountCleanup(WDFOBJECT Object)
{
    UNREFERENCED_PARAMETER(Object);
    CHECK_EQ(Destroyed, 0);
    Cleaned++;
}

static VOID NTAPI CountDestroy(WDFOBJECT Object)
{
    UNREFERENCED_PARAMETER(Object);
    Destroyed++;
}

#define MANY 4000 /* levels: at 24 KB of stack, 6 bytes for each */

/* MANY objects below a root, each below the one before (Deep) or all beside each other. */
static VOID CheckMany(BOOLEAN Deep)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Root = NULL, Object;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.EvtCleanupCallback = CountCleanup;
    Attributes.EvtDestroyCallback = CountDestroy;
    Cleaned = Destroyed = 0;
    for (ULONG i = 0; i < MANY; i++) {
        REQUIRE(NT_SUCCESS(WdfObjectCreate(&Attributes, &Object)));
        Root = Root == NULL ? Object : Root;
        Attributes.ParentObject = Deep ? Object : Root;
    }
    WdfObjectDelete(Root);
    CHECK_EQ(Cleaned, MANY);
    CHECK_EQ(Destroyed, MANY);
}

WDF_TEST(DeleteDeep, "wdf/delete/deep-tree", "FX-10: constant stack, linear time")
{
    CheckMany(TRUE);
}

WDF_TEST(DeleteWide, "wdf/delete/wide-tree", "FX-10: constant stack, linear time")
{
    CheckMany(FALSE);
}
