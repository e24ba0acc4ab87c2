/*
 * verify.c - what the Driver Verifier forbids a verified driver to ask of the pools, for the
 * families of routines; contract 2.7, 2.11, 4.6.
 *
 * Who is verified is ExpIsVerified's to say. There are no driver images yet, so it is everybody.
 */
#include "mm/pool/cache.h"
#include "mm/pool/verify.h"

/* Fourth parameter of bug check 0xC1. */
#define SPECIAL_BAD_IRQL 0x30

POOL_VERIFIER ExpVerifier;
POOL_VERIFIER_COUNTS ExpVerifierCounts;

VOID ExpSetVerifier(const POOL_VERIFIER *Verifier)
{
    ExpVerifier = *Verifier;
    ExpWatchRequests(PoolWatcherVerifier, Verifier->Level != 0);
}

VOID ExpCheckRequest(const POOL_REQUEST *Request)
{
    KIRQL Irql = ExpReadIrql();
    if (Irql > (Request->Kind == PoolKindPaged ? APC_LEVEL : DISPATCH_LEVEL) &&
        ExpWantsSpecial(Request)) {
        KeBugCheckEx(SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION, Irql, Request->PoolType,
                     Request->Bytes, SPECIAL_BAD_IRQL);
    }
}
