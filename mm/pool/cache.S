/*
 * cache.S - the common path of the pools: allocating and freeing what a processor's cache has.
 *
 * cache.c has the theory. Each public routine decides here whether its request is an ordinary one
 * (small, of a kind that has a cache, tag at home in its hash slot) and serves it in some 25
 * instructions without lock, interlocked operation or write of CR8; whatever is not ordinary jumps
 * to the C routine of the same meaning with all arguments as they came. The list of a size is
 * changed by restartable sequences (kernel/ke/restart.h), one store each. With CACHE_LIMIT 0 and
 * other CACHE_FREE_KEYS nothing is served so: in checked mode, which has longer sequences of its
 * own while CACHE_CHECKED is not 0, and under the verifier, where everything goes to C.
 *
 * What checked mode adds: it reads CR8, compares the header of a block that leaves a list and of
 * one that is freed, and its neighbours', with what they must be, and takes the seal of a freed one
 * by an interlocked instruction, so that of two processors that free a block one is told. These
 * sequences only accept: what they don't like goes to C whole, which finds out what is wrong.
 *
 * Nonpaged blocks on a list are of the processor's node (NODE-4), since the key of the processor
 * opens the seals of its node's blocks only.
 *
 * Microsoft calling convention: arguments in RCX, RDX, R8, R9; RAX, R10, R11, XMM0 are free too.
 */
#include "kernel/ke/restart.h"
#include "mm/pool/cache_layout.h"

#define NONPAGED_NX          0x200 /* POOL_TYPE */
#define PAGED                1
#define FLAG_NONPAGED        0x40 /* POOL_FLAGS */
#define FLAG_NONPAGED_STALE  0x42
#define APC_LEVEL            1
#define DISPATCH_LEVEL       2
#define HIGH_POOL_PRIORITY   32
#define GRANULE_SHIFT        4
#define PAGE_SHIFT           12
#define PAGE_GRANULES_SHIFT  8 /* a page is 256 granules */
#define STATE_SHIFT          8 /* a page is 4,096 bytes, its state 16 */
#define SEAL_SHIFT           48 /* the upper bits of a seal are the tag's slot */

/*
 * A list's word turned left by 9: the slot of the address that it has (bits 39 to 47) is in front,
 * and what must be 0 in a block's address is in bits 25 to 28.
 */
#define WORD_TURN  9
#define SLOT_BITS  0x1FF
#define GRAIN_BITS (0xF << (WORD_TURN + POOL_WORD_SHIFT))

/* Fields of a POOL_HEADER, from the caller's address. */
#define HEADER            -16 /* PreviousSize, and in the same word the three below */
#define HEADER_POOL_INDEX -15
#define HEADER_BLOCK_SIZE -14
#define HEADER_POOL_TYPE  -13
#define HEADER_TAG        -12
#define HEADER_SEAL        -8

#define CACHE(offset) %gs:POOL_CACHE_OFFSET + (offset)

#ifdef TARN_HOST
    .macro READ_IRQL reg
    movzbl HostIrql, %\reg\()d
    .endm
#else
    .macro READ_IRQL reg
    movq %cr8, %\reg
    .endm
#endif

    .section .text.restart, "ax"

/*
 * Counts a nonpaged block and makes its seal in R10, with the processor's own key. The block's node
 * is that of the processor it was taken on; who is stopped in between may go on on another node's.
 * So nothing that was stopped gets that far: it goes on at 3 (FINISH), or, when the block is
 * counted already, with the key that the header names.
 */
    .macro COUNT_AND_SEAL
    incq CACHE(CACHE_ALLOCS)(, %r10, 8)
40: addq %r11, CACHE(CACHE_GRANULES)(, %r10, 8)
41: shlq $SEAL_SHIFT, %r10
42: xorq %rax, %r10
43: xorq CACHE(CACHE_KEYS)(, %r11, 8), %r10
44:
    RESTART_ELSEWHERE 2b, 40b, 3f
    RESTART_ELSEWHERE 40b, 41b, 50f
    RESTART_ELSEWHERE 41b, 42b, 51f
    RESTART_ELSEWHERE 42b, 43b, 52f
    RESTART_ELSEWHERE 43b, 44b, 53f
    .subsection 1
