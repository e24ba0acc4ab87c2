/*
 * exception.c - tests of kernel/ke/exception.c and try.h: the order of filters, finally blocks and
 * handlers, every way out of a body, and exceptions inside all three.
 */
#include "kernel/ke/ke.h"
#include "kernel/ke/try.h"
#include "kernel/rtl/rtl.h"
#include "tests/ke/bench.h"
#include "tests/ke/exception_check.h"
#include "tests/test.h"

/* What happened, a letter each, in order. */
static CHAR Log[32];
static ULONG LogLength;

VOID LogClear(VOID)
{
    RtlZeroMemory(Log, sizeof(Log));
    LogLength = 0;
}

LONG LogAnd(CHAR Letter, LONG Result)
{
    if (LogLength < sizeof(Log) - 1) {
        Log[LogLength++] = Letter;
    }
    return Result;
}

VOID CheckLog(const CHAR *Expected)
{
    if (!CHECK_EQ(strcmp(Log, Expected), 0)) {
        DbgPrint("happened: %s, should: %s\n", Log, Expected);
    }
}

VOID CheckNoFrames(VOID)
{
    CHECK_EQ(KeGetCurrentThread()->TryFrames, NULL);
}

VOID RaiseInsideFinally(VOID)
{
    KE_TRY{KE_TRY{ExRaiseStatus(TEST_STATUS);
}
KE_FINALLY
{
    LogAnd(AbnormalTermination() ? 'A' : 'a', 0);
}
KE_END_TRY
}
KE_FINALLY
{
    LogAnd(AbnormalTermination() ? 'B' : 'b', 0);
}
KE_END_TRY
LOG('x');
}

/* ---- the order of things --------------------------------------------------------------------- */

TEST(TryQuiet, "exception/without-one-only-the-body-runs", "SEH-1")
{
    LogClear();
    KE_TRY
    {
        LOG('b');
    }
    KE_EXCEPT(LogAnd('f', EXCEPTION_EXECUTE_HANDLER))
    {
        LOG('h');
    }
    KE_END_TRY
    CheckLog("b");
    CheckNoFrames();
}

TEST(TryHandles, "exception/a-raised-status-reaches-the-handler", "DDI wdm ExRaiseStatus")
{
    volatile NTSTATUS Seen = STATUS_SUCCESS;
    LogClear();
    KE_TRY
    {
        LOG('b');
        ExRaiseStatus(TEST_STATUS);
    }
    KE_EXCEPT(LogAnd('f', EXCEPTION_EXECUTE_HANDLER))
    {
        LOG('h');
        CheckNoFrames();
        Seen = GetExceptionCode();
    }
    KE_END_TRY
    CheckLog("bfh");
    CHECK_STATUS(Seen, TEST_STATUS);
    CheckNoFrames();
}

TEST(TryPasses, "exception/continue-search-asks-the-next-outwards", "SEH-1")
{
    LogClear();
    KE_TRY
    {
        KE_TRY
        {
            ExRaiseStatus(TEST_STATUS);
        }
        KE_EXCEPT(LogAnd('1', GetExceptionCode() == OTHER_STATUS))
        {
            LOG('x');
        }
        KE_END_TRY
        LOG('y');
    }
    KE_EXCEPT(LogAnd('2', GetExceptionCode() == TEST_STATUS))
    {
        LOG('h');
    }
    KE_END_TRY
    CheckLog("12h");
    CheckNoFrames();
}

TEST(TryUnwinds, "exception/finally-blocks-run-between-filter-and-handler", "SEH-2")
{
    LogClear();
    KE_TRY
    {
        RaiseInsideFinally();
    }
    KE_EXCEPT(LogAnd('f', EXCEPTION_EXECUTE_HANDLER))
    {
        LOG('h');
    }
    KE_END_TRY
    CheckLog("fABh");
    CheckNoFrames();
}

