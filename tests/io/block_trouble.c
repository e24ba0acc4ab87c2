/*
 * block_trouble.c - tests of the block layer over a device that is a test: silence, nonsense,
 * resets and the end of the device. Time is what the test says.
 */
#include "tests/io/fake_disk.h"
#include <wdm.h>

#define OPEN_FAKE                                                                                  \
    TestFakePrepare();                                                                             \
    REQUIRE(TestFakeOpen())

/* ---- silence --------------------------------------------------------------------------------- */

TEST(TroubleSilence, "io/block/a-silent-device-is-reset-and-asked-again", "BLOCK-3")
{
    OPEN_FAKE;
    TestFakeSubmit(0, IoBlockWrite, 5, 1);
    ULONG64 Began = TestFake.Block.LastAnswer;
    TestFakePass(Began, 9);
    CHECK_EQ(TestFake.Resets, 0);
    TestFakePass(Began, 10);
    CHECK_EQ(TestFake.Resets, 1);
    CHECK_EQ(TestRequests[0].Calls, 0);
    CHECK_EQ(TestFake.Started, 2);
    TestFakeAnswer(STATUS_SUCCESS);
    TestFakeEnded(0, STATUS_SUCCESS);
    CHECK_EQ(TestFake.Block.Counters.Timeouts, 1);
    CHECK_EQ(TestFake.Block.Counters.Resets, 1);
    TestFakePass(Began, 50); /* nothing is in flight, so nothing is late */
    CHECK_EQ(TestFake.Resets, 1);
    TestFakeClose();
}

TEST(TroubleTimeout, "io/block/after-three-silent-tries-it-has-timed-out", "BLOCK-3")
{
    OPEN_FAKE;
    TestFakeSubmit(0, IoBlockRead, 5, 1);
    TestFakeSubmit(1, IoBlockFlush, 0, 0);
    for (ULONG i = 0; i < IO_BLOCK_TRIES; i++) {
        CHECK_EQ(TestRequests[0].Calls + TestRequests[1].Calls, 0);
        TestFakePass(TestFake.Block.LastAnswer, 10);
    }
    TestFakeEnded(0, STATUS_IO_TIMEOUT);
    TestFakeEnded(1, STATUS_IO_TIMEOUT);
    CHECK_EQ(TestFake.Resets, IO_BLOCK_TRIES);
    CHECK_EQ(TestFake.Block.InFlight, 0);
    TestFakeClose();
}

TEST(TroubleSlow, "io/block/a-slow-device-is-not-dead", "BLOCK-4")
{
    OPEN_FAKE;
    for (ULONG i = 0; i < FAKE_REQUESTS; i++) {
        TestFakeSubmit(i, IoBlockWrite, i, 1);
    }
    ULONG64 Now = TestFake.Block.LastAnswer, Timeout = TestFake.Block.Timeout;
    for (ULONG i = 0; i < FAKE_REQUESTS; i++) {
        TestFakePass(Now, 9); /* since the answer before */
        TestFake.Block.LastAnswer = 0;
        TestFakeAnswer(STATUS_SUCCESS);
        CHECK_NE(TestFake.Block.LastAnswer, 0); /* it counts from each answer */
        Now += Timeout / 10 * 9;
        TestFake.Block.LastAnswer = Now;
    }
    for (ULONG i = 0; i < FAKE_REQUESTS; i++) {
        TestFakeEnded(i, STATUS_SUCCESS);
    }
    CHECK_EQ(TestFake.Resets, 0);
    TestFakeClose();
}

TEST(TroubleLost, "io/block/a-command-that-got-lost-among-others-is-found", "BLOCK-4")
{
    OPEN_FAKE;
    TestFakeSubmit(0, IoBlockWrite, 500, 1);
    ULONG64 Began = TestRequests[0].Block.Since;
    ULONG Answers = 0;
    TestRequests[1].Again = 1000;
    TestFakeSubmit(1, IoBlockWrite, 1, 1);
    while (TestFake.Resets == 0 && Answers < 16 * FAKE_ROOM + 1) {
        TestFakeAnswerAt(1, STATUS_SUCCESS);
        TestFakeService();
        Answers++;
        TestFake.Block.LastAnswer = Began + TestFake.Block.Timeout;
        TestFakePass(Began, 11);
    }
    CHECK_EQ(Answers, 16 * FAKE_ROOM);
    CHECK_EQ(TestFake.Resets, 1);
    CHECK_EQ(TestRequests[0].Calls, 0);
    TestRequests[1].Again = 0;
    TestFakeAnswer(STATUS_SUCCESS);
    TestFakeAnswer(STATUS_SUCCESS);
    TestFakeEnded(0, STATUS_SUCCESS);
    TestFakeEnded(1, STATUS_SUCCESS);
    TestFakeClose();
}

