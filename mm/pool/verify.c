/*
 * verify.c - what the Driver Verifier forbids a verified driver to ask of the pools, for the
 * families of routines; contract 2.7, 2.11, 4.6.
 *
 * Most of it an ordinary caller is told too, by 0xC2 or by NULL; a verified one is told sooner, by
 * 0xC4, and may not do some things that the pools put up with: requests of no bytes, tags that
 * nobody can read, frees under another tag, blocks freed with a running timer in them. Two things
 * stay 0xC2, since the contract has them there: tags (0x9B to 0x9D) and the wrong tag (0x0A).
 *
 * Who is verified is for ExpIsVerified to say. There are no driver images yet, so it is everybody.
 *
 *   VERIFY-1  A request is looked at before the routine's own answer to it.
 *   VERIFY-2  A free is looked at before it changes anything.
 */
#include "mm/pool/track.h"
#include "mm/pool/cache.h"

/* First parameters of bug check 0xC4. */
#define ZERO_BYTES             0x00
#define PAGED_REQUEST_IRQL     0x01
#define NONPAGED_REQUEST_IRQL  0x02
#define MUST_SUCCEED_TOO_LARGE 0x03
#define NEVER_ALLOCATED        0x10
#define PAGED_FREE_IRQL        0x11
#define NONPAGED_FREE_IRQL     0x12
#define ACTIVE_TIMER           0x15
#define BAD_FREE_ADDRESS       0x16
#define ACTIVE_LOOKASIDE       0xCC
#define ACTIVE_RESOURCE        0xD2
#define RULE_EX_ALLOCATE_POOL  0x20004
#define RULE_EX_APC_LTE_2      0x20006

/* First parameters of bug check 0xC2. */
#define WRONG_TAG        0x0A
#define TAG_IS_ZERO      0x9B
#define TAG_NOT_READABLE 0x9D

#define SPECIAL_BAD_IRQL 0x30 /* fourth parameter of bug check 0xC1 */

#define TYPE_MUST_SUCCEED 2

POOL_VERIFIER ExpVerifier;
POOL_VERIFIER_COUNTS ExpVerifierCounts;

/* Before there are lists there is none in any block. */
static PVOID ExpFindNoLookaside(PVOID Start, SIZE_T Bytes)
{
    UNREFERENCED_PARAMETER(Start);
    UNREFERENCED_PARAMETER(Bytes);
    return NULL;
}
PVOID (*ExpFindLookaside)(PVOID Start, SIZE_T Bytes) = ExpFindNoLookaside;

VOID ExpSetVerifier(const POOL_VERIFIER *Verifier)
{
    ExpVerifier = *Verifier;
    ExpWatchRequests(PoolWatcherVerifier, Verifier->Level != 0);
}

/* Whether what the code at Caller does is to be looked at in this way. */
static inline BOOLEAN ExpIsVerified(ULONG Way, PVOID Caller)
{
    UNREFERENCED_PARAMETER(Caller);
    return (ExpVerifier.Level & Way) != 0;
}

static DECLSPEC_NORETURN VOID ExpStop(ULONG_PTR Subcode, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4)
{
    KeBugCheckEx(DRIVER_VERIFIER_DETECTED_VIOLATION, Subcode, P2, P3, P4);
}