50: addq %r11, CACHE(CACHE_GRANULES)(, %r10, 8)
51: shlq $SEAL_SHIFT, %r10
52: xorq %rax, %r10
53: xorq ExpSizeMixes(, %r11, 8), %r10
    movzbl HEADER_POOL_INDEX(%rax), %r11d
    xorq ExpPoolKeys(, %r11, 8), %r10
    jmp 44b
    .previous
    .endm

/*
 * Checked mode looks at the first block of a list before it takes it: cached, of this size and of
 * this pool, and what it leads to is an address in this pool. What is not goes to C, which says so.
 */
    .macro CHECK_LISTED paged, slow
    movl HEADER(%rax), %r10d
    .if \paged
    xorl $LISTED_PAGED, %r10d
    .else
    xorl CACHE(CACHE_LISTED), %r10d
    .endif
    shrl $8, %r10d
    rorl $8, %r10d /* the size, and behind it what differs */
    cmpl %r11d, %r10d
    jne \slow
    movq HEADER_SEAL(%rax), %r10
    testq %r10, %r10
    je 5f
    rolq $WORD_TURN, %r10
    andl $(GRAIN_BITS | SLOT_BITS), %r10d
    .if \paged
    cmpl $(POOL_SLOT_PAGED & SLOT_BITS), %r10d
    .else
    cmpl $(POOL_SLOT_NONPAGED & SLOT_BITS), %r10d
    .endif
    jne \slow
5:
    .endm

/*
 * Takes a block of R11 granules off its list into RAX and finishes its header; to `slow` without
 * one. The arguments are still whole there, and at ExpFinish..., where a block has no header yet.
 *
 * The addition that makes BLOCK_CACHED a block's type in use carries, and so it does for five other
 * values at most; from zeros and letters, that an overrun leaves, it doesn't.
 */
    .macro ALLOCATE kind, paged, slow, checked=0
1:  movq CACHE(CACHE_HEADS + \kind * CACHE_HEADS_BYTES)(, %r11, 8), %rax
    sarq $POOL_WORD_SHIFT, %rax
    je \slow
    .if \checked
    CHECK_LISTED \paged, \slow
    .endif
    movq HEADER_SEAL(%rax), %r10 /* the list's word without this block */
    movq %r10, CACHE(CACHE_HEADS + \kind * CACHE_HEADS_BYTES)(, %r11, 8)
2:  RESTART_SEQUENCE 1b, 2b
    imull $POOL_TAG_HASH, %r8d, %r10d
    shrl $POOL_TAG_SHIFT, %r10d
    cmpl %r8d, ExpTagKeys(, %r10, 4)
    jne 3f
    movl %r8d, HEADER_TAG(%rax)
    .if \paged
    incq CACHE(CACHE_ALLOCS + CACHE_COUNTS_BYTES)(, %r10, 8)
    addq %r11, CACHE(CACHE_GRANULES + CACHE_COUNTS_BYTES)(, %r10, 8)
    shlq $SEAL_SHIFT, %r10
    xorq %rax, %r10
    xorq CACHE(CACHE_PAGED_KEYS)(, %r11, 8), %r10
    .else
    COUNT_AND_SEAL
    .endif
    movq %r10, HEADER_SEAL(%rax)
    addb $((BLOCK_IN_USE + \paged * BLOCK_PAGED - BLOCK_CACHED) & 0xFF), HEADER_POOL_TYPE(%rax)
    .if !\checked
    jnc ExpReportTaken
    .endif
    .endm

/*
 * A tag that is not at home: ExpFinishCached(block, tag) finds its slot and counts. It refuses tags
 * that are none, and C answers them. The arguments wait in the caller's home space, which begins
 * `home` bytes up the stack.
 */
    .macro FINISH slow, finish=ExpFinishCached, home=8
