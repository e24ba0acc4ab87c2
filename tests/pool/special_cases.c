/*
 * special_cases.c - helpers of the tests of special pool; special_cases.h says what each does.
 */
#include "tests/pool/special_cases.h"

static POOL_VERIFIER SpecialBefore;
static BOOLEAN SpecialChanged;

VOID SpecialOn(const CHAR *Word)
{
    POOL_VERIFIER Verifier;
    const CHAR *Wrong;
    if (!SpecialChanged) {
        SpecialBefore = ExpVerifier;
        SpecialChanged = TRUE;
    }
    if (CHECK(ExpParseVerifier(Word, &Verifier, &Wrong))) {
        ExpSetVerifier(&Verifier);
    }
}

VOID SpecialOff(VOID)
{
    if (SpecialChanged) {
        ExpSetVerifier(&SpecialBefore);
        SpecialChanged = FALSE;
    }
}

BOOLEAN SpecialIs(PVOID Block)
{
    return MiAddressKind(Block) == MiVaSpecialPool;
}

PMI_SPECIAL_RECORD SpecialRecord(PVOID Block)
{
    MI_SPECIAL_PLACE Place;
    if (!CHECK(SpecialIs(Block)) || !CHECK(MiFindSpecial(Block, &Place)) || !CHECK(!Place.Guard) ||
        !CHECK_EQ(Place.Record->State, MiSpecialLive) || !CHECK_EQ(Place.Record->Block, Block)) {
        return NULL;
    }
    return Place.Record;
}

PUCHAR SpecialTake(POOL_TYPE Type, SIZE_T Bytes, EX_POOL_PRIORITY Priority)
{
    SpecialOn("special-pool:Test");
    PUCHAR Block = ExAllocatePoolWithTagPriority(Type, Bytes, TEST_TAG, Priority);
    TestAnnounce("block", (ULONG_PTR)Block);
    CHECK(SpecialIs(Block));
    return Block;
}
