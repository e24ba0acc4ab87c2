/*
 * lookaside.S - taking from and giving to a lookaside list: the common way of lookaside.c.
 *
 * The steps of kernel/ke/slist.S with the list's counters around them. Checked mode, an empty list
 * and a full one go to the C routine of the same meaning, with all arguments as they came.
 *
 * Microsoft calling convention: (rcx: list, rdx: entry), result in RAX; cmpxchg16b compares with
 * RDX:RAX and stores RCX:RBX. R8 is the list, R9 keeps RBX.
 */
#include "kernel/ke/restart.h"

/* Fields that all kinds of lists have (contract 2.10). */
#define LIST_FIRST     8
#define LIST_DEPTH     16
#define LIST_ALLOCATES 20
#define LIST_FREES     28

#define ONE_PUSHED 0x10001 /* sequence + 1, depth + 1 */
#define ONE_POPPED 0x0FFFF /* sequence + 1, depth - 1 */

    .macro TAKE name, slow
    .balign 16
    .globl \name
\name:
    cmpb $0, KiCheckedMode
    jne \slow
    movq %rbx, %r9
    movq %rcx, %r8
1:  movq (%r8), %rax
    movq LIST_FIRST(%r8), %rdx
2:  testq %rdx, %rdx
    jz 4f
3:  movq (%rdx), %rcx /* the entry may be gone */
    SLIST_POP 3b, 1b
    leaq ONE_POPPED(%rax), %rbx
    lock cmpxchg16b (%r8)
    jne 2b
    incl LIST_ALLOCATES(%r8)
    movq %r9, %rbx
    movq %rdx, %rax
    ret
4:  movq %r9, %rbx
    movq %r8, %rcx
    jmp \slow
    .endm

    .macro GIVE name, slow
    .balign 16
    .globl \name
\name:
    cmpb $0, KiCheckedMode
    jne \slow
    movq (%rcx), %rax
    cmpw LIST_DEPTH(%rcx), %ax
    jae \slow
    movq %rbx, %r9
    movq %rcx, %r8
    movq %rdx, %rcx
    movq LIST_FIRST(%r8), %rdx
1:  movq %rdx, (%rcx)
    leaq ONE_PUSHED(%rax), %rbx
    lock cmpxchg16b (%r8)
    jne 1b
    incl LIST_FREES(%r8)
    movq %r9, %rbx
    ret
    .endm

    .section .text.hot, "ax"
    TAKE ExAllocateFromLookasideListEx, ExpAllocateFromListEx
    GIVE ExFreeToLookasideListEx, ExpFreeToListEx
    TAKE ExAllocateFromNPagedLookasideList, ExpAllocateFromList
    GIVE ExFreeToNPagedLookasideList, ExpFreeToList
    TAKE ExAllocateFromPagedLookasideList, ExpAllocateFromList
    GIVE ExFreeToPagedLookasideList, ExpFreeToList

    .section .note.GNU-stack, "", @progbits