3:  movq %rcx, \home(%rsp)
    movq %rdx, \home + 8(%rsp)
    movq %r8, \home + 16(%rsp)
    movq %r9, \home + 24(%rsp)
    movq %rax, %rcx
    movl %r8d, %edx
    subq $(48 - \home), %rsp /* 32 for the routine's own, aligned to 16 */
    call \finish
    addq $(48 - \home), %rsp
    movq \home(%rsp), %rcx
    movq \home + 8(%rsp), %rdx
    movq \home + 16(%rsp), %r8
    movq \home + 24(%rsp), %r9
    testq %rax, %rax
    je \slow
    .endm

    .macro FIND_SIZE slow, limit=CACHE_LIMIT
    cmpq CACHE(\limit), %rdx
    ja \slow
    leal 15(%rdx), %r11d
    shrl $GRANULE_SHIFT, %r11d
    movzbl ExpBlockGranules(%r11), %r11d /* no bytes: 0, whose list is empty */
    .endm

/* RCX is a POOL_TYPE. */
    .macro ALLOCATE_BY_TYPE slow, big
    FIND_SIZE \big
    cmpl $NONPAGED_NX, %ecx
    jne 5f
    ALLOCATE 0, 0, \slow
    ret
    FINISH \slow
    ret
5:  cmpl $PAGED, %ecx
    jne \slow
    READ_IRQL r10
    cmpl $APC_LEVEL, %r10d
    ja \slow
    ALLOCATE POOL_KIND_PAGED, 1, \slow
    ret
    FINISH \slow
    ret
    .endm

/* The same in checked mode. */
    .macro ALLOCATE_CHECKED_BY_TYPE slow
    FIND_SIZE \slow, CACHE_CHECKED
    cmpl $NONPAGED_NX, %ecx
    jne 5f
    call ExpTakeChecked
    testq %rax, %rax
    je \slow
    ret
5:  cmpl $PAGED, %ecx
    jne \slow
    call ExpTakeCheckedPaged
    testq %rax, %rax
    je \slow
    ret
    .endm

/* A block of R11 granules in RAX, NULL for C to try; the arguments stay whole. */
    .macro TAKE_CHECKED kind, paged, level
    READ_IRQL r10
    cmpl $\level, %r10d
    ja 6f
    ALLOCATE \kind, \paged, 6f, 1
    ret
    FINISH 6f, ExpFinishCached, 16
    ret
6:  xorl %eax, %eax
    ret
    .endm

/*
 * The same for whole pages: their state is away from the block (big_cache.c). R9 is free in the
 * routines that use this.
 */
    .macro ALLOCATE_BIG slow
    leal 4095(%rdx), %r11d
    shrl $PAGE_SHIFT, %r11d
1:  movq CACHE(CACHE_BIG_HEADS)(, %r11, 8), %rax
    sarq $POOL_WORD_SHIFT, %rax
    je \slow
    movq %rax, %r10
    shrq $STATE_SHIFT, %r10
    addq CACHE(CACHE_BIG_BIAS), %r10
    movq BIG_STATE_SEAL(%r10), %r9
    movq %r9, CACHE(CACHE_BIG_HEADS)(, %r11, 8)
2:  RESTART_SEQUENCE 1b, 2b
    imull $POOL_TAG_HASH, %r8d, %r9d
    shrl $POOL_TAG_SHIFT, %r9d
    cmpl %r8d, ExpTagKeys(, %r9, 4)
    jne 3f
    movl %r8d, BIG_STATE_TAG(%r10)
    incq CACHE(CACHE_ALLOCS)(, %r9, 8)
    shll $PAGE_GRANULES_SHIFT, %r11d
    addq %r11, CACHE(CACHE_GRANULES)(, %r9, 8)
    shlq $SEAL_SHIFT, %r9
    xorq %rax, %r9
    xorq CACHE(CACHE_BIG_KEY), %r9
    movq %r9, BIG_STATE_SEAL(%r10)
    .endm

    .balign 64
    .globl ExAllocatePoolWithTag
ExAllocatePoolWithTag:
    ALLOCATE_BY_TYPE ExpAllocateWithTag, 20f
20: cmpq CACHE(CACHE_BIG_LIMIT), %rdx
    ja 21f
    cmpl $NONPAGED_NX, %ecx
    jne ExpAllocateWithTag
    ALLOCATE_BIG ExpAllocateWithTag
    ret
    FINISH ExpAllocateWithTag, ExpFinishBig
    ret
