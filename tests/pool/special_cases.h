/*
 * special_cases.h - what the tests of special pool and of the verifier share.
 */
#pragma once

#include "kernel/ke/ke.h"
#include "mm/pool/verify.h"
#include "tests/pool/pool_cases.h"

/* Verifies as the word verifier=Word would, until SpecialOff. Blocks outlive the change. */
VOID SpecialOn(const CHAR *Word);
/* As it was before the first SpecialOn. */
VOID SpecialOff(VOID);
/* The record of a live block; NULL, and a failed check, when Block is none of special pool. */
PMI_SPECIAL_RECORD SpecialRecord(PVOID Block);
/* The same without a failure. */
BOOLEAN SpecialIs(PVOID Block);
/* A block of special pool whose address is announced as "block", for tests that crash. */
PUCHAR SpecialTake(POOL_TYPE Type, SIZE_T Bytes, EX_POOL_PRIORITY Priority);
