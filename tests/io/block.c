/*
 * block.c - tests of the block layer over a device that is a test: what it lets through, in which
 * order, and what becomes of errors.
 */
#include "tests/io/fake_disk.h"
#include <wdm.h>

#define OPEN_FAKE                                                                                  \
    TestFakePrepare();                                                                             \
    REQUIRE(TestFakeOpen())

TEST(BlockOnce, "io/block/done-is-called-once-at-dispatch-level", "BLOCK-1")
{
    OPEN_FAKE;
    TestFakeSubmit(0, IoBlockRead, 3, 5);
    TestFakeSubmit(1, IoBlockWrite, 8, 2);
    TestFakeSubmit(2, IoBlockFlush, 0, 0);
    CHECK_EQ(TestRequests[0].Calls, 0);
    CHECK_STATUS(TestRequests[0].Block.Status, STATUS_PENDING);
    for (ULONG i = 0; i < 3; i++) {
        TestFakeAnswer(STATUS_SUCCESS);
        TestFakeEnded(i, STATUS_SUCCESS);
    }
    CHECK_EQ(TestFake.Kicks, 3);
    TestFakeClose();
    IO_BLOCK_COUNTERS *Counters = &TestFake.Block.Counters;
    CHECK_EQ(Counters->Reads, 1);
    CHECK_EQ(Counters->PagesRead, 5);
    CHECK_EQ(Counters->Writes, 1);
    CHECK_EQ(Counters->PagesWritten, 2);
    CHECK_EQ(Counters->Flushes, 1);
    CHECK_EQ(Counters->Commands, 3);
    CHECK_EQ(Counters->MostInFlight, 3);
    CHECK_EQ(Counters->Failed + Counters->Errors + Counters->Retries + Counters->Resets, 0);
}

TEST(BlockRefused, "io/block/pages-that-are-not-there-are-refused", "BLOCK-1")
{
    static const struct {
        ULONG64 Page;
        ULONG Pages;
    } Bad[] = {
        {FAKE_PAGES, 1},        {FAKE_PAGES - 1, 2}, {0, 0}, {0, IO_BLOCK_LEAST_PAGES + 1},
        {~0ULL / PAGE_SIZE, 2}, {FAKE_PAGES + 1, 1},
    };
    OPEN_FAKE;
    for (ULONG i = 0; i < RTL_NUMBER_OF(Bad); i++) {
        TestFakeSubmit(i, IoBlockRead, Bad[i].Page, Bad[i].Pages);
        TestFakeEnded(i, STATUS_INVALID_PARAMETER);
    }
    TestRequests[10].Block.Offset = 1;
    TestFakeSubmit(10, IoBlockFlush, 0, 1);
    TestFakeEnded(10, STATUS_INVALID_PARAMETER);
    TestFakeSubmit(11, (IO_BLOCK_OPERATION)3, 0, 1);
    TestFakeEnded(11, STATUS_INVALID_PARAMETER);
    CHECK_EQ(TestFake.Started, 0);
    TestFakeSubmit(12, IoBlockRead, FAKE_PAGES - 256, 256);
    CHECK_EQ(TestFake.Started, 1);
    TestFakeClose();
}

TEST(BlockUnaligned, "io/block/offsets-are-whole-pages", "")
{
    IO_BLOCK_REQUEST Request = {.Operation = IoBlockRead, .Offset = 512, .Pages = 1};
    PFN_NUMBER Frame = 1;
    OPEN_FAKE;
    CHECK_STATUS(IoTransferBlock(&TestFake.Block, IoBlockRead, Request.Offset, &Frame, 1),
                 STATUS_INVALID_PARAMETER);
    CHECK_EQ(TestFake.Started, 0);
    TestFakeClose();
}

TEST(BlockReadOnly, "io/block/a-read-only-device-is-not-written", "")
{
    TestFakePrepare();
    TestFake.Block.ReadOnly = TRUE;
    REQUIRE(TestFakeOpen());
    TestFakeSubmit(0, IoBlockWrite, 0, 1);
    TestFakeEnded(0, STATUS_MEDIA_WRITE_PROTECTED);
    TestFakeSubmit(1, IoBlockRead, 0, 1);
    TestFakeAnswer(STATUS_SUCCESS);
    TestFakeEnded(1, STATUS_SUCCESS);
    TestFakeClose();
}