TEST(TryFinallyOrder, "exception/finally-runs-at-the-end-of-a-body", "")
{
    LogClear();
    KE_TRY
    {
        LOG('1');
    }
    KE_FINALLY
    {
        CheckNoFrames();
        LogAnd(AbnormalTermination() ? 'A' : 'a', 0);
    }
    KE_END_TRY
    LOG('2');
    CheckLog("1a2");
}

/* ---- ways out of a body ---------------------------------------------------------------------- */

typedef enum _WAY_OUT { ByEnd, ByLeave, ByReturn, ByBreak, ByContinue, ByGoto } WAY_OUT;

static __attribute__((noinline)) ULONG LeaveFinally(WAY_OUT Way)
{
    ULONG Rounds = 0;
    for (; Rounds < 2; Rounds++) {
        KE_TRY
        {
            switch (Way) {
            case ByLeave: KE_LEAVE;
            case ByReturn: return 100;
            case ByGoto: goto Out;
            default: break;
            }
            if (Way == ByBreak) {
                break;
            }
            if (Way == ByContinue) {
                continue;
            }
            LOG('e');
        }
        KE_FINALLY
        {
            CheckNoFrames();
            LogAnd(AbnormalTermination() ? 'A' : 'a', 0);
        }
        KE_END_TRY
        LOG('n');
    }
    return Rounds;
Out:
    LOG('o');
    return 200;
}

static VOID CheckWay(WAY_OUT Way, ULONG Result, const CHAR *Expected)
{
    LogClear();
    CHECK_EQ(LeaveFinally(Way), Result);
    CheckLog(Expected);
    CheckNoFrames();
}

TEST(TryWays, "exception/finally-runs-whichever-way-the-body-is-left", "")
{
    CheckWay(ByEnd, 2, "eanean");
    CheckWay(ByLeave, 2, "anan");
    CheckWay(ByReturn, 100, "A");
    CheckWay(ByBreak, 0, "A");
    CheckWay(ByContinue, 2, "AA");
    CheckWay(ByGoto, 200, "Ao");
}

static __attribute__((noinline)) ULONG LeaveExcept(WAY_OUT Way)
{
    volatile ULONG Rounds = 0;
    for (; Rounds < 2; Rounds++) {
        KE_TRY
        {
            if (Way == ByLeave) {
                KE_LEAVE;
            }
            if (Way == ByReturn) {
                return 100;
            }
            if (Way == ByBreak) {
                break;
            }
            ExRaiseStatus(TEST_STATUS);
        }
        KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
        {
            LOG('h');
            if (Way == ByContinue) {
                continue;
            }
            if (Way == ByGoto) {
                return 300;
            }
        }
        KE_END_TRY
        LOG('n');
    }
    return Rounds;
}

TEST(TryExceptWays, "exception/a-guarded-body-is-closed-whichever-way-it-is-left", "")
{
    static const struct {
        WAY_OUT Way;
        ULONG Result;
        const CHAR *Log;
    } Cases[] = {{ByEnd, 2, "hnhn"}, {ByLeave, 2, "nn"},    {ByReturn, 100, ""},
                 {ByBreak, 0, ""},   {ByContinue, 2, "hh"}, {ByGoto, 300, "h"}};
    for (ULONG i = 0; i < ARRAYSIZE(Cases); i++) {
        LogClear();
        CHECK_EQ(LeaveExcept(Cases[i].Way), Cases[i].Result);
        CheckLog(Cases[i].Log);
        CheckNoFrames();
    }
}

/* ---- exceptions inside the parts ------------------------------------------------------------- */

TEST(TryHandlerRaises, "exception/raised-in-a-handler-goes-outwards", "SEH-3")
{
    LogClear();
    KE_TRY{KE_TRY{ExRaiseStatus(TEST_STATUS);
}
KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
{
    LOG('1');
    ExRaiseStatus(OTHER_STATUS);
}
KE_END_TRY
}
KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
{
    LOG('2');
    CHECK_STATUS(GetExceptionCode(), OTHER_STATUS);
}
KE_END_TRY
CheckLog("12");
}

