/* sources: tests/host/fx_host.c tests/host/fx_model.c wdf/?*.c */
/*
 * wdf_test.c - the framework's objects against the reference model, under ASan and UBSan: trees of
 * every shape up to five objects, random operations with callbacks that call back, allocations that
 * fail in turn, threads that delete each other's trees, and long lists.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "tests/host/fx_host.h"
#include "tests/host/fx_model.h"

#define SHAPE_NODES   5
#define RANDOM_ROUNDS 3000
#define RANDOM_STEPS  60
#define BUFFER_BYTE   0x5C

typedef struct _NODE_CONTEXT {
    int Node;
} NODE_CONTEXT;
WDF_DECLARE_CONTEXT_TYPE(NODE_CONTEXT)
typedef struct _SECOND_CONTEXT {
    int Unused[3];
} SECOND_CONTEXT;
WDF_DECLARE_CONTEXT_TYPE(SECOND_CONTEXT)
typedef struct _THIRD_CONTEXT {
    int Unused;
} THIRD_CONTEXT;
WDF_DECLARE_CONTEXT_TYPE(THIRD_CONTEXT)

/* The real counterpart of the model: the same nodes, and the events as they really happened. */
static MODEL Model;
static WDFOBJECT Handles[MODEL_NODES];
static size_t BufferSizes[MODEL_NODES]; /* 0: no memory object */
static char Preallocated[64];
static int Happened[MODEL_EVENTS], HappenedCount;

/* ---- callbacks ----------------------------------------------------------------------------- */

static VOID CheckBuffer(int Node)
{
    size_t Size;
    if (BufferSizes[Node] != 0) {
        PUCHAR Buffer = WdfMemoryGetBuffer((WDFMEMORY)Handles[Node], &Size);
        HOST_CHECK(Size == BufferSizes[Node]);
        HOST_CHECK(Buffer[0] == BUFFER_BYTE && Buffer[Size - 1] == BUFFER_BYTE);
    }
}

static VOID Act(int Node, int Which)
{
    const MODEL_NODE *Self = &Model.Nodes[Node];
    WDFOBJECT Target = Handles[Self->Target[Which]];
    if (!Self->Acted[Which]) {
        return;
    }
    switch (Self->Action[Which]) {
    case ActDelete: WdfObjectDelete(Target); break;
    case ActReference: WdfObjectReference(Target); break;
    case ActDereference: WdfObjectDereference(Target); break;
    case ActNothing: break;
    }
}

/* An object on its way out takes no child and no context. */
static VOID CheckRefuses(WDFOBJECT Object)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Child;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Object;
    HOST_CHECK(WdfObjectCreate(&Attributes, &Child) == STATUS_DELETE_PENDING && Child == NULL);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, THIRD_CONTEXT);
    HOST_CHECK(WdfObjectAllocateContext(Object, &Attributes, NULL) == STATUS_DELETE_PENDING);
}

static VOID Record(WDFOBJECT Object, int Header, int Which)
{
    int Node = WdfObjectGet_NODE_CONTEXT(Object)->Node;
    HOST_CHECK(Handles[Node] == Object);
    HOST_CHECK(!Model.Nodes[Node].Passive || FxHostIrql == PASSIVE_LEVEL);
    Happened[HappenedCount++] = MODEL_EVENT(Node, Header, Which);
    CheckBuffer(Node);
    CheckRefuses(Object);
    if (Header == 0) {
        Act(Node, Which);
    }
}

#define RECORDERS(Header)                                                                          \
    static VOID NTAPI Cleanup##Header(WDFOBJECT Object)                                            \
    {                                                                                              \
        Record(Object, Header, MODEL_CLEANUP);                                                     \
    }                                                                                              \
    static VOID NTAPI Destroy##Header(WDFOBJECT Object)                                            \
    {                                                                                              \
        Record(Object, Header, MODEL_DESTROY);                                                     \
    }
RECORDERS(0)
RECORDERS(1)
RECORDERS(2)

/* ---- both worlds --------------------------------------------------------------------------- */