TEST(BlockWriteThrough, "io/block/a-device-without-a-cache-has-nothing-to-flush", "")
{
    TestFakePrepare();
    TestFake.Block.WriteThrough = TRUE;
    REQUIRE(TestFakeOpen());
    TestFakeSubmit(0, IoBlockFlush, 0, 0);
    TestFakeEnded(0, STATUS_SUCCESS);
    CHECK_EQ(TestFake.Started, 0);
    TestFakeClose();
}

/* ---- order and pieces ------------------------------------------------------------------------ */

TEST(BlockOrder, "io/block/what-does-not-fit-waits-its-turn", "")
{
    OPEN_FAKE;
    for (ULONG i = 0; i < FAKE_REQUESTS; i++) {
        TestFakeSubmit(i, IoBlockWrite, i * 3, 1);
    }
    CHECK_EQ(TestFake.Started, FAKE_ROOM);
    CHECK_EQ(TestFake.Block.InFlight, FAKE_ROOM);
    for (ULONG i = 0; i < FAKE_REQUESTS; i++) {
        TestFakeAnswer(STATUS_SUCCESS);
    }
    for (ULONG i = 0; i < FAKE_REQUESTS; i++) {
        TestFakeEnded(i, STATUS_SUCCESS);
        CHECK_EQ(TestFake.Order[i], i * 3);
    }
    CHECK_EQ(TestFake.Block.Counters.MostInFlight, FAKE_ROOM);
    CHECK_EQ(TestFake.Block.InFlight, 0);
    TestFakeClose();
}

TEST(BlockPieces, "io/block/a-request-may-be-several-commands", "BLOCK-2")
{
    TestFakePrepare();
    TestFake.MostPages = 3;
    REQUIRE(TestFakeOpen());
    TestFakeSubmit(0, IoBlockRead, 10, 8);
    CHECK_EQ(TestFake.Started, 3);
    CHECK_EQ(TestFake.Order[1], 13);
    CHECK_EQ(TestFake.Order[2], 16);
    CHECK_EQ(TestFake.Commands[2].Pages, 2);
    CHECK_EQ(TestFake.Kicks, 1);
    TestFakeAnswer(STATUS_SUCCESS);
    TestFakeAnswer(STATUS_SUCCESS);
    CHECK_EQ(TestRequests[0].Calls, 0);
    TestFakeAnswer(STATUS_SUCCESS);
    TestFakeEnded(0, STATUS_SUCCESS);
    TestFakeClose();
}

TEST(BlockPiecesWait, "io/block/pieces-wait-for-room-in-front-of-others", "")
{
    TestFakePrepare();
    TestFake.MostPages = 1;
    TestFake.Room = 2;
    REQUIRE(TestFakeOpen());
    TestFakeSubmit(0, IoBlockWrite, 0, 5);
    TestFakeSubmit(1, IoBlockWrite, 100, 1);
    for (ULONG i = 0; i < 6; i++) {
        TestFakeAnswer(STATUS_SUCCESS);
        CHECK_LE(TestFake.Block.InFlight, 2);
    }
    TestFakeEnded(0, STATUS_SUCCESS);
    TestFakeEnded(1, STATUS_SUCCESS);
    for (ULONG i = 0; i < 5; i++) {
        CHECK_EQ(TestFake.Order[i], i);
    }
    CHECK_EQ(TestFake.Order[5], 100);
    TestFakeClose();
}

TEST(BlockAgain, "io/block/done-may-submit-again", "BLOCK-1")
{
    OPEN_FAKE;
    TestRequests[0].Again = 5;
    TestFakeSubmit(0, IoBlockWrite, 0, 1);
    for (ULONG i = 0; i < 6; i++) {
        TestFakeAnswer(STATUS_SUCCESS);
    }
    TestFakeEnded(0, STATUS_SUCCESS);
    CHECK_EQ(TestFake.Started, 6);
    TestFakeClose();
}

/* ---- errors ---------------------------------------------------------------------------------- */

TEST(BlockRetry, "io/block/a-failed-command-is-tried-again", "")
{
    OPEN_FAKE;
    TestFakeSubmit(0, IoBlockWrite, 7, 4);
    TestFakeAnswer(STATUS_IO_DEVICE_ERROR);
    TestFakeAnswer(STATUS_IO_DEVICE_ERROR);
    CHECK_EQ(TestRequests[0].Calls, 0);
    TestFakeAnswer(STATUS_SUCCESS);
    TestFakeEnded(0, STATUS_SUCCESS);
    CHECK_EQ(TestFake.Started, 3);
    CHECK_EQ(TestFake.Block.Counters.Errors, 2);
    CHECK_EQ(TestFake.Block.Counters.Retries, 2);
    CHECK_EQ(TestFake.Block.Counters.Failed, 0);
    TestFakeClose();
}