static __attribute__((noinline)) VOID RaiseInFinally(VOID){KE_TRY{ExRaiseStatus(TEST_STATUS);
}
KE_FINALLY
{
    LOG('1');
    ExRaiseStatus(OTHER_STATUS);
}
KE_END_TRY
}

TEST(TryFinallyRaises, "exception/raised-while-unwinding-replaces-the-first", "SEH-3")
{
    LogClear();
    KE_TRY
    {
        KE_TRY
        {
            RaiseInFinally();
        }
        KE_EXCEPT(LogAnd('i', GetExceptionCode() == OTHER_STATUS))
        {
            LOG('2');
        }
        KE_END_TRY
        LOG('3');
    }
    KE_EXCEPT(LogAnd('o', EXCEPTION_EXECUTE_HANDLER))
    {
        LOG('x');
    }
    KE_END_TRY
    CheckLog("io1i23");
    CheckNoFrames();
}

static __attribute__((noinline)) LONG RaisingFilter(VOID)
{
    LOG('r');
    ExRaiseStatus(OTHER_STATUS);
}

TEST(TryFilterRaises, "exception/raised-in-a-filter-goes-past-its-body", "SEH-4")
{
    LogClear();
    KE_TRY{KE_TRY{KE_TRY{RaiseInsideFinally();
}
KE_EXCEPT(LogAnd('i', EXCEPTION_CONTINUE_SEARCH))
{
    LOG('x');
}
KE_END_TRY
}
KE_EXCEPT(RaisingFilter())
{
    LOG('y');
}
KE_END_TRY
}
KE_EXCEPT(LogAnd('o', EXCEPTION_EXECUTE_HANDLER))
{
    LOG('h');
    CHECK_STATUS(GetExceptionCode(), OTHER_STATUS);
}
KE_END_TRY
CheckLog("iroABh");
CheckNoFrames();
}

static __attribute__((noinline)) LONG GuardingFilter(VOID)
{
    KE_TRY
    {
        ExRaiseStatus(OTHER_STATUS);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
        LOG('g');
    }
    KE_END_TRY
    return EXCEPTION_EXECUTE_HANDLER;
}

TEST(TryFilterGuards, "exception/a-filter-may-guard-a-body-of-its-own", "SEH-4")
{
    LogClear();
    KE_TRY
    {
        ExRaiseStatus(TEST_STATUS);
    }
    KE_EXCEPT(GuardingFilter())
    {
        LOG('h');
        CHECK_STATUS(GetExceptionCode(), TEST_STATUS);
    }
    KE_END_TRY
    CheckLog("gh");
    CheckNoFrames();
}

/* ---- figures --------------------------------------------------------------------------------- */

static __attribute__((noinline)) VOID GuardNothing(VOID)
{
    KE_TRY
    {
        __asm__ volatile("");
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
    }
    KE_END_TRY
}

static __attribute__((noinline)) VOID GuardRaise(VOID)
{
    KE_TRY
    {
        ExRaiseStatus(TEST_STATUS);
    }
    KE_EXCEPT(EXCEPTION_EXECUTE_HANDLER)
    {
    }
    KE_END_TRY
}

static VOID GuardLoop(ULONG Rounds)
{
    for (ULONG i = 0; i < Rounds; i++) {
        GuardNothing();
    }
}

static VOID RaiseLoop(ULONG Rounds)
{
    for (ULONG i = 0; i < Rounds; i++) {
        GuardRaise();
    }
}

BENCH(BenchGuard, "exception/guarded-body", "instructions", "")
{
    BenchMeasure(GuardLoop);
}

BENCH(BenchRaise, "exception/raise-to-handler", "instructions", "")
{
    BenchMeasure(RaiseLoop);
}
