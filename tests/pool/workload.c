/*
 * workload.c - draws the schedule of the workloads: xorshift64, seeded with the processor's number,
 * in a fixed order of draws, so that it is the one that other allocators were measured with.
 */
#include "tests/pool/workload.h"

#define WORKLOAD_SEED 0x9E3779B97F4A7C15ULL

/* 16..256 bytes in four of five cases, up to 2048 in 15 of 100, up to 4000 in the rest. */
static USHORT DrawBytes(PULONG64 State)
{
    ULONG64 r = PoolRandom(State), h = r >> 32, k = r % 65536 % 100;
    return (USHORT)(k < 80 ? 16 + h % 241 : k < 95 ? 257 + h % 1792 : 2049 + h % 1952);
}

static VOID DrawOrder(PUSHORT Order, PULONG64 State)
{
    for (ULONG i = 0; i < WORKLOAD_BATCH; i++) {
        Order[i] = (USHORT)i;
    }
    for (ULONG i = WORKLOAD_BATCH - 1; i >= 1; i--) {
        ULONG j = (ULONG)((PoolRandom(State) >> 32) % (i + 1));
        USHORT Other = Order[j];
        Order[j] = Order[i];
        Order[i] = Other;
    }
}

PWORKLOAD WorkloadDraw(ULONG Processor)
{
    PWORKLOAD Workload = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(WORKLOAD), TEST_TAG);
    ULONG64 State = WORKLOAD_SEED + Processor;
    if (Workload == NULL) {
        return NULL;
    }
    DrawOrder(Workload->Order, &State);
    for (ULONG i = 0; i < WORKLOAD_SLOTS; i++) {
        Workload->Fill[i] = DrawBytes(&State);
    }
    for (ULONG i = 0; i < WORKLOAD_STEPS; i++) {
        Workload->Steps[i].Slot = (USHORT)((PoolRandom(&State) >> 40) % WORKLOAD_SLOTS);
        Workload->Steps[i].Bytes = DrawBytes(&State);
    }
    return Workload;
}

TEST(WorkloadIsTheirs, "pool/workload/schedule-leaves-the-published-bytes",
     "workloads: CPU 0's schedule leaves 1,819,112 bytes live at its end")
{
    static USHORT Bytes[WORKLOAD_SLOTS];
    SIZE_T Live = 0;
    PWORKLOAD Workload = WorkloadDraw(0);
    REQUIRE(Workload != NULL);
    for (ULONG i = 0; i < WORKLOAD_SLOTS; i++) {
        Bytes[i] = Workload->Fill[i];
    }
    for (ULONG i = 0; i < WORKLOAD_STEPS; i++) {
        Bytes[Workload->Steps[i].Slot] = Workload->Steps[i].Bytes;
    }
    for (ULONG i = 0; i < WORKLOAD_SLOTS; i++) {
        Live += Bytes[i];
    }
    CHECK_EQ(Live, WORKLOAD_LIVE);
    ExFreePool(Workload);
}