21: ALLOCATE_CHECKED_BY_TYPE ExpAllocateWithTag

/* The block RAX had another type than those on lists have. */
ExpReportTaken:
    movq %rax, %rcx
    jmp ExpReportListed

ExpTakeChecked:
    TAKE_CHECKED 0, 0, DISPATCH_LEVEL
ExpTakeCheckedPaged:
    TAKE_CHECKED POOL_KIND_PAGED, 1, APC_LEVEL

/*
 * Puts a block on a list of a kind; to `slow` when that has all it may have. Changes R8, and the
 * block's register, of which `low` is the lower half word, from 10: on. The caller's 1: is where it
 * begins anew.
 */
    .macro PUT block, low, list, kind, slow
    movq CACHE(CACHE_HEADS + \kind * CACHE_HEADS_BYTES)(, \list, 8), %r8
    movq %r8, HEADER_SEAL(\block) /* no seal: a second free will see it */
    incl %r8d
    cmpw CACHE(CACHE_DEPTHS + \kind * CACHE_DEPTHS_BYTES)(, \list, 2), %r8w
    ja \slow
    shlq $POOL_WORD_SHIFT, \block
10: movw %r8w, \low
    movq \block, CACHE(CACHE_HEADS + \kind * CACHE_HEADS_BYTES)(, \list, 8)
2:
    .endm

/* Where a PUT that was stopped behind 10: goes on: with the block's address again. */
    .macro PUT_AGAIN block, to
    RESTART_ELSEWHERE 10b, 2b, 11f
    .subsection 1
11: sarq $POOL_WORD_SHIFT, \block
    jmp \to
    .previous
    .endm

/* Puts the block RCX of R9 pages, whose state is at R10, on its list. Changes R8, R11. */
    .macro PUT_BIG slow
1:  movzwl BIG_STATE_NODE(%r10), %r8d
    cmpq CACHE(CACHE_NODE), %r8
    jne \slow
    movq CACHE(CACHE_BIG_HEADS)(, %r9, 8), %r8
    movq %r8, BIG_STATE_SEAL(%r10)
    incl %r8d
    cmpw CACHE(CACHE_BIG_DEPTHS)(, %r9, 2), %r8w
    ja \slow
    movq %rcx, %r11
    shlq $POOL_WORD_SHIFT, %r11
    movw %r8w, %r11w
    movq %r11, CACHE(CACHE_BIG_HEADS)(, %r9, 8)
2:  RESTART_SEQUENCE 1b, 2b
    .endm

/*
 * Checked mode compares the header of the block RCX with what a block in use has, and with both its
 * neighbours (block.c, ExpIsBlockInUse). That its seal is right says that the size is: the block
 * doesn't leave its page. Changes R10, R11.
 */
    .macro CHECK_IN_USE paged, slow
    movl HEADER(%rcx), %r10d
    andl $USED_MASK, %r10d
    .if \paged
    cmpl $USED_PAGED, %r10d
    .else
    cmpl CACHE(CACHE_USED), %r10d
    .endif
    jne \slow
    movl %r9d, %r10d
    shll $GRANULE_SHIFT, %r10d
    leaq HEADER(%rcx, %r10), %r10 /* the next block, */
    testl $0xFFF, %r10d
    je 5f /* or the page's end */
    movzwl HEADER_POOL_INDEX(%rcx), %r11d
    rolw $8, %r11w
    cmpw %r11w, (%r10) /* its PreviousSize and PoolIndex */
    jne \slow
5:  movzbl HEADER(%rcx), %r10d
    shll $GRANULE_SHIFT, %r10d /* bytes of the block in front, */
    movl %ecx, %r11d
    andl $0xFF0, %r11d
    subl $16, %r11d /* and of all in front */
    cmpl %r11d, %r10d
    ja \slow
    testl %r11d, %r11d
    je 6f
    negq %r10
    movzwl HEADER(%rcx), %r11d
    rolw $8, %r11w
    cmpw %r11w, HEADER_POOL_INDEX(%rcx, %r10) /* its PoolIndex and BlockSize */
    jne \slow
6:
    .endm