TEST(TroubleInterrupt, "io/block/an-answer-whose-interrupt-got-lost-counts", "BLOCK-3")
{
    OPEN_FAKE;
    TestFakeSubmit(0, IoBlockRead, 5, 1);
    TestFakeAnswerAt(5, STATUS_SUCCESS);
    TestFakePass(TestFake.Block.LastAnswer, 10);
    TestFakeEnded(0, STATUS_SUCCESS);
    CHECK_EQ(TestFake.Resets, 0);
    TestFakeClose();
}

TEST(TroubleTimer, "io/block/the-timer-comes-by-itself", "BLOCK-3")
{
    PFN_NUMBER Frame = 1;
    TestFakePrepare();
    TestFake.Block.Timeout = 2 * KI_TIME_INCREMENT;
    REQUIRE(TestFakeOpen());
    CHECK_STATUS(IoTransferBlock(&TestFake.Block, IoBlockRead, 0, &Frame, 1), STATUS_IO_TIMEOUT);
    CHECK_EQ(TestFake.Resets, IO_BLOCK_TRIES);
    CHECK_STATUS(IoTransferBlock(&TestFake.Block, IoBlockFlush, 0, NULL, 0), STATUS_IO_TIMEOUT);
    CHECK_EQ(TestFake.Resets, 2 * IO_BLOCK_TRIES);
    TestFakeClose();
}

/* ---- resets ---------------------------------------------------------------------------------- */

TEST(TroubleOrder, "io/block/a-reset-gives-back-in-the-old-order", "BLOCK-5")
{
    OPEN_FAKE;
    for (ULONG i = 0; i < FAKE_REQUESTS; i++) {
        TestFakeSubmit(i, IoBlockWrite, i, 1);
    }
    ULONG Before = TestFake.Started;
    TestFakePass(TestFake.Block.LastAnswer, 10);
    for (ULONG i = 0; i < FAKE_REQUESTS; i++) {
        TestFakeAnswer(STATUS_SUCCESS);
    }
    for (ULONG i = 0; i < FAKE_REQUESTS; i++) {
        TestFakeEnded(i, STATUS_SUCCESS);
        CHECK_EQ(TestFake.Order[Before + i], i);
    }
    TestFakeClose();
}

TEST(TroublePartial, "io/block/a-request-that-was-half-given-begins-anew", "BLOCK-5")
{
    TestFakePrepare();
    TestFake.MostPages = 2;
    TestFake.Room = 3;
    REQUIRE(TestFakeOpen());
    TestFakeSubmit(0, IoBlockWrite, 100, 2);
    TestFakeSubmit(1, IoBlockWrite, 200, 8);
    TestFakeSubmit(2, IoBlockWrite, 300, 2);
    CHECK_EQ(TestRequests[1].Block.Given, 4);
    TestFakePass(TestFake.Block.LastAnswer, 10);
    CHECK_EQ(TestFake.Order[3], 100);
    CHECK_EQ(TestFake.Order[4], 200);
    for (ULONG i = 0; i < 6; i++) {
        TestFakeAnswer(STATUS_SUCCESS);
    }
    for (ULONG i = 0; i < 3; i++) {
        TestFakeEnded(i, STATUS_SUCCESS);
    }
    CHECK_EQ(TestFake.Order[8], 300);
    CHECK_EQ(TestFake.Started, 9);
    TestFakeClose();
}

TEST(TroubleNonsense, "io/block/nonsense-resets-the-device", "")
{
    OPEN_FAKE;
    TestFakeSubmit(0, IoBlockRead, 5, 1);
    TestFakeSubmit(1, IoBlockRead, 6, 1);
    TestFakeAnswerAt(5, STATUS_SUCCESS);
    TestFake.Nonsense = TRUE;
    TestFakeService();
    TestFakeEnded(0, STATUS_SUCCESS); /* that was good */
    CHECK_EQ(TestFake.Resets, 1);
    CHECK_EQ(TestFake.Block.Counters.Nonsense, 1);
    TestFakeAnswer(STATUS_SUCCESS);
    TestFakeEnded(1, STATUS_SUCCESS);
    TestFakeClose();
}

TEST(TroubleOnlyNonsense, "io/block/nothing-but-nonsense-is-an-error", "")
{
    OPEN_FAKE;
    TestFakeSubmit(0, IoBlockRead, 5, 1);
    for (ULONG i = 0; i < IO_BLOCK_TRIES; i++) {
        CHECK_EQ(TestRequests[0].Calls, 0);
        TestFake.Nonsense = TRUE;
        TestFakeService();
    }
    TestFakeEnded(0, STATUS_IO_DEVICE_ERROR);
    CHECK_EQ(TestFake.Resets, IO_BLOCK_TRIES);
    TestFakeClose();
}