TEST(BlockFails, "io/block/after-three-tries-it-has-failed", "")
{
    OPEN_FAKE;
    TestFakeSubmit(0, IoBlockRead, 7, 4);
    for (ULONG i = 0; i < IO_BLOCK_TRIES; i++) {
        CHECK_EQ(TestRequests[0].Calls, 0);
        TestFakeAnswer(STATUS_IO_DEVICE_ERROR);
    }
    TestFakeEnded(0, STATUS_IO_DEVICE_ERROR);
    CHECK_EQ(TestFake.Started, IO_BLOCK_TRIES);
    CHECK_EQ(TestFake.Block.Counters.Failed, 1);
    CHECK_EQ(TestFake.Block.Counters.Reads, 0);
    TestFakeSubmit(0, IoBlockRead, 7, 4); /* it begins with new tries */
    TestRequests[0].Calls = 0;
    TestFakeAnswer(STATUS_IO_DEVICE_ERROR);
    TestFakeAnswer(STATUS_SUCCESS);
    TestFakeEnded(0, STATUS_SUCCESS);
    TestFakeClose();
}

TEST(BlockFinal, "io/block/what-the-device-cannot-do-is-not-tried-again", "")
{
    OPEN_FAKE;
    TestFakeSubmit(0, IoBlockFlush, 0, 0);
    TestFakeAnswer(STATUS_NOT_SUPPORTED);
    TestFakeEnded(0, STATUS_NOT_SUPPORTED);
    CHECK_EQ(TestFake.Started, 1);
    TestFakeClose();
}

TEST(BlockRetryOrder, "io/block/a-retry-goes-before-those-that-wait", "")
{
    TestFakePrepare();
    TestFake.Room = 1;
    REQUIRE(TestFakeOpen());
    TestFakeSubmit(0, IoBlockWrite, 10, 1);
    TestFakeSubmit(1, IoBlockWrite, 20, 1);
    TestFakeAnswer(STATUS_IO_DEVICE_ERROR);
    CHECK_EQ(TestFake.Order[1], 10);
    TestFakeAnswer(STATUS_SUCCESS);
    CHECK_EQ(TestFake.Order[2], 20);
    TestFakeAnswer(STATUS_SUCCESS);
    TestFakeEnded(0, STATUS_SUCCESS);
    TestFakeEnded(1, STATUS_SUCCESS);
    TestFakeClose();
}

TEST(BlockPieceFails, "io/block/one-failed-piece-repeats-all", "BLOCK-2")
{
    TestFakePrepare();
    TestFake.MostPages = 2;
    REQUIRE(TestFakeOpen());
    TestFakeSubmit(0, IoBlockRead, 0, 6);
    TestFakeAnswerAt(2, STATUS_IO_DEVICE_ERROR);
    TestFakeService();
    CHECK_EQ(TestFake.Started, 3); /* the device still has the others' pages */
    TestFakeAnswer(STATUS_SUCCESS);
    CHECK_EQ(TestFake.Started, 3);
    TestFakeAnswer(STATUS_SUCCESS);
    CHECK_EQ(TestFake.Started, 6);
    CHECK_EQ(TestFake.Order[3], 0);
    for (ULONG i = 0; i < 3; i++) {
        TestFakeAnswer(STATUS_SUCCESS);
    }
    TestFakeEnded(0, STATUS_SUCCESS);
    TestFakeClose();
}

TEST(BlockPartialFails, "io/block/a-failed-piece-keeps-the-rest-from-being-given", "")
{
    TestFakePrepare();
    TestFake.MostPages = 1;
    TestFake.Room = 1;
    REQUIRE(TestFakeOpen());
    TestFakeSubmit(0, IoBlockRead, 0, 3);
    TestFakeSubmit(1, IoBlockRead, 50, 1);
    for (ULONG i = 0; i < IO_BLOCK_TRIES; i++) {
        CHECK_EQ(TestFake.Order[2 * i], 0);
        TestFakeAnswer(STATUS_SUCCESS);
        CHECK_EQ(TestFake.Order[2 * i + 1], 1);
        TestFakeAnswer(STATUS_IO_DEVICE_ERROR);
    }
    TestFakeEnded(0, STATUS_IO_DEVICE_ERROR);
    CHECK_EQ(TestFake.Order[2 * IO_BLOCK_TRIES], 50);
    TestFakeAnswer(STATUS_SUCCESS);
    TestFakeEnded(1, STATUS_SUCCESS);
    TestFakeClose();
}
