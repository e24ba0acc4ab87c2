/*
 * slist.S - pushing on, popping from and emptying a sequenced list; slist.c has the theory.
 *
 * Microsoft calling convention: (rcx: SLIST_HEADER, rdx: SLIST_ENTRY), result in RAX. cmpxchg16b
 * compares the header with RDX:RAX and stores RCX:RBX: in each routine RAX is Alignment (depth and
 * sequence), RDX the first entry, R8 the header. When it fails it has loaded the header anew.
 */

#include "kernel/ke/restart.h"

#define HEADER_FIRST 8
#define ONE_PUSHED 0x10001 /* sequence + 1, depth + 1 */
#define ONE_POPPED 0x0FFFF /* sequence + 1, depth - 1 */
#define SEQUENCE   0x10000

    .text
    .balign 16
    .globl ExpInterlockedPushEntrySList
ExpInterlockedPushEntrySList:
    pushq %rbx
    movq %rcx, %r8
    movq %rdx, %rcx
    movq (%r8), %rax
    movq HEADER_FIRST(%r8), %rdx
1:  movq %rdx, (%rcx) /* the entry's Next */
    leaq ONE_PUSHED(%rax), %rbx
    lock cmpxchg16b (%r8)
    jne 1b
    movq %rdx, %rax
    popq %rbx
    ret

    .balign 16
    .globl ExpInterlockedPopEntrySList
    .globl ExpInterlockedPopEntrySListResume
    .globl ExpInterlockedPopEntrySListFault
ExpInterlockedPopEntrySList:
    pushq %rbx
    movq %rcx, %r8
ExpInterlockedPopEntrySListResume:
    movq (%r8), %rax
    movq HEADER_FIRST(%r8), %rdx
1:  testq %rdx, %rdx
    jz 2f
ExpInterlockedPopEntrySListFault:
    movq (%rdx), %rcx /* the entry may be gone: KiResumeSListPop */
    SLIST_POP ExpInterlockedPopEntrySListFault, ExpInterlockedPopEntrySListResume
    leaq ONE_POPPED(%rax), %rbx
    lock cmpxchg16b (%r8)
    jne 1b
2:  movq %rdx, %rax
    popq %rbx
    ret

    .balign 16
    .globl ExpInterlockedFlushSList
ExpInterlockedFlushSList:
    pushq %rbx
    movq %rcx, %r8
    xorl %ecx, %ecx
    movq (%r8), %rax
    movq HEADER_FIRST(%r8), %rdx
1:  testq %rdx, %rdx
    jz 2f
    leaq SEQUENCE(%rax), %rbx
    xorw %bx, %bx /* depth 0 */
    lock cmpxchg16b (%r8)
    jne 1b
2:  movq %rdx, %rax
    popq %rbx
    ret

    .section .note.GNU-stack, "", @progbits
