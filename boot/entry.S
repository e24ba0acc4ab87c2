/*
 * entry.S - from the boot loader's 32-bit world to the first instruction of C.
 *
 * Both roads (PVH from qemu -kernel, multiboot2 from GRUB) arrive in 32-bit protected mode without
 * paging, with a pointer in EBX. This file checks that the processor can run us, builds the first
 * page tables, enters long mode in the higher half and calls KiSystemStartup(Road, Pointer).
 *
 * The first page tables are already the strict ones (W^X from the first instruction of C):
 *
 *   kernel image    4 KiB pages: boot and init code RX, text RX, constants R, data RW, no page both
 *                   writable and executable; a hole under every static stack (guard page)
 *   direct map      physical 0..4 GiB at 0xFFFFFC0000000000 in 2 MiB pages, RW NX, without the
 *                   regions of the kernel image: code has no writable alias
 *   self map        slot 0x1ED, so that a PTE has an address
 *   HAL window      0xFFFFFFFFFFE00000: page 0 the local APIC, page 1 the I/O APIC, uncached
 *
 * The identity map that the jump needs lives in slot 0 and is removed before C runs.
 */

#define KERNEL_BASE 0xFFFFFFFF80000000
#define PHYS(symbol) ((symbol) - KERNEL_BASE)

#define PTE_P 0x001
#define PTE_W 0x002
#define PTE_UNCACHED 0x018 /* write-through | cache disable */
#define PTE_A 0x020
#define PTE_D 0x040
#define PTE_LARGE 0x080
#define PTE_G 0x100
#define PTE_NX_HIGH 0x80000000 /* bit 63, in the upper half of the entry */
#define RX (PTE_P | PTE_A | PTE_G)
#define RW (PTE_P | PTE_W | PTE_A | PTE_D | PTE_G)
#define TABLE (PTE_P | PTE_W | PTE_A)

#define CR4_PAE 0x020
#define CR4_PGE 0x080
#define CR0_PG_WP_NE_ET_MP_PE 0x80010033
#define EFER 0xC0000080
#define EFER_LME_NXE 0x900 /* bit 8 long mode, bit 11 no-execute */

#define IMAGE_TABLES 4 /* page tables for the image: 4 * 2 MiB = 8 MiB */

/* ---- headers ------------------------------------------------------------------------------ */

    .section .boot.header, "a"
    .balign 8
Multiboot2Header:
    .long 0xE85250D6 /* magic */
    .long 0          /* i386 protected mode */
    .long Multiboot2HeaderEnd - Multiboot2Header
    .long 0x100000000 - (0xE85250D6 + (Multiboot2HeaderEnd - Multiboot2Header))
    .balign 8
    .short 3, 0 /* entry address tag: the multiboot2 road has an entry of its own */
    .long 12
    .long KiMultiboot2Entry
    .balign 8
    .short 6, 1 /* module alignment: optional */
    .long 8
    .balign 8
    .short 0, 0
    .long 8
Multiboot2HeaderEnd:

    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18 /* name size, data size, XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .quad KiPvhEntry

/* ---- 32-bit ------------------------------------------------------------------------------- */

    .section .boot.text, "ax"
    .code32
    .globl KiPvhEntry
KiPvhEntry:
    xorl %ebp, %ebp /* Road 0 */
    jmp KiEntry32

KiMultiboot2Entry:
    movl $1, %ebp /* Road 1 */
    cmpl $0x36D76289, %eax
    je KiEntry32
    movl $TextNotMultiboot, %esi
    jmp KiRefuse

KiEntry32:
    cli
    cld
    movl %ebx, %edi /* keep the loader's pointer: cpuid eats ebx */
    movl $PHYS(KiBootStackTop), %esp

    movl $0x80000000, %eax
    cpuid
    movl $TextNoLongMode, %esi
    cmpl $0x80000001, %eax
    jb KiRefuse
    movl $0x80000001, %eax
    cpuid
    btl $29, %edx /* long mode */
    jnc KiRefuse
    movl $TextNoNx, %esi
    btl $20, %edx /* no-execute */
    jnc KiRefuse
    movl $TextTooLarge, %esi
    movl $PHYS(KiImageEnd), %eax
    subl $0x1000000, %eax
    cmpl $(IMAGE_TABLES * 0x200000), %eax
    ja KiRefuse

    call KiBuildTables

    movl $PHYS(KiBootPml4), %eax
    movl %eax, %cr3
    movl $(CR4_PAE | CR4_PGE), %eax
    movl %eax, %cr4
    movl $EFER, %ecx
    rdmsr
    orl $EFER_LME_NXE, %eax
    wrmsr
    movl $CR0_PG_WP_NE_ET_MP_PE, %eax
    movl %eax, %cr0
    lgdt BootGdtPointer
    ljmp $0x08, $KiEntry64