static VOID Compare(VOID)
{
    HOST_CHECK(HappenedCount == Model.EventCount);
    for (int i = 0; i < HappenedCount && i < Model.EventCount; i++) {
        if (!HOST_CHECK(Happened[i] == Model.Events[i])) {
            printf("# event %d: happened %d, model %d\n", i, Happened[i], Model.Events[i]);
            return;
        }
    }
}

static VOID Start(VOID)
{
    RtlZeroMemory(&Model, sizeof(Model));
    HappenedCount = 0;
    FxHostIrql = PASSIVE_LEVEL;
}

typedef enum _KIND { Plain, Passive, Small, Paged, Large, Given, KindCount } KIND;

static NTSTATUS CreateReal(KIND Kind, PWDF_OBJECT_ATTRIBUTES Attributes, WDFOBJECT *Object,
                           size_t *Size)
{
    POOL_TYPE Type = Kind == Paged ? PagedPool : NonPagedPoolNx;
    PVOID Buffer = Preallocated;
    NTSTATUS Status;
    *Size = Kind == Large ? PAGE_SIZE + HostRandom(PAGE_SIZE) : 1 + HostRandom(PAGE_SIZE - 1);
    switch (Kind) {
    case Plain:
    case Passive: *Size = 0; return WdfObjectCreate(Attributes, Object);
    case Given:
        *Size = sizeof(Preallocated);
        Status = WdfMemoryCreatePreallocated(Attributes, Buffer, *Size, (WDFMEMORY *)Object);
        break;
    default: Status = WdfMemoryCreate(Attributes, Type, 0, *Size, (WDFMEMORY *)Object, &Buffer);
    }
    if (NT_SUCCESS(Status)) {
        RtlFillMemory(Buffer, *Size, BUFFER_BYTE);
    }
    return Status;
}

/* Creates under Parent in both worlds; the node's number, -1 when both refuse. */
static int Create(int Parent, KIND Kind)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Object;
    size_t Size;
    int Node = -1;
    BOOLEAN Taken = ModelCreate(&Model, Parent, Kind == Passive || Kind == Paged, &Node);
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, NODE_CONTEXT);
    Attributes.EvtCleanupCallback = Cleanup0;
    Attributes.EvtDestroyCallback = Destroy0;
    Attributes.ParentObject = Parent >= 0 ? Handles[Parent] : NULL;
    Attributes.ExecutionLevel =
        Kind == Passive ? WdfExecutionLevelPassive : WdfExecutionLevelInheritFromParent;
    NTSTATUS Status = CreateReal(Kind, &Attributes, &Object, &Size);
    HOST_CHECK(Status == (Taken ? STATUS_SUCCESS : STATUS_DELETE_PENDING));
    if (Taken) {
        Handles[Node] = Object;
        BufferSizes[Node] = Size;
        WdfObjectGet_NODE_CONTEXT(Object)->Node = Node;
    }
    return Node;
}

static VOID Delete(int Node)
{
    ModelDelete(&Model, Node);
    WdfObjectDelete(Handles[Node]);
    Compare();
}

static VOID Reference(int Node)
{
    Model.Nodes[Node].References++;
    Model.Nodes[Node].Extra++;
    WdfObjectReference(Handles[Node]);
}

static VOID Dereference(int Node)
{
    ModelDereference(&Model, Node);
    WdfObjectDereference(Handles[Node]);
    Compare();
}

static VOID SetLevel(KIRQL Irql)
{
    Model.Raised = Irql != PASSIVE_LEVEL;
    FxHostIrql = Irql;
}

static VOID RunQueue(VOID)
{
    ModelRunQueue(&Model);
    FxRunPassiveWork();
    Compare();
}

