/*
 * fake_disk.h - a block device whose driver is a test: it keeps commands until it is told what
 * becomes of them.
 */
#pragma once

#include "executive/io/block.h"
#include "kernel/rtl/rtl.h"
#include "tests/test.h"

#define FAKE_PAGES    1000
#define FAKE_ROOM     8  /* commands at a time */
#define FAKE_REQUESTS 24 /* of a test */
#define FAKE_ANY      (~0ULL)

typedef struct _FAKE_COMMAND {
    PIO_BLOCK_REQUEST Request; /* NULL: no command */
    ULONG First, Pages;        /* of the request */
    BOOLEAN Answered;
    NTSTATUS Answer;
} FAKE_COMMAND;

/* A device, what it was asked and what it will say. */
typedef struct _FAKE_DISK {
    IO_BLOCK_DEVICE Block;
    FAKE_COMMAND Commands[FAKE_ROOM];
    ULONG Room;      /* of Commands */
    ULONG MostPages; /* of a command */
    ULONG Started, Kicks, Resets, Stops;
    ULONG64 Order[64]; /* offsets of commands as they came */
    BOOLEAN Nonsense;  /* the next Collect says so */
    BOOLEAN Dead;      /* it does not come back from a reset */
} FAKE_DISK, *PFAKE_DISK;

/* A request and what was seen of its end. */
typedef struct _FAKE_REQUEST {
    IO_BLOCK_REQUEST Block;
    ULONG Calls;
    KIRQL Irql;
    BOOLEAN Locked; /* the device's lock was held */
    BOOLEAN Submitting;
    ULONG Order;       /* among all ends */
    ULONG StopsBefore; /* of the device */
    ULONG Again;       /* submits itself so many times more */
} FAKE_REQUEST, *PFAKE_REQUEST;

extern FAKE_DISK TestFake;
extern FAKE_REQUEST TestRequests[FAKE_REQUESTS];

/* A device that is empty and quick; a test changes it and calls the second one. */
VOID TestFakePrepare(VOID);
BOOLEAN TestFakeOpen(VOID);
VOID TestFakeClose(VOID);
/* Submits request Index. */
VOID TestFakeSubmit(ULONG Index, IO_BLOCK_OPERATION Operation, ULONG64 Page, ULONG Pages);
/* Says what becomes of a command that it has, and has the layer look. */
BOOLEAN TestFakeAnswer(NTSTATUS Status);
/* Says it of the command that begins at that page, FAKE_ANY for any; nobody looks yet. */
BOOLEAN TestFakeAnswerAt(ULONG64 Page, NTSTATUS Status);
VOID TestFakeService(VOID);
/* Waits until DPCs ran; then whether the request ended once and with that status. */
BOOLEAN TestFakeEnded(ULONG Index, NTSTATUS Status);
/* The time of the layer, Timeouts after the last answer (in tenths). */
VOID TestFakePass(ULONG64 Since, ULONG Tenths);