VOID ExpStopIfVerified(ULONG_PTR Subcode, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4)
{
    if (ExpIsVerified(VERIFY_POOL, NULL)) {
        ExpStop(Subcode, P2, P3, P4);
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

/* The highest IRQL at which a pool may be used. */
static KIRQL ExpHighestIrql(POOL_KIND Kind)
{
    return Kind == PoolKindPaged ? APC_LEVEL : DISPATCH_LEVEL;
}

/* The level is too high: what it is called depends on who looks. */
static VOID ExpReportRequestIrql(const POOL_REQUEST *Request, KIRQL Irql)
{
    BOOLEAN Paged = Request->Kind == PoolKindPaged;
    if (ExpIsVerified(VERIFY_DDI, Request->Caller)) {
        ExpStop(RULE_EX_ALLOCATE_POOL, (ULONG_PTR) "IrqlExAllocatePool", Irql, 0);
    }
    if (ExpIsVerified(VERIFY_POOL, Request->Caller)) {
        ExpStop(Paged ? PAGED_REQUEST_IRQL : NONPAGED_REQUEST_IRQL, Irql, Request->PoolType,
                Request->Bytes);
    }
    if (ExpWantsSpecial(Request)) {
        KeBugCheckEx(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, Irql, Request->PoolType,
                     Request->Bytes, SPECIAL_BAD_IRQL);
    }
}

static BOOLEAN ExpIsReadableTag(ULONG Tag)
{
    for (ULONG i = 0; i < sizeof(Tag); i++) {
        UCHAR Character = (UCHAR)(Tag >> (8 * i)) & 0x7F, Letter = Character | 0x20;
        if ((Character >= '0' && Character <= '9') || (Letter >= 'a' && Letter <= 'z')) {
            return TRUE;
        }
    }
    return FALSE;
}

static VOID ExpCheckArguments(const POOL_REQUEST *Request, KIRQL Irql)
{
    ULONG Type = Request->PoolType;
    if (Request->Bytes == 0) {
        ExpStop(ZERO_BYTES, Irql, Type, Request->Bytes);
    }
    if ((Type & TYPE_MUST_SUCCEED) && Request->Bytes > PAGE_SIZE) {
        ExpStop(MUST_SUCCEED_TOO_LARGE, Irql, Type, Request->Bytes);
    }
    if ((Request->Tag & ~PROTECTED_POOL) == 0) {
        KeBugCheckEx(BAD_POOL_CALLER, TAG_IS_ZERO, Type, Request->Bytes,
                     (ULONG_PTR)Request->Caller);
    }
    if (!ExpIsReadableTag(Request->Tag)) {
        KeBugCheckEx(BAD_POOL_CALLER, TAG_NOT_READABLE, Request->Tag, Type,
                     (ULONG_PTR)Request->Caller);
    }
}

VOID ExpCheckRequest(const POOL_REQUEST *Request)
{
    KIRQL Irql = ExpReadIrql();
    ExpCountVerified(&ExpVerifierCounts.Attempted);
    if (Request->Tag == POOL_TAG_NONE) {
        ExpCountVerified(&ExpVerifierCounts.WithoutTag);
    }
    if (Irql > ExpHighestIrql(Request->Kind)) {
        ExpReportRequestIrql(Request, Irql);
    }
    if (ExpIsVerified(VERIFY_POOL, Request->Caller)) {
        ExpCheckArguments(Request, Irql);
    }
    if (Request->Deprecated && ExpIsVerified(VERIFY_DDI, Request->Caller)) {
        ExpNoteDeprecated(Request);
    }
}

/* The rule allows these less than the routine's own page does (contract 7, 30). */
VOID ExpCheckQuotaCall(VOID)
{
    KIRQL Irql = ExpReadIrql();
    if (Irql > APC_LEVEL && ExpIsVerified(VERIFY_DDI, NULL)) {
        ExpStop(RULE_EX_APC_LTE_2, (ULONG_PTR) "IrqlExApcLte2", Irql, 0);
    }
}

VOID ExpNoteBlock(const POOL_REQUEST *Request, PVOID Block)
{
    ExpCountVerified(&ExpVerifierCounts.Succeeded);
    if (ExpIsVerified(VERIFY_TRACKING, Request->Caller)) {
        ExpTrack(Request, Block);
    }
}

/* ---- frees ----------------------------------------------------------------------------------- */

static BOOLEAN ExpKindOfFree(PVOID P, POOL_KIND *Kind)
{
    *Kind = ExpKindOfAddress(P);
    if (ExpIsSpecial(P)) {
        *Kind = (POOL_KIND)(((ULONG_PTR)P - MI_SPECIAL_POOL) / MI_SPECIAL_PART);
    }
    return *Kind < PoolKindCount;
}

/* What must not go while it is in use. */
static VOID ExpCheckContents(PVOID P, SIZE_T Bytes, POOL_KIND Kind)
{
    PKTIMER Timer = KiFindTimer(P, Bytes);
    if (Timer != NULL) {
        ExpStop(ACTIVE_TIMER, (ULONG_PTR)Timer, ExpPools[Kind].PoolType, (ULONG_PTR)P);
    }
    PVOID List = ExpFindLookaside(P, Bytes);
    if (List != NULL) {
        ExpStop(ACTIVE_LOOKASIDE, (ULONG_PTR)List, (ULONG_PTR)P, Bytes);
    }
    PERESOURCE Resource = KiFindResource(P, Bytes);
    if (Resource != NULL) {
        ExpStop(ACTIVE_RESOURCE, (ULONG_PTR)Resource, (ULONG_PTR)P, Bytes);
    }
}

VOID ExpCheckFree(PVOID P)
{
    POOL_KIND Kind;
    BOOLEAN Charged;
    KIRQL Irql = ExpReadIrql();
    if (!ExpIsVerified(VERIFY_POOL | VERIFY_TRACKING, NULL) || !ExpKindOfFree(P, &Kind)) {
        return;
    }
    if (Irql > ExpHighestIrql(Kind)) {
        ExpStopIfVerified(Kind == PoolKindPaged ? PAGED_FREE_IRQL : NONPAGED_FREE_IRQL, Irql,
                          ExpPools[Kind].PoolType, (ULONG_PTR)P);
    }
    SIZE_T Bytes = ExQueryPoolBlockSize(P, &Charged); /* and all that can be wrong with P */
    if (ExpIsVerified(VERIFY_POOL, NULL)) {
        ExpCheckContents(P, Bytes, Kind);
    }
    ExpForget(P);
}

/* By form no pool's address, or none that an allocation gave. */
VOID ExpStopBadPointer(PVOID Address)
{
    ULONG_PTR Value = (ULONG_PTR)Address;
    if (Value < MI_SYSTEM_RANGE_START || Value % MEMORY_ALLOCATION_ALIGNMENT != 0) {
        ExpStopIfVerified(BAD_FREE_ADDRESS, 0, Value, 0);
    }
    ExpStopIfVerified(NEVER_ALLOCATED, Value, 0, 0);
}

VOID ExpVerifyTag(PVOID P, ULONG BlockTag, ULONG Tag)
{
    if (Tag != 0 && Tag != BlockTag && ExpIsVerified(VERIFY_POOL, NULL)) {
        KeBugCheckEx(BAD_POOL_CALLER, WRONG_TAG, (ULONG_PTR)P, BlockTag, Tag);
    }
}