/* One line on COM1, then the status for "bad start": nothing else works yet. ESI = text. */
KiRefuse:
    movw $0x3F8, %dx
1:  lodsb
    testb %al, %al
    jz 2f
    outb %al, %dx
    jmp 1b
2:  movw $0xF4, %dx
    movl $0x12, %eax /* HAL_EXIT_BAD_START */
    outl %eax, %dx
3:  cli
    hlt
    jmp 3b

/*
 * Maps physical ESI..ECX (page aligned) of the image with low flags EDX and high flags EBX. The
 * four page tables are adjacent, so that one index runs through them all.
 */
KiMapImage:
    cmpl %ecx, %esi
    jae 1f
    movl %esi, %eax
    subl $0x1000000, %eax
    shrl $9, %eax /* page index * 8 */
    pushl %esi
    orl %edx, %esi
    movl %esi, PHYS(KiBootImageTables)(%eax)
    movl %ebx, PHYS(KiBootImageTables) + 4(%eax)
    popl %esi
    addl $0x1000, %esi
    jmp KiMapImage
1:  ret

KiBuildTables:
    /* Top level. */
    movl $PHYS(KiBootPml4), %eax
    movl $(PHYS(KiBootIdentityPdpt) + TABLE), (%eax)
    movl $(PHYS(KiBootPml4) + TABLE), 0x1ED * 8(%eax)
    movl $PTE_NX_HIGH, 0x1ED * 8 + 4(%eax)
    movl $(PHYS(KiBootDirectPdpt) + TABLE), 0x1F8 * 8(%eax)
    movl $(PHYS(KiBootHighPdpt) + TABLE), 511 * 8(%eax)

    /* Identity: the 2 MiB that hold this code, for the jump only. */
    movl $(PHYS(KiBootIdentityPd) + TABLE), PHYS(KiBootIdentityPdpt)
    movl $(0x1000000 + PTE_P + PTE_A + PTE_LARGE), PHYS(KiBootIdentityPd) + 8 * 8

    /* Direct map: 4 * 512 large pages, then the hole over the image. */
    movl $PHYS(KiBootDirectPd), %eax
    xorl %ecx, %ecx
1:  leal TABLE(%eax), %edx
    movl %edx, PHYS(KiBootDirectPdpt)(, %ecx, 8)
    addl $0x1000, %eax
    incl %ecx
    cmpl $4, %ecx
    jb 1b
    xorl %ecx, %ecx
2:  movl %ecx, %edx
    shll $21, %edx
    orl $(RW | PTE_LARGE), %edx
    movl %edx, PHYS(KiBootDirectPd)(, %ecx, 8)
    movl $PTE_NX_HIGH, PHYS(KiBootDirectPd) + 4(, %ecx, 8)
    incl %ecx
    cmpl $2048, %ecx
    jb 2b
    movl $8, %ecx /* 16 MiB / 2 MiB */
    movl $PHYS(KiImageEnd), %eax
    addl $0x1FFFFF, %eax
    shrl $21, %eax
3:  movl $0, PHYS(KiBootDirectPd)(, %ecx, 8)
    movl $0, PHYS(KiBootDirectPd) + 4(, %ecx, 8)
    incl %ecx
    cmpl %eax, %ecx
    jb 3b

    /* The image: its four page tables, then each part with its own rights. */
    movl $(PHYS(KiBootHighPd) + TABLE), PHYS(KiBootHighPdpt) + 510 * 8
    movl $(PHYS(KiBootHalPd) + TABLE), PHYS(KiBootHighPdpt) + 511 * 8
    movl $PHYS(KiBootImageTables) + TABLE, %eax
    movl $8, %ecx
4:  movl %eax, PHYS(KiBootHighPd)(, %ecx, 8)
    addl $0x1000, %eax
    incl %ecx
    cmpl $(8 + IMAGE_TABLES), %ecx
    jb 4b

    movl $PHYS(KiImageStart), %esi
    movl $PHYS(KiInitTextEnd), %ecx
    movl $RX, %edx
    xorl %ebx, %ebx
    call KiMapImage
    movl $PHYS(KiInitEnd), %ecx
    movl $RW, %edx
    movl $PTE_NX_HIGH, %ebx
    call KiMapImage
    movl $PHYS(KiTextEnd), %ecx
    movl $RX, %edx
    xorl %ebx, %ebx
    call KiMapImage
    movl $PHYS(KiRodataEnd), %ecx
    movl $PTE_NX_HIGH, %ebx
    call KiMapImage
    movl $PHYS(KiDataEnd), %ecx
    movl $RW, %edx
    call KiMapImage
    movl $PHYS(KiImageEnd), %ecx
    movl $RX, %edx
    call KiMapImage

    /* Guard pages. */
    movl $GuardPages, %esi