static VOID AddContext(int Node)
{
    WDF_OBJECT_ATTRIBUTES Attributes;
    MODEL_NODE *Self = &Model.Nodes[Node];
    if (Self->Headers == 1) {
        WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, SECOND_CONTEXT);
        Attributes.EvtCleanupCallback = Cleanup1;
        Attributes.EvtDestroyCallback = Destroy1;
    } else {
        WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, THIRD_CONTEXT);
        Attributes.EvtCleanupCallback = Cleanup2;
        Attributes.EvtDestroyCallback = Destroy2;
    }
    NTSTATUS Expected = STATUS_SUCCESS;
    if (Self->State != ModelCreated) {
        Expected = STATUS_DELETE_PENDING;
    } else if (Self->Headers == MODEL_HEADERS) {
        Expected = STATUS_OBJECT_NAME_EXISTS;
    } else {
        Self->Headers++;
    }
    HOST_CHECK(WdfObjectAllocateContext(Handles[Node], &Attributes, NULL) == Expected);
}

/* Drops all that is left and looks whether anything stayed. */
static VOID Finish(LONG BlocksBefore)
{
    SetLevel(PASSIVE_LEVEL);
    RunQueue();
    for (int Node = 0; Node < Model.NodeCount; Node++) {
        if (Model.Nodes[Node].State == ModelCreated) {
            Delete(Node);
        }
        while (Model.Nodes[Node].Extra > 0) {
            Dereference(Node);
        }
    }
    RunQueue();
    HOST_CHECK(HostBlocks == BlocksBefore);
}

/* ---- trees of every shape ------------------------------------------------------------------ */

/* One tree: parents by number, who is passive, who is deleted at which level, who is referenced. */
static VOID RunShape(const int *Parents, int Nodes, int PassiveMask, int Deleted, KIRQL Irql,
                     int Referenced)
{
    LONG Blocks = HostBlocks;
    Start();
    for (int i = 0; i < Nodes; i++) {
        Create(i == 0 ? -1 : Parents[i], PassiveMask >> i & 1 ? Passive : Plain);
    }
    if (Referenced < Nodes) {
        Reference(Referenced);
    }
    SetLevel(Irql);
    Delete(Deleted);
    int Second = Deleted == 0 ? Nodes - 1 : 0;
    if (Model.Nodes[Second].References > 0) {
        Delete(Second);
    }
    if (Referenced < Nodes && Irql != PASSIVE_LEVEL) {
        Dereference(Referenced);
    }
    Finish(Blocks);
}

static VOID TestShape(const int *Parents, int Nodes)
{
    for (int Mask = 0; Mask < 1 << Nodes; Mask++) {
        for (int Deleted = 0; Deleted < Nodes; Deleted++) {
            for (int Referenced = 0; Referenced <= Nodes; Referenced++) {
                RunShape(Parents, Nodes, Mask, Deleted, PASSIVE_LEVEL, Referenced);
                RunShape(Parents, Nodes, Mask, Deleted, DISPATCH_LEVEL, Referenced);
            }
        }
    }
}

/* Every way to hang Nodes objects on one another, each below one that is older. */
static int TestShapes(int Nodes)
{
    int Parents[SHAPE_NODES] = {0}, Shapes = 0;
    for (;;) {
        TestShape(Parents, Nodes);
        Shapes++;
        int Digit = Nodes - 1;
        while (Digit > 1 && ++Parents[Digit] == Digit) {
            Parents[Digit--] = 0;
        }
        if (Digit <= 1) {
            return Shapes;
        }
    }
}

static VOID TestAllShapes(VOID)
{
    int Shapes = 0;
    for (int Nodes = 1; Nodes <= SHAPE_NODES; Nodes++) {
        Shapes += TestShapes(Nodes);
    }
    HOST_CHECK(Shapes == 1 + 1 + 2 + 6 + 24);
    HostPoint("host/wdf/shapes");
}

/* ---- random operations --------------------------------------------------------------------- */

/* A node that the driver may still name, -1 when there is none. */
static int AnyNode(VOID)
{
    for (int Try = 0; Try < 8 && Model.NodeCount > 0; Try++) {
        int Node = (int)HostRandom((ULONG)Model.NodeCount);
        if (Model.Nodes[Node].References > 0) {
            return Node;
        }
    }
    return -1;
}

