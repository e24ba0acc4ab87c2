/*
 * wdm_apc.h - APCs, and the regions of code that they keep out of. Part of wdm.h.
 *
 * An asynchronous procedure call is run by one certain thread, whatever it is doing. A special
 * kernel APC comes at any moment at which its thread is below APC_LEVEL; a normal kernel APC not
 * inside a critical region, nor while the thread owns a mutex or runs another normal one. A guarded
 * region keeps both out, and so does APC_LEVEL. A user APC comes with the end of an alertable wait.
 * Contract 1.6.
 */
#pragma once

#include <ntdef.h>
#include <wdm_thread.h>

/* ---- regions --------------------------------------------------------------------------------- */

/*
 * Between Enter and Leave the calling thread gets no normal kernel APCs. Pairs nest. <= APC_LEVEL,
 * else in checked mode bug check 0xC4/0x11A and 0x11B (IRQL, 0, 0); 0xC4/0x3E leaving without
 * having entered, which in free mode just counts. DDI ntddk KeEnterCriticalRegion.
 */
VOID NTAPI KeEnterCriticalRegion(VOID);
VOID NTAPI KeLeaveCriticalRegion(VOID);

/*
 * Between Enter and Leave the calling thread gets no APCs at all. Pairs nest. <= APC_LEVEL, else in
 * checked mode bug check 0xC4/0xE5; 0xC4/0x4000E (rule, 0, 0) leaving without having entered. DDI
 * wdm KeEnterGuardedRegion.
 */
VOID NTAPI KeEnterGuardedRegion(VOID);
VOID NTAPI KeLeaveGuardedRegion(VOID);

/*
 * TRUE inside a critical or a guarded region of the calling thread; the level does not count.
 * <= DISPATCH_LEVEL. DDI ntddk KeAreApcsDisabled.
 */
BOOLEAN NTAPI KeAreApcsDisabled(VOID);

/* TRUE inside a guarded region, and at APC_LEVEL and above. DDI wdm KeAreAllApcsDisabled. */
BOOLEAN NTAPI KeAreAllApcsDisabled(VOID);

/* ---- APC objects: exported by NT and used by drivers, but in no page of the DDI -------------- */

struct _KAPC;

/* What a kernel APC does at PASSIVE_LEVEL. */
typedef VOID NTAPI KNORMAL_ROUTINE(PVOID NormalContext, PVOID SystemArgument1,
                                   PVOID SystemArgument2);
typedef KNORMAL_ROUTINE *PKNORMAL_ROUTINE;

/*
 * Runs first, at APC_LEVEL, and returns there. The object is out of its queue: it may be freed, or
 * queued again. What the pointers point at may be changed; a NormalRoutine of NULL is not run.
 */
typedef VOID NTAPI KKERNEL_ROUTINE(struct _KAPC *Apc, PKNORMAL_ROUTINE *NormalRoutine,
                                   PVOID *NormalContext, PVOID *SystemArgument1,
                                   PVOID *SystemArgument2);
typedef KKERNEL_ROUTINE *PKKERNEL_ROUTINE;

/* Gets an APC whose thread ended before its turn, instead of the other two. */
typedef VOID NTAPI KRUNDOWN_ROUTINE(struct _KAPC *Apc);
typedef KRUNDOWN_ROUTINE *PKRUNDOWN_ROUTINE;

typedef enum _KAPC_ENVIRONMENT {
    OriginalApcEnvironment,
    AttachedApcEnvironment,
    CurrentApcEnvironment,
    InsertApcEnvironment,
} KAPC_ENVIRONMENT;

typedef struct _KAPC {
    UCHAR Type; /* 0x12 */
    UCHAR SpareByte0;
    UCHAR Size;
    UCHAR SpareByte1;
    ULONG SpareLong0;
    struct _KTHREAD *Thread;
    LIST_ENTRY ApcListEntry;
    PKKERNEL_ROUTINE KernelRoutine;
    PKRUNDOWN_ROUTINE RundownRoutine;
    PKNORMAL_ROUTINE NormalRoutine; /* NULL: a special APC */
    PVOID NormalContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    CCHAR ApcStateIndex;
    KPROCESSOR_MODE ApcMode;
    BOOLEAN Inserted;
} KAPC, *PKAPC, *PRKAPC;
_Static_assert(sizeof(KAPC) == 0x58 && offsetof(KAPC, KernelRoutine) == 0x20 &&
                   offsetof(KAPC, NormalContext) == 0x38 && offsetof(KAPC, Inserted) == 0x52,
               "driver ABI");

/*
 * Prepares an APC (nonpageable) for a thread. Without NormalRoutine it is a special kernel APC,
 * else a normal one of Mode. There is one environment, whatever is asked for. Any IRQL.
 */
VOID NTAPI KeInitializeApc(PRKAPC Apc, PKTHREAD Thread, KAPC_ENVIRONMENT Environment,
                           PKKERNEL_ROUTINE KernelRoutine, PKRUNDOWN_ROUTINE RundownRoutine,
                           PKNORMAL_ROUTINE NormalRoutine, KPROCESSOR_MODE Mode,
                           PVOID NormalContext);

/*
 * Queues it to its thread, whose wait it may interrupt (with Increment). FALSE, and nothing is
 * changed, if it is queued already or the thread has ended. <= DISPATCH_LEVEL.
 */
BOOLEAN NTAPI KeInsertQueueApc(PRKAPC Apc, PVOID SystemArgument1, PVOID SystemArgument2,
                               KPRIORITY Increment);

/* Takes it back: TRUE means that it will not run. <= DISPATCH_LEVEL. */
BOOLEAN NTAPI KeRemoveQueueApc(PRKAPC Apc);
