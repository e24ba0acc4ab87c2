/*
 * irql.S - the two routines that every driver calls most, KfRaiseIrql and KeLowerIrql: a jump to
 * the one of the mode (irql.c). Both modes keep to themselves: free mode asks nothing, not even for
 * the mode, and checked mode has its caller's return address where it expects it.
 */
    .text
    .balign 16
    .globl KfRaiseIrql
KfRaiseIrql:
    jmp *KiRaiseRoutine(%rip)

    .balign 16
    .globl KeLowerIrql
KeLowerIrql:
    jmp *KiLowerRoutine(%rip)

    .section .note.GNU-stack, "", @progbits