5:  movl (%esi), %eax
    testl %eax, %eax
    jz 6f
    subl $0x1000000, %eax
    shrl $9, %eax
    movl $0, PHYS(KiBootImageTables)(%eax)
    movl $0, PHYS(KiBootImageTables) + 4(%eax)
    addl $4, %esi
    jmp 5b

6:  /* HAL window. */
    movl $(PHYS(KiBootHalTable) + TABLE), PHYS(KiBootHalPd) + 511 * 8
    movl $(0xFEE00000 + RW + PTE_UNCACHED), PHYS(KiBootHalTable)
    movl $PTE_NX_HIGH, PHYS(KiBootHalTable) + 4
    movl $(0xFEC00000 + RW + PTE_UNCACHED), PHYS(KiBootHalTable) + 8
    movl $PTE_NX_HIGH, PHYS(KiBootHalTable) + 12
    ret

    .code64
KiEntry64:
    movabsq $KiEntryHigh, %rax
    jmp *%rax

    .section .boot.data, "a"
    .balign 8
BootGdt:
    .quad 0
    .quad 0x00AF9B000000FFFF /* 0x08: 64-bit code, accessed (this page is read-only) */
    .quad 0x00CF93000000FFFF /* 0x10: data */
BootGdtPointer:
    .short . - BootGdt - 1
    .long BootGdt
    .balign 4
GuardPages:
    .long PHYS(KiBootStackGuard), PHYS(KiDpcStackGuard), PHYS(KiDoubleFaultStackGuard)
    .long PHYS(KiNmiStackGuard), PHYS(KiMachineCheckStackGuard), PHYS(KiBugCheckStackGuard), 0
TextNotMultiboot:
    .ascii "Tarn: started by a loader that speaks neither PVH nor multiboot2; "
    .asciz "use GRUB 2 or qemu -kernel\n"
TextNoLongMode:
    .asciz "Tarn: this processor has no 64-bit mode; Tarn needs an x86_64 processor\n"
TextNoNx:
    .asciz "Tarn: this processor has no NX bit (or the firmware turned it off); Tarn needs it\n"
TextTooLarge:
    .asciz "Tarn: the kernel image is larger than its first page tables; raise IMAGE_TABLES\n"

/* ---- 64-bit, higher half ------------------------------------------------------------------ */

    .section .init.text, "ax"
    .code64
KiEntryHigh:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq $KiBootStackTop, %rsp
    movq $0, KiBootPml4 /* the identity map is gone */
    movq %cr3, %rax
    movq %rax, %cr3
    movl %edi, %esi /* loader's pointer, zero-extended */
    movl %ebp, %edi /* Road */
    xorl %ebp, %ebp /* end of the frame chain */
    pushq $0
    jmp KiSystemStartup

/* ---- static stacks of processor 0, each over a guard page ----------------------------------- */

    .macro STACK name, size
    .globl \name\()Guard, \name, \name\()Top
\name\()Guard:
    .skip 0x1000
    .type \name\()Guard, @object
    .size \name\()Guard, 0x1000
\name:
    .skip \size
\name\()Top:
    .endm

    .section .stacks, "aw", @nobits
    .balign 0x1000
    STACK KiBootStack, 0x6000 /* 24 KB, as every kernel stack */
    STACK KiDpcStack, 0x6000
    STACK KiDoubleFaultStack, 0x2000
    STACK KiNmiStack, 0x2000
    STACK KiMachineCheckStack, 0x2000
    STACK KiBugCheckStack, 0x4000

    .section .boot.tables, "aw", @nobits
    .balign 0x1000
    .globl KiBootPml4
KiBootPml4:
    .skip 0x1000
KiBootIdentityPdpt:
    .skip 0x1000
KiBootIdentityPd:
    .skip 0x1000
KiBootDirectPdpt:
    .skip 0x1000
KiBootDirectPd:
    .skip 4 * 0x1000
KiBootHighPdpt:
    .skip 0x1000
KiBootHighPd:
    .skip 0x1000
KiBootImageTables:
    .skip IMAGE_TABLES * 0x1000
KiBootHalPd:
    .skip 0x1000
KiBootHalTable:
    .skip 0x1000

    .section .note.GNU-stack, "", @progbits
