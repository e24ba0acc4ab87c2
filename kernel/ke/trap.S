/*
 * trap.S - the entries of exceptions and interrupts, and the two stack switches.
 *
 * All 256 stubs build one KTRAP_FRAME (kernel/ke/ke.h). XMM0-5 and MXCSR are saved because driver
 * code may use SSE2 at any IRQL; XMM6-15 survive since every callback is a function that keeps
 * them. A false frame {Rbp, Rip} under the C handler lets a stack walk pass through the
 * interrupt.
 */

#define FRAME_GENERAL_SIZE 120 /* R15..Rax, 15 registers */
#define FRAME_XMM_SIZE 96      /* XMM0-5 */
#define FRAME_RBP (FRAME_XMM_SIZE + 16 + 64) /* Xmm, MxCsr+Irql, FaultAddress, R15..R8 */
#define FRAME_RIP (FRAME_XMM_SIZE + 16 + FRAME_GENERAL_SIZE + 16)

    .macro SAVE_FRAME
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq $0 /* FaultAddress */
    subq $(FRAME_XMM_SIZE + 8), %rsp
    movups %xmm0, 0x00(%rsp)
    movups %xmm1, 0x10(%rsp)
    movups %xmm2, 0x20(%rsp)
    movups %xmm3, 0x30(%rsp)
    movups %xmm4, 0x40(%rsp)
    movups %xmm5, 0x50(%rsp)
    stmxcsr FRAME_XMM_SIZE(%rsp)
    cld
    .endm

    .text
    .balign 16
KiTrapCommon:
    SAVE_FRAME
    movq %cr2, %rax
    movq %rax, FRAME_XMM_SIZE + 8(%rsp)
    movq %rsp, %rdi
    pushq FRAME_RIP(%rdi)
    pushq FRAME_RBP(%rdi)
    movq %rsp, %rbp
    call KiDispatchTrap
    jmp KiTrapReturn

    .balign 16
KiInterruptCommon:
    SAVE_FRAME
    movq %rsp, %rdi
    pushq FRAME_RIP(%rdi)
    pushq FRAME_RBP(%rdi)
    movq %rsp, %rbp
    call KiDispatchInterrupt

KiTrapReturn:
    addq $16, %rsp
    ldmxcsr FRAME_XMM_SIZE(%rsp)
    movups 0x00(%rsp), %xmm0
    movups 0x10(%rsp), %xmm1
    movups 0x20(%rsp), %xmm2
    movups 0x30(%rsp), %xmm3
    movups 0x40(%rsp), %xmm4
    movups 0x50(%rsp), %xmm5
    addq $(FRAME_XMM_SIZE + 16), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp /* vector, error code */
    iretq

/*
 * The stubs. 0x29 is no interrupt but `int 0x29`, __fastfail. Vectors 8, 10-14, 17, 21, 29, 30
 * come with an error code of the processor's.
 */
    .balign 16
    .globl KiVectorStubs
KiVectorStubs:
    .set vector, 0
    .rept 256
    .balign 16
    .set own_code, (vector >= 10 && vector <= 14) || (vector == 29) || (vector == 30)
    .if !((vector == 8) || (vector == 17) || (vector == 21) || own_code)
    pushq $0
    .endif
    pushq $vector
    .if (vector < 31) || (vector == 0x29)
    jmp KiTrapCommon
    .else
    jmp KiInterruptCommon
    .endif
    .set vector, vector + 1
    .endr

/*
 * VOID KiCallOnStack(VOID (*Routine)(VOID *), VOID *Context, VOID *StackTop): calls the routine on
 * another stack and comes back. The frame chain stays whole.
 */
    .balign 16
    .globl KiCallOnStack
KiCallOnStack:
    pushq %rbp
    movq %rsp, %rbp
    movq %rdi, %rax
    movq %rdx, %rsp
    movq %rsi, %rdi
    call *%rax
    movq %rbp, %rsp
    popq %rbp
    ret

/*
 * At the entry of a routine of the Microsoft calling convention: keeps the caller's registers as a
 * KTRAP_FRAME at RSP, as if the instruction behind the call had trapped. Uses RAX and RBX.
 */
    .macro SAVE_CALLER
    pushfq
    pushq %rax
    pushq %rax          /* so that the frame ends on a multiple of 16 */
    leaq 32(%rsp), %rax /* the caller's RSP after the return */
    pushq $0x10         /* SegSs */
    pushq %rax          /* Rsp */
    pushq 32(%rsp)      /* EFlags (the pushfq above) */
    pushq $0x08         /* SegCs */
    pushq 56(%rsp)      /* Rip: return address */
    pushq $0            /* ErrorCode */
    pushq $0x100        /* Vector: none */
    movq 64(%rsp), %rax
    SAVE_FRAME
    movq %cr8, %rax
    movl %eax, FRAME_XMM_SIZE + 4(%rsp)
    .endm

/*
 * KeBugCheckEx, Microsoft calling convention: (ecx, rdx, r8, r9, [rsp+0x28]). Keeps the caller's
 * registers as a KTRAP_FRAME, so that the report shows them as they were, and goes on in C.
 */
    .balign 16
    .globl KeBugCheckEx
KeBugCheckEx:
    SAVE_CALLER
    cli
    movq FRAME_RIP + 24(%rsp), %rbx /* caller's Rsp */
    movl %ecx, %edi
    movq %rdx, %rsi
    movq %r8, %rdx
    movq %r9, %rcx
    movq 32(%rbx), %r8 /* fifth argument: above the 32 bytes of home space */
    movq %rsp, %r9
    call KiBugCheck
    ud2

/*
 * RtlRaiseException and KiRaiseRecord, Microsoft calling convention: (rcx: EXCEPTION_RECORD). The
 * first stores the return address as ExceptionAddress. Execution goes on at the frame if the C
 * behind them returns.
 */
    .balign 16
    .globl RtlRaiseException
RtlRaiseException:
    movq (%rsp), %rax
    movq %rax, 16(%rcx) /* ExceptionAddress */
    .globl KiRaiseRecord
KiRaiseRecord:
    SAVE_CALLER
    movq %rcx, %rdi
    movq %rsp, %rsi
    pushq FRAME_RIP(%rsi)
    pushq FRAME_RBP(%rsi)
    movq %rsp, %rbp
    call KiRaiseException
    jmp KiTrapReturn

    .section .note.GNU-stack, "", @progbits