static VOID RandomCreate(VOID)
{
    int Parent = HostRandom(8) == 0 ? -1 : AnyNode();
    KIND Kind = (KIND)HostRandom(KindCount);
    if (Model.NodeCount == MODEL_NODES || (Kind == Paged && FxHostIrql > APC_LEVEL)) {
        return;
    }
    int Node = Create(Parent, Kind);
    for (int Which = 0; Node >= 0 && Which < 2; Which++) {
        MODEL_NODE *Self = &Model.Nodes[Node];
        Self->Action[Which] = HostRandom(3) ? ActNothing : (MODEL_ACTION)HostRandom(4);
        Self->Target[Which] = (int)HostRandom((ULONG)Model.NodeCount);
        if (Which == MODEL_DESTROY && Self->Target[Which] == Node) {
            Self->Action[Which] = ActNothing; /* too late for oneself */
        }
    }
}

static VOID RandomStep(VOID)
{
    int Node = AnyNode();
    ULONG Choice = HostRandom(16);
    if (Choice < 7 || Node < 0) {
        RandomCreate();
    } else if (Choice < 9) {
        Delete(Node);
    } else if (Choice < 11) {
        Reference(Node);
    } else if (Choice < 13) {
        if (Model.Nodes[Node].Extra > 0) {
            Dereference(Node);
        }
    } else if (Choice < 14) {
        AddContext(Node);
    } else if (Choice < 15) {
        SetLevel((KIRQL)HostRandom(3));
    } else {
        SetLevel(PASSIVE_LEVEL);
        RunQueue();
    }
}

static VOID TestRandom(VOID)
{
    for (int Round = 0; Round < RANDOM_ROUNDS; Round++) {
        LONG Blocks = HostBlocks;
        HostSeed = 0x9E3779B97F4A7C15ULL * (ULONG64)(Round + 1);
        Start();
        for (int Step = 0; Step < RANDOM_STEPS; Step++) {
            RandomStep();
        }
        Finish(Blocks);
    }
    HostPoint("host/wdf/random-operations");
}

/* The driver goes with everything below it, whatever waits in its list. */
static VOID TestUnload(VOID)
{
    LONG Blocks = HostBlocks;
    PWDF_DRIVER_GLOBALS Outer = WdfDriverGlobals;
    for (int Round = 0; Round < RANDOM_ROUNDS / 4; Round++) {
        HostDriverCreate();
        Start();
        HostSeed = 0xD1B54A32D192ED03ULL * (ULONG64)(Round + 1);
        int Driver;
        ModelCreate(&Model, -1, TRUE, &Driver);
        Model.Nodes[Driver].IsDriver = TRUE;
        Model.Nodes[Driver].Headers = 0;
        Handles[Driver] = WdfGetDriver();
        for (int Step = 0; Step < RANDOM_STEPS / 2; Step++) {
            int Parent = AnyNode();
            Create(Parent < 0 ? Driver : Parent, (KIND)HostRandom(KindCount));
            SetLevel(HostRandom(2) ? DISPATCH_LEVEL : PASSIVE_LEVEL);
            int Victim = AnyNode();
            if (Victim > Driver && HostRandom(3) == 0) {
                Delete(Victim);
            }
            SetLevel(PASSIVE_LEVEL);
        }
        ModelDelete(&Model, Driver);
        HostDriverDelete();
        Compare();
    }
    WdfDriverGlobals = Outer;
    HOST_CHECK(HostBlocks == Blocks);
    HostPoint("host/wdf/unload");
}

/* ---- allocations that fail ----------------------------------------------------------------- */