/*
 * Of two frees that race one takes the seal R8, and what is stopped before goes back to look at the
 * block anew. The slot moves to R10.
 */
    .macro TAKE_SEAL begin, slow
    movq %rax, %r10
    movq %r8, %rax
    xorl %r11d, %r11d
    lock cmpxchgq %r11, HEADER_SEAL(%rcx)
34: jne \slow
    RESTART_ELSEWHERE \begin, 34b, 20b
    .endm

    .macro COUNT_FREE paged
    incq CACHE(CACHE_FREES + \paged * CACHE_COUNTS_BYTES)(, %rax, 8)
    subq %r9, CACHE(CACHE_GRANULES + \paged * CACHE_COUNTS_BYTES)(, %rax, 8)
    ret
    .endm

    .balign 16
    .globl ExFreePool
ExFreePool:
    xorl %edx, %edx
    .globl ExFreePoolWithTag
ExFreePoolWithTag:
    testl $0xFFF, %ecx /* whole pages have no header */
    je 9f
20: movzbl HEADER_BLOCK_SIZE(%rcx), %r9d /* RCX may be anything */
    RESTART_FAULT 20b, ExpFreeWithTag
    movq CACHE(CACHE_FREE_KEYS)(, %r9, 8), %rax
    xorq %rcx, %rax
1:  xorq HEADER_SEAL(%rcx), %rax
    RESTART_FAULT 1b, ExpFreeWithTag
    rolq $(64 - SEAL_SHIFT), %rax
    cmpq $POOL_TAG_LAST, %rax /* a seal is right: its slot is left */
    ja 6f
21: movb $BLOCK_CACHED, HEADER_POOL_TYPE(%rcx)
1:  PUT %rcx, %cx, %r9, 0, 7f
    RESTART_SEQUENCE 20b, 21b /* the key was this processor's */
    RESTART_ELSEWHERE 21b, 10b, 22f
    PUT_AGAIN %rcx, 22f
    COUNT_FREE 0
/* The seal may be gone, but RAX has the slot. Is the block one of this processor's, too? */
22: movzbl HEADER_POOL_INDEX(%rcx), %r9d
    cmpq CACHE(CACHE_NODE), %r9
    jne 7f
    movzbl HEADER_BLOCK_SIZE(%rcx), %r9d
    movb $BLOCK_CACHED, HEADER_POOL_TYPE(%rcx)
    jmp 1b
23:
    RESTART_SEQUENCE 22b, 23b
6:  xorq CACHE(CACHE_PAGED_TURN), %rax /* as if it had been the other key */
    cmpq $POOL_TAG_LAST, %rax
    ja 30f
    READ_IRQL r10
    cmpl $APC_LEVEL, %r10d
    ja ExpFreeWithTag
25: movb $BLOCK_CACHED, HEADER_POOL_TYPE(%rcx)
1:  PUT %rcx, %cx, %r9, POOL_KIND_PAGED, 8f
    RESTART_SEQUENCE 1b, 10b
    PUT_AGAIN %rcx, 1b
    COUNT_FREE 1
7:  movl %eax, %edx /* the seal is gone, the slot is all that is left of it */
    xorl %r8d, %r8d
    jmp ExpFreeOverflow
8:  movl %eax, %edx
    movl $POOL_KIND_PAGED, %r8d
    jmp ExpFreeOverflow

/* Checked mode, or no seal of either pool, or somebody wants to see all frees. */
30: cmpq $0, CACHE(CACHE_CHECKED)
    je ExpFreeWithTag
    movq HEADER_SEAL(%rcx), %r8
    movq CACHE(CACHE_KEYS)(, %r9, 8), %rax
    xorq %rcx, %rax
    xorq %r8, %rax
    rolq $(64 - SEAL_SHIFT), %rax
    cmpq $POOL_TAG_LAST, %rax
    ja 40f
    READ_IRQL r10
    cmpl $DISPATCH_LEVEL, %r10d
    ja ExpFreeWithTag
    CHECK_IN_USE 0, ExpFreeWithTag
    TAKE_SEAL 30b, ExpFreeWithTag
    movq %r10, %rax
    jmp 21b
