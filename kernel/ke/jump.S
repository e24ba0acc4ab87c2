/*
 * jump.S - a place in a function to come back to, for guarded bodies (kernel/ke/try.h).
 *
 * A place is kept in a KI_JUMP: RIP, RSP and what a callee gives back unchanged, in the System V or
 * the Microsoft convention. The kernel's C uses no XMM register, but the function that called it
 * may be a driver's that keeps something in XMM6-15, and so may what jumps.
 */

#define JUMP_RIP 0x00
#define JUMP_RSP 0x08
#define JUMP_RBX 0x10
#define JUMP_RBP 0x18
#define JUMP_R12 0x20
#define JUMP_R13 0x28
#define JUMP_R14 0x30
#define JUMP_R15 0x38
#define JUMP_MXCSR 0x40
#define JUMP_XMM 0x50 /* XMM6-15 */

/*
 * LONG KiSetJump(PKI_JUMP): keeps the caller's place and returns 0. It returns once more, 1, when
 * KiJump is called with the place.
 */
    .text
    .balign 16
    .globl KiSetJump
KiSetJump:
    movq (%rsp), %rax
    leaq 8(%rsp), %rcx /* the caller's RSP after the return */
    movq %rax, JUMP_RIP(%rdi)
    movq %rcx, JUMP_RSP(%rdi)
    movq %rbx, JUMP_RBX(%rdi)
    movq %rbp, JUMP_RBP(%rdi)
    movq %r12, JUMP_R12(%rdi)
    movq %r13, JUMP_R13(%rdi)
    movq %r14, JUMP_R14(%rdi)
    movq %r15, JUMP_R15(%rdi)
    stmxcsr JUMP_MXCSR(%rdi)
    .irp n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movups %xmm\n, JUMP_XMM + 16 * (\n - 6)(%rdi)
    .endr
    xorl %eax, %eax
    ret

/* VOID KiJump(const KI_JUMP *): goes to the place; everything deeper on the stack is gone. */
    .balign 16
    .globl KiJump
KiJump:
    movq JUMP_RBX(%rdi), %rbx
    movq JUMP_RBP(%rdi), %rbp
    movq JUMP_R12(%rdi), %r12
    movq JUMP_R13(%rdi), %r13
    movq JUMP_R14(%rdi), %r14
    movq JUMP_R15(%rdi), %r15
    ldmxcsr JUMP_MXCSR(%rdi)
    .irp n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    movups JUMP_XMM + 16 * (\n - 6)(%rdi), %xmm\n
    .endr
    movl $1, %eax
    movq JUMP_RSP(%rdi), %rsp
    jmp *JUMP_RIP(%rdi)

    .section .note.GNU-stack, "", @progbits
