/*
 * exception_check.h - what the exception tests share: a log of what happened, in order.
 */
#pragma once

#include <ntdef.h>

#define TEST_STATUS  ((NTSTATUS)0xE0001234)
#define OTHER_STATUS ((NTSTATUS)0xE0005678)

VOID LogClear(VOID);
/* Adds a letter; Result is for filters. */
LONG LogAnd(CHAR Letter, LONG Result);
#define LOG(Letter) LogAnd(Letter, 0)
VOID CheckLog(const CHAR *Expected);
/* The thread has no guarded body open. */
VOID CheckNoFrames(VOID);
/* Raises TEST_STATUS inside two finally blocks, which log A and B (a and b at their end). */
VOID RaiseInsideFinally(VOID);
