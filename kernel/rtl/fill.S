/*
 * fill.S - stores one 8-byte word many times, for memset and whoever clears pages.
 *
 * A row of 128 stores without a loop, entered where just the remainder is left and then run through
 * whole. So a page costs 560 instructions, near the 512 of rep stosq, and an emulated processor,
 * which takes a rep apart, needs half its time (rtl/fill-4096).
 */
#define STORES     128
#define STORE_SIZE 7 /* bytes of one of them, all encoded alike */

    .section .text.hot, "ax"
    .balign 64

/* VOID RtlpFillWords(PVOID To, ULONG64 Word, SIZE_T Count): Count is not 0. */
    .globl RtlpFillWords
    .type RtlpFillWords, @function
RtlpFillWords:
    leaq -1(%rdx), %rcx
    leaq (%rdi, %rdx, 8), %r8           /* where the last word ends */
    andl $(STORES - 1), %ecx            /* stores of the first round, less one */
    leaq .Lend - STORE_SIZE(%rip), %rax
    leaq 8 - STORES * 8(%rdi, %rcx, 8), %rdi
    imulq $STORE_SIZE, %rcx, %rcx
    subq %rcx, %rax
    jmp *%rax
.Lround:
    .set offset, 0
    .rept STORES
    {disp32} movq %rsi, offset(%rdi)
    .set offset, offset + 8
    .endr
.Lend:
    addq $(STORES * 8), %rdi
    cmpq %r8, %rdi
    jne .Lround
    ret
    .size RtlpFillWords, . - RtlpFillWords

    .if .Lend - .Lround != STORES * STORE_SIZE
    .error "the stores differ in size"
    .endif