35: RESTART_ELSEWHERE 34b, 35b, 36f
40: xorq CACHE(CACHE_PAGED_TURN), %rax
    cmpq $POOL_TAG_LAST, %rax
    ja ExpFreeWithTag
    READ_IRQL r10
    cmpl $APC_LEVEL, %r10d
    ja ExpFreeWithTag
    CHECK_IN_USE 1, ExpFreeWithTag
    TAKE_SEAL 40b, ExpFreeWithTag
    movq %r10, %rax
    jmp 25b
36: jne ExpFreeWithTag /* as was decided in front of 34 */
    movq %r10, %rax
    jmp 22b

9:  movq %rcx, %r10
    shrq $POOL_SLOT_SHIFT, %r10
    cmpl CACHE(CACHE_BIG_SLOT), %r10d
    jne ExpFreeWithTag
    movq %rcx, %r10
    shrq $STATE_SHIFT, %r10
    addq CACHE(CACHE_BIG_BIAS), %r10
    movq CACHE(CACHE_BIG_KEY), %rax
    xorq %rcx, %rax
1:  xorq BIG_STATE_SEAL(%r10), %rax /* there may be none */
    RESTART_FAULT 1b, ExpFreeWithTag
    rolq $(64 - SEAL_SHIFT), %rax
    cmpq $POOL_TAG_LAST, %rax
    ja ExpFreeWithTag
    movzwl BIG_STATE_LIST(%r10), %r9d
    PUT_BIG 8f
    incq CACHE(CACHE_FREES)(, %rax, 8)
    shll $PAGE_GRANULES_SHIFT, %r9d
    subq %r9, CACHE(CACHE_GRANULES)(, %rax, 8)
    ret
8:  movl %eax, %edx
    jmp ExpFreeBigOverflow

    .balign 16
    .globl ExAllocatePool2
ExAllocatePool2:
    FIND_SIZE 20f
    cmpq $FLAG_NONPAGED, %rcx
    jne 9f
    ALLOCATE 0, 0, ExpAllocate2
4:  leal 15(%rdx), %r10d
    andl $-16, %r10d
    leaq (%rax, %r10), %rcx
    negq %r10
    xorps %xmm0, %xmm0
    addq $128, %r10
    jg 6f
5:  movups %xmm0, -128(%rcx, %r10)
    movups %xmm0, -112(%rcx, %r10)
    movups %xmm0, -96(%rcx, %r10)
    movups %xmm0, -80(%rcx, %r10)
    movups %xmm0, -64(%rcx, %r10)
    movups %xmm0, -48(%rcx, %r10)
    movups %xmm0, -32(%rcx, %r10)
    movups %xmm0, -16(%rcx, %r10)
    addq $128, %r10
    jle 5b
6:  subq $128, %r10
    je 8f
7:  movups %xmm0, (%rcx, %r10)
    addq $16, %r10
    jne 7b
8:  ret
    FINISH ExpAllocate2
    jmp 4b
20: cmpq CACHE(CACHE_BIG_LIMIT), %rdx
    ja 21f
    cmpq $FLAG_NONPAGED, %rcx
    jne ExpAllocate2
    ALLOCATE_BIG ExpAllocate2
    jmp 4b
    FINISH ExpAllocate2, ExpFinishBig
    jmp 4b
9:  cmpq $FLAG_NONPAGED_STALE, %rcx
    jne ExpAllocate2
    ALLOCATE 0, 0, ExpAllocate2
    ret
    FINISH ExpAllocate2
    ret
21: FIND_SIZE ExpAllocate2, CACHE_CHECKED
    movq %rcx, %r10
    andq $~(FLAG_NONPAGED ^ FLAG_NONPAGED_STALE), %r10
    cmpq $FLAG_NONPAGED, %r10
    jne ExpAllocate2
    call ExpTakeChecked
    testq %rax, %rax
    je ExpAllocate2
    cmpb $FLAG_NONPAGED, %cl
    je 4b
    ret

    .balign 16
    .globl ExAllocatePoolWithTagPriority
ExAllocatePoolWithTagPriority:
    cmpl $HIGH_POOL_PRIORITY, %r9d
    je ExAllocatePoolWithTag
    cmpb $0, ExpScarce
    jne ExpAllocateWithTagPriority
    ALLOCATE_BY_TYPE ExpAllocateWithTagPriority, 21f