/* Lets the n-th allocation of a creation fail, for each n until it succeeds. */
static VOID TestOutOfMemory(VOID)
{
    static const int Allocations[KindCount] = {1, 1, 1, 2, 2, 1};
    LONG Blocks = HostBlocks;
    for (int Kind = 0; Kind < KindCount; Kind++) {
        WDF_OBJECT_ATTRIBUTES Attributes;
        WDFOBJECT Object;
        size_t Size;
        Start();
        WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, NODE_CONTEXT);
        Attributes.EvtCleanupCallback = Cleanup0;
        Attributes.EvtDestroyCallback = Destroy0;
        for (int Good = 0; Good < Allocations[Kind]; Good++) {
            HostAllocationsLeft = Good;
            HOST_CHECK(CreateReal((KIND)Kind, &Attributes, &Object, &Size) ==
                       STATUS_INSUFFICIENT_RESOURCES);
            HOST_CHECK(Object == NULL && HostBlocks == Blocks && HappenedCount == 0);
        }
        HostAllocationsLeft = -1;
    }
    WDFOBJECT Object;
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, SECOND_CONTEXT);
    HOST_CHECK(WdfObjectCreate(NULL, &Object) == STATUS_SUCCESS);
    HostAllocationsLeft = 0;
    HOST_CHECK(WdfObjectAllocateContext(Object, &Attributes, NULL) ==
               STATUS_INSUFFICIENT_RESOURCES);
    HostAllocationsLeft = -1;
    WdfObjectDelete(Object);
    HOST_CHECK(HostBlocks == Blocks);
    HostPoint("host/wdf/out-of-memory");
}

/* ---- threads ------------------------------------------------------------------------------- */

#define THREADS        3
#define THREAD_PARENTS 4
#define THREAD_ROUNDS  4000

static PFX_OBJECT Shared[THREAD_PARENTS]; /* each with a reference that belongs to the slot */
static pthread_mutex_t SharedLock = PTHREAD_MUTEX_INITIALIZER;
static volatile LONG Cleanups, Destroys, Births;

static VOID NTAPI CountCleanup(WDFOBJECT Object)
{
    UNREFERENCED_PARAMETER(Object);
    __atomic_add_fetch(&Cleanups, 1, __ATOMIC_RELAXED);
}
static VOID NTAPI CountDestroy(WDFOBJECT Object)
{
    UNREFERENCED_PARAMETER(Object);
    __atomic_add_fetch(&Destroys, 1, __ATOMIC_RELAXED);
}

static const FX_OBJECT_KIND ThreadKinds[2] = {
    {.Type = FxTypeUserObject, .Size = sizeof(FX_OBJECT)},
    {.Type = FxTypeUserObject, .Size = sizeof(FX_OBJECT), .Flags = FX_KIND_PASSIVE},
};

/* An object with a reference for the caller, taken before anybody else can delete it. */
static PFX_OBJECT ThreadCreate(PFX_OBJECT Parent)
{
    PFX_DRIVER_GLOBALS Globals = FxGlobalsOfClient(WdfDriverGlobals);
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.EvtCleanupCallback = CountCleanup;
    Attributes.EvtDestroyCallback = CountDestroy;
    Attributes.ParentObject = Parent != NULL ? FxHandleOfObject(Parent) : NULL;
    FX_OBJECT_RECIPE Recipe = {.Kind = &ThreadKinds[HostRandom(4) == 0],
                               .Globals = Globals,
                               .PoolType = NonPagedPoolNx,
                               .PoolTag = Globals->Tag,
                               .Attributes = &Attributes};
    PFX_OBJECT Object;
    HOST_CHECK(NT_SUCCESS(FxObjectCreate(&Recipe, &Object)));
    FxObjectReference(Object);
    if (!NT_SUCCESS(FxObjectCommit(Object, &Attributes))) {
        FxObjectAbandon(Object);
        FxObjectDereference(Object);
        return NULL;
    }
    __atomic_add_fetch(&Births, 1, __ATOMIC_RELAXED);
    return Object;
}

/* The object in a slot, with a reference of the caller's own; NULL when the slot is empty. */
static PFX_OBJECT ThreadBorrow(ULONG Slot)
{
    pthread_mutex_lock(&SharedLock);
    PFX_OBJECT Object = Shared[Slot];
    if (Object != NULL) {
        FxObjectReference(Object);
    }
    pthread_mutex_unlock(&SharedLock);
    return Object;
}

/* Puts an object with its reference into a slot; what was there is the caller's. */
static PFX_OBJECT ThreadSwap(ULONG Slot, PFX_OBJECT Object)
{
    pthread_mutex_lock(&SharedLock);
    PFX_OBJECT Old = Shared[Slot];
    Shared[Slot] = Object;
    pthread_mutex_unlock(&SharedLock);
    return Old;
}

