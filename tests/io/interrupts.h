/*
 * interrupts.h - what tests of interrupt objects share: service routines that note what they see,
 * and vectors that software asks for.
 */
#pragma once

#include "executive/io/io.h"
#include "kernel/hal/hal.h"
#include "tests/ke/smp.h"

/* What a service routine is to do and what it saw; the context of TestService. */
typedef struct _TEST_SERVICE {
    LONG Claims;          /* how many calls it still claims */
    volatile ULONG Calls; /* all calls */
    ULONG Order;          /* of its last call among all services: TestServiceOrder */
    KIRQL Irql;
    ULONG64 Flags;   /* the processor's */
    ULONG_PTR Lock;  /* value of *WatchedLock */
    ULONG Processor; /* of the last call */
    ULONG64 SeenOn;  /* bit n: processor n */
    PKINTERRUPT Object;
    PKSPIN_LOCK WatchedLock;
} TEST_SERVICE, *PTEST_SERVICE;

extern volatile ULONG TestServiceOrder;

KSERVICE_ROUTINE TestService;

/* A template of a request to connect TestService to a vector: not shared, all processors. */
IO_CONNECT_INTERRUPT_PARAMETERS TestConnection(UCHAR Vector, PTEST_SERVICE Service,
                                               PKINTERRUPT *Interrupt);
/* Connects it at once; FALSE is a failed test. */
BOOLEAN TestConnect(UCHAR Vector, PTEST_SERVICE Service, BOOLEAN Share, PKINTERRUPT *Interrupt);