/* ---- the end --------------------------------------------------------------------------------- */

TEST(TroubleGone, "io/block/a-device-that-does-not-come-back-is-gone", "BLOCK-6")
{
    OPEN_FAKE;
    for (ULONG i = 0; i < FAKE_ROOM + 3; i++) {
        TestFakeSubmit(i, IoBlockWrite, i, 1);
    }
    TestFake.Dead = TRUE;
    TestFakePass(TestFake.Block.LastAnswer, 10);
    for (ULONG i = 0; i < FAKE_ROOM + 3; i++) {
        TestFakeEnded(i, STATUS_DEVICE_NOT_CONNECTED);
        CHECK_EQ(TestRequests[i].Order, i + 1);
        CHECK_EQ(TestRequests[i].StopsBefore, 1);
    }
    ULONG Started = TestFake.Started;
    TestFakeSubmit(20, IoBlockRead, 0, 1);
    TestFakeEnded(20, STATUS_NO_SUCH_DEVICE);
    TestFakeService(); /* a late interrupt */
    CHECK_EQ(TestFake.Started, Started);
    TestFakeClose();
    CHECK_EQ(TestFake.Stops, 1);
}

TEST(TroubleRemoved, "io/block/removal-ends-what-is-outstanding", "BLOCK-2, BLOCK-6")
{
    TestFakePrepare();
    TestFake.MostPages = 2;
    TestFake.Room = 3;
    REQUIRE(TestFakeOpen());
    TestFakeSubmit(0, IoBlockWrite, 100, 2); /* running */
    TestFakeSubmit(1, IoBlockRead, 200, 8);  /* half given */
    TestFakeSubmit(2, IoBlockFlush, 0, 0);   /* waiting */
    TestFakeClose();
    for (ULONG i = 0; i < 3; i++) {
        TestFakeEnded(i, STATUS_DEVICE_NOT_CONNECTED);
        CHECK_EQ(TestRequests[i].StopsBefore, 1);
    }
    CHECK_EQ(TestFake.Block.InFlight, 0);
    TestFakeSubmit(3, IoBlockRead, 0, 1); /* the memory is still there, only the name is not */
    TestFakeEnded(3, STATUS_NO_SUCH_DEVICE);
}

TEST(TroubleAgain, "io/block/done-may-submit-while-the-device-goes", "BLOCK-6")
{
    OPEN_FAKE;
    TestRequests[0].Again = 1;
    TestFakeSubmit(0, IoBlockRead, 0, 1);
    TestFakeClose();
    TestFakeEnded(0, STATUS_NO_SUCH_DEVICE);
}

TEST(BlockNames, "io/block/devices-have-names-of-their-own", "")
{
    IO_BLOCK_DEVICE Others[2];
    OPEN_FAKE;
    for (ULONG i = 0; i < 2; i++) {
        Others[i] = (IO_BLOCK_DEVICE){.Driver = TestFake.Block.Driver};
        REQUIRE_EQ(IoRegisterBlockDevice(&Others[i]), STATUS_SUCCESS);
    }
    CHECK_EQ(IoFindBlockDevice(TestFake.Block.Name), &TestFake.Block);
    CHECK_EQ(IoFindBlockDevice(Others[1].Name), &Others[1]);
    CHECK_EQ(IoNextBlockDevice(&TestFake.Block), &Others[0]);
    CHECK_EQ(IoNextBlockDevice(&Others[1]), NULL);
    CHECK_EQ(IoFindBlockDevice("nope"), NULL);
    CHECK(IoClaimBlockDevice(&Others[0], "a test"));
    CHECK(!IoClaimBlockDevice(&Others[0], "another"));
    CHECK_EQ(Others[1].Claim, NULL);
    IoReleaseBlockDevice(&Others[0]);
    CHECK(IoClaimBlockDevice(&Others[0], "another"));
    CHAR Name[8];
    RtlCopyMemory(Name, Others[0].Name, sizeof(Name));
    IoRemoveBlockDevice(&Others[0]);
    CHECK_EQ(IoFindBlockDevice(Name), NULL);
    REQUIRE_EQ(IoRegisterBlockDevice(&Others[0]), STATUS_SUCCESS);
    CHECK_EQ(IoFindBlockDevice(Name), &Others[0]); /* the name is free again */
    IoRemoveBlockDevice(&Others[0]);
    IoRemoveBlockDevice(&Others[1]);
    TestFakeClose();
}