static VOID ThreadStep(VOID)
{
    PFX_OBJECT Parent = ThreadBorrow(HostRandom(THREAD_PARENTS));
    PFX_OBJECT Child = ThreadCreate(Parent);
    if (Child != NULL) {
        PFX_OBJECT Old = Child;
        switch (HostRandom(4)) {
        case 0: FxObjectDelete(Child); break;
        case 1: Old = ThreadSwap(HostRandom(THREAD_PARENTS), Child); break;
        default: break;
        }
        if (Old != NULL) {
            FxObjectDereference(Old);
        }
    }
    if (Parent != NULL) {
        if (HostRandom(3) == 0) {
            FxObjectDelete(Parent);
        }
        FxObjectDereference(Parent);
    }
}

static void *ThreadMain(void *Context)
{
    HostSeed = 0x2545F4914F6CDD1DULL * (ULONG64)(1 + (size_t)Context);
    for (int Round = 0; Round < THREAD_ROUNDS; Round++) {
        FxHostIrql = (KIRQL)HostRandom(3);
        ThreadStep();
        if (HostRandom(16) == 0) {
            FxHostIrql = PASSIVE_LEVEL;
            FxRunPassiveWork();
        }
    }
    FxHostIrql = PASSIVE_LEVEL;
    return NULL;
}

static VOID TestThreads(VOID)
{
    LONG Blocks = HostBlocks;
    PWDF_DRIVER_GLOBALS Outer = WdfDriverGlobals;
    pthread_t Threads[THREADS];
    FxHostIrql = PASSIVE_LEVEL;
    HostDriverCreate();
    for (size_t i = 0; i < THREADS; i++) {
        HOST_CHECK(pthread_create(&Threads[i], NULL, ThreadMain, (void *)i) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(Threads[i], NULL);
    }
    FxRunPassiveWork();
    for (ULONG Slot = 0; Slot < THREAD_PARENTS; Slot++) {
        PFX_OBJECT Object = ThreadSwap(Slot, NULL);
        if (Object != NULL) {
            FxObjectDereference(Object);
        }
    }
    HostDriverDelete();
    WdfDriverGlobals = Outer;
    HOST_CHECK(Cleanups == Births && Destroys == Births && HostBlocks == Blocks);
    HostPoint("host/wdf/threads");
}

/* ---- depth and length ---------------------------------------------------------------------- */

#define MANY 100000

static long Milliseconds(VOID)
{
    struct timespec Now;
    clock_gettime(CLOCK_MONOTONIC, &Now);
    return Now.tv_sec * 1000 + Now.tv_nsec / 1000000;
}

/* A chain of a hundred thousand objects, and as many children of one parent (FX-10). */
static VOID TestMany(BOOLEAN Chain, const char *Name)
{
    LONG Blocks = HostBlocks;
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Root, Object;
    FxHostIrql = PASSIVE_LEVEL;
    Cleanups = Destroys = 0;
    long Begin = Milliseconds();
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    HOST_CHECK(WdfObjectCreate(&Attributes, &Root) == STATUS_SUCCESS);
    Attributes.ParentObject = Root;
    Attributes.EvtCleanupCallback = CountCleanup;
    Attributes.EvtDestroyCallback = CountDestroy;
    for (int i = 0; i < MANY; i++) {
        HOST_CHECK(WdfObjectCreate(&Attributes, &Object) == STATUS_SUCCESS);
        Attributes.ParentObject = Chain ? Object : Root;
    }
    WdfObjectDelete(Root);
    printf("# %d objects in %ld ms\n", MANY, Milliseconds() - Begin);
    HOST_CHECK(Cleanups == MANY && Destroys == MANY && HostBlocks == Blocks);
    HostPoint(Name);
}

int main(void)
{
    HostPlan(7);
    HostDriverCreate();
    TestAllShapes();
    TestRandom();
    TestUnload();
    TestOutOfMemory();
    TestThreads();
    TestMany(TRUE, "host/wdf/deep-chain");
    TestMany(FALSE, "host/wdf/many-children");
    HostDriverDelete();
    return HostVerdict();
}