21: ALLOCATE_CHECKED_BY_TYPE ExpAllocateWithTagPriority

/* ---- the same steps for C (System V calling convention); lists are numbered over all kinds --- */

/* PVOID ExpPopCached(ULONG64 List): the caller's address of a block, NULL without one. */
    .balign 16
    .globl ExpPopCached
ExpPopCached:
1:  movq CACHE(CACHE_HEADS)(, %rdi, 8), %rax
    sarq $POOL_WORD_SHIFT, %rax
    je 2f
    movq HEADER_SEAL(%rax), %rdx
    movq %rdx, CACHE(CACHE_HEADS)(, %rdi, 8)
2:  RESTART_SEQUENCE 1b, 2b
    ret

    .macro PUSH full
    PUT %rdi, %di, %rsi, 0, \full
    RESTART_SEQUENCE 1b, 10b
    PUT_AGAIN %rdi, 1b
    movl $1, %eax
    ret
    .endm

/*
 * BOOLEAN ExpPushCachedOf(PVOID Block, ULONG64 List, ULONG64 NodeBits): FALSE also when this is
 * another node's processor.
 */
    .balign 16
    .globl ExpPushCachedOf
ExpPushCachedOf:
1:  cmpq %rdx, CACHE(CACHE_NODE)
    jne 3f
    PUSH 3f

/* BOOLEAN ExpPushCached(PVOID Block, ULONG64 List): FALSE when the list has all it may have. */
    .balign 16
    .globl ExpPushCached
ExpPushCached:
1:  PUSH 3f
3:  xorl %eax, %eax
    ret

/*
 * BOOLEAN ExpInstallCached(ULONG64 List, ULONG64 Chain, ULONG64 NodeBits): FALSE when the list
 * isn't empty, or this is another node's processor.
 */
    .balign 16
    .globl ExpInstallCached
ExpInstallCached:
    xorl %eax, %eax
1:  cmpq %rdx, CACHE(CACHE_NODE)
    jne 3f
    cmpq $0, CACHE(CACHE_HEADS)(, %rdi, 8)
    jne 3f
    movq %rsi, CACHE(CACHE_HEADS)(, %rdi, 8)
2:  RESTART_SEQUENCE 1b, 2b
    incl %eax
3:  ret

/* ULONG64 ExpDetachCached(ULONG64 List): all its blocks as a chain, 0 without any. */
    .balign 16
    .globl ExpDetachCached
ExpDetachCached:
    xorl %eax, %eax
    xchgq %rax, CACHE(CACHE_HEADS)(, %rdi, 8)
    ret

/* PVOID ExpPopBig(ULONG64 List) */
    .balign 16
    .globl ExpPopBig
ExpPopBig:
1:  movq CACHE(CACHE_BIG_HEADS)(, %rdi, 8), %rax
    sarq $POOL_WORD_SHIFT, %rax
    je 2f
    movq %rax, %rdx
    shrq $STATE_SHIFT, %rdx
    addq CACHE(CACHE_BIG_BIAS), %rdx
    movq BIG_STATE_SEAL(%rdx), %rdx
    movq %rdx, CACHE(CACHE_BIG_HEADS)(, %rdi, 8)
2:  RESTART_SEQUENCE 1b, 2b
    ret

/* BOOLEAN ExpPushBig(PVOID Base, ULONG64 List) */
    .balign 16
    .globl ExpPushBig
ExpPushBig:
    movq %rdi, %rcx
    movq %rsi, %r9
    movq %rdi, %r10
    shrq $STATE_SHIFT, %r10
    addq CACHE(CACHE_BIG_BIAS), %r10
    PUT_BIG 3f
    movl $1, %eax
    ret
3:  xorl %eax, %eax
    ret

/* ULONG64 ExpDetachBig(ULONG64 List) */
    .balign 16
    .globl ExpDetachBig
ExpDetachBig:
    xorl %eax, %eax
    xchgq %rax, CACHE(CACHE_BIG_HEADS)(, %rdi, 8)
    ret

    .section .note.GNU-stack, "", @progbits
