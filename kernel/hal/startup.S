/*
 * startup.S - the first instructions of another processor, from real mode to the kernel's address.
 *
 * A startup IPI lets a processor begin in real mode at a page below 1 MiB. HalpPrepareStartup
 * copies the first part there and fills in the addresses; it goes straight from real mode to long
 * mode in page tables of its own, which have the kernel's upper half and this one page at its
 * physical address. The second part runs at its own address and leaves those tables.
 */

#define CR4_PAE_PGE 0x0A0
#define CR0_PG_WP_NE_ET_MP_PE 0x80010033
#define EFER 0xC0000080
#define EFER_LME_NXE 0x900 /* bit 8 long mode, bit 11 no-execute */

#define OFFER_MADE 1
#define OFFER_TAKEN 2

#define HERE(symbol) ((symbol) - HalpStartupCode)

    .section .init.data, "aw"
    .balign 16
    .globl HalpStartupCode
HalpStartupCode:
    .code16
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    movl HERE(StartupCr3), %eax
    movl %eax, %cr3
    movl $CR4_PAE_PGE, %eax
    movl %eax, %cr4
    movl $EFER, %ecx
    rdmsr
    orl $EFER_LME_NXE, %eax
    wrmsr
    lgdtl HERE(StartupGdtPointer)
    movl $CR0_PG_WP_NE_ET_MP_PE, %eax
    movl %eax, %cr0
    ljmpl *HERE(StartupTarget)

    .code64
    .globl HalpStartupLong
HalpStartupLong:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq $HalpProcessorEntry, %rax
    jmp *%rax

    /* STARTUP_DATA of startup.c */
    .balign 8
    .globl HalpStartupData, HalpStartupEnd
HalpStartupData:
    .quad 0
    .quad 0x00AF9B000000FFFF /* 0x08: 64-bit code, accessed (this page is read-only) */
    .quad 0x00CF93000000FFFF /* 0x10: data */
StartupGdtPointer:
    .short StartupGdtPointer - HalpStartupData - 1
    .long 0 /* physical address of HalpStartupData */
StartupTarget:
    .long 0 /* physical address of HalpStartupLong */
    .short 0x08
StartupCr3:
    .long 0
HalpStartupEnd:

/*
 * The processor that is expected takes what HalpStarting holds for it, and again if INIT puts it
 * back to its beginning (START-2). Anyone else stands still for ever.
 */
    .text
    .balign 16
    .globl HalpProcessorEntry, HalpProcessorRuns, HalpProcessorStands
HalpProcessorEntry:
    movl $1, %eax
    cpuid
    shrl $24, %ebx /* this processor's APIC id */
    cmpl %ebx, HalpStarting + 8(%rip)
    jne 1f
    movl $OFFER_MADE, %eax
    movl $OFFER_TAKEN, %ecx
    lock cmpxchgl %ecx, HalpStarting + 12(%rip)
    je 2f
    cmpl $OFFER_TAKEN, %eax
    jne 1f
2:  movq HalpStarting(%rip), %rdi
    movq HalpStarting + 16(%rip), %rsp
    movq HalpStarting + 24(%rip), %rax
    movq HalpStarting + 32(%rip), %rdx
    movq %rax, %cr3
    xorl %ebp, %ebp /* end of the frame chain */
    pushq $0
HalpProcessorRuns:
    jmp *%rdx
HalpProcessorStands:
1:  cli
    hlt
    jmp 1b

    .section .note.GNU-stack, "", @progbits
