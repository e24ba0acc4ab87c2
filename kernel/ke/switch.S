/*
 * switch.S - the context switch, and the first instructions of a new thread.
 *
 * A thread that does not run has a KSWITCH_FRAME (kernel/ke/ke.h) on its stack: what the C compiler
 * and the driver's compiler expect a call to keep. XMM6-15 and MXCSR are the driver's: Microsoft's
 * convention keeps them across calls, and a wait is one.
 */

#define SWITCH_XMM_SIZE 160 /* XMM6-15 */
#define SWITCH_SIZE (SWITCH_XMM_SIZE + 8)

/*
 * VOID KiSwapContext(VOID **OldStack, VOID *NewStack). Interrupts are off, the dispatcher lock is
 * held, and stays so into the new thread.
 */
    .text
    .balign 16
    .globl KiSwapContext
KiSwapContext:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $SWITCH_SIZE, %rsp /* now a multiple of 16 */
    movaps %xmm6, 0x00(%rsp)
    movaps %xmm7, 0x10(%rsp)
    movaps %xmm8, 0x20(%rsp)
    movaps %xmm9, 0x30(%rsp)
    movaps %xmm10, 0x40(%rsp)
    movaps %xmm11, 0x50(%rsp)
    movaps %xmm12, 0x60(%rsp)
    movaps %xmm13, 0x70(%rsp)
    movaps %xmm14, 0x80(%rsp)
    movaps %xmm15, 0x90(%rsp)
    stmxcsr SWITCH_XMM_SIZE(%rsp)
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    movaps 0x00(%rsp), %xmm6
    movaps 0x10(%rsp), %xmm7
    movaps 0x20(%rsp), %xmm8
    movaps 0x30(%rsp), %xmm9
    movaps 0x40(%rsp), %xmm10
    movaps 0x50(%rsp), %xmm11
    movaps 0x60(%rsp), %xmm12
    movaps 0x70(%rsp), %xmm13
    movaps 0x80(%rsp), %xmm14
    movaps 0x90(%rsp), %xmm15
    ldmxcsr SWITCH_XMM_SIZE(%rsp)
    addq $SWITCH_SIZE, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

/*
 * A new thread: its frame was built by KiInitializeThread with the three arguments of KiRunThread
 * in R12, R13 and R14 and RBP 0. The stack holds a return address 0 above, so that walks stop.
 */
    .balign 16
    .globl KiThreadEntry
KiThreadEntry:
    movq %r12, %rdi
    movq %r13, %rsi
    movq %r14, %rdx
    call KiRunThread
    ud2

    .section .note.GNU-stack, "", @progbits
