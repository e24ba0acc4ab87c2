/*
 * machine.c - what start-up has made of the processor and of its page tables, on every boot road.
 *
 * The same checks run under PVH, GRUB on BIOS and GRUB on UEFI: whatever the loader left behind,
 * the machine that the rest of the kernel finds is the same one.
 */
#include <ntddk.h>
#include "kernel/ke/ke.h"
#include "kernel/rtl/rtl.h"
#include "mm/mm.h"
#include "tests/test.h"

#define CR0_WP      0x10000
#define CR4_UMIP    0x800
#define CR4_SMEP    0x100000
#define MSR_EFER    0xC0000080
#define EFER_LMA    0x400
#define EFER_NXE    0x800
#define MSR_GS_BASE 0xC0000101

extern CHAR KiBootStack[], KiBootStackGuard[], KiDpcStackGuard[];

typedef struct _TABLE_REGISTER {
    USHORT Limit;
    ULONG64 Base;
} __attribute__((packed)) TABLE_REGISTER;

static ULONG64 ReadModelRegister(ULONG Register)
{
    ULONG Low, High;
    __asm__ volatile("rdmsr" : "=a"(Low), "=d"(High) : "c"(Register));
    return (ULONG64)High << 32 | Low;
}

static VOID ReadFeatures(ULONG Registers[4])
{
    ULONG Highest, b, c, d;
    RtlZeroMemory(Registers, 4 * sizeof(ULONG));
    __asm__ volatile("cpuid" : "=a"(Highest), "=b"(b), "=c"(c), "=d"(d) : "a"(0), "c"(0));
    if (Highest >= 7) {
        __asm__ volatile("cpuid"
                         : "=a"(Registers[0]), "=b"(Registers[1]), "=c"(Registers[2]),
                           "=d"(Registers[3])
                         : "a"(7), "c"(0));
    }
}

/* TRUE when the page of Va is mapped with exactly these rights. */
static BOOLEAN HasRights(PCVOID Va, BOOLEAN Writable, BOOLEAN Executable)
{
    MI_WALK Walk;
    MiWalkTables(Va, &Walk);
    return CHECK(Walk.Valid) && CHECK_EQ(Walk.Writable, Writable) &&
           CHECK_EQ(Walk.NoExecute, !Executable);
}

TEST(BootWriteProtect, "boot/read-only-holds-for-the-kernel-too", "DESIGN: W^X; CR0.WP")
{
    ULONG64 Cr0;
    __asm__ volatile("movq %%cr0, %0" : "=r"(Cr0));
    CHECK_EQ(Cr0 & CR0_WP, CR0_WP);
}

TEST(BootNoExecute, "boot/long-mode-with-no-execute", "DESIGN: W^X; EFER.NXE")
{
    CHECK_EQ(ReadModelRegister(MSR_EFER) & (EFER_LMA | EFER_NXE), EFER_LMA | EFER_NXE);
}

TEST(BootSupervisor, "boot/smep-and-umip-where-the-processor-has-them", "DESIGN: SMEP and UMIP on")
{
    ULONG Features[4];
    ULONG64 Cr4;
    ReadFeatures(Features);
    __asm__ volatile("movq %%cr4, %0" : "=r"(Cr4));
    CHECK_EQ((Cr4 & CR4_SMEP) != 0, (Features[1] >> 7) & 1);
    CHECK_EQ((Cr4 & CR4_UMIP) != 0, (Features[2] >> 2) & 1);
}

TEST(BootTextRights, "boot/text-is-executable-and-never-writable", "DESIGN: W^X; text RX")
{
    for (PCHAR Page = KiTextStart; Page < KiTextEnd; Page += PAGE_SIZE) {
        if (!HasRights(Page, FALSE, TRUE)) {
            return;
        }
    }
}

TEST(BootConstantRights, "boot/constants-are-read-only", "DESIGN: W^X; read-only data R")
{
    for (PCHAR Page = KiRodataStart; Page < KiRodataEnd; Page += PAGE_SIZE) {
        if (!HasRights(Page, FALSE, FALSE)) {
            return;
        }
    }
}

TEST(BootDataRights, "boot/data-is-never-executable", "DESIGN: W^X; everything else NX")
{
    MI_WALK Walk;
    for (PCHAR Page = KiDataStart; Page < KiDataEnd; Page += PAGE_SIZE) {
        MiWalkTables(Page, &Walk);
        if (Walk.Valid && !HasRights(Page, TRUE, FALSE)) {
            return;
        }
    }
}

TEST(BootGuardPages, "boot/a-missing-page-under-every-static-stack", "guard page under every stack")
{
    PCHAR Guards[] = {KiBootStackGuard, KiDpcStackGuard};
    MI_WALK Walk;
    for (ULONG i = 0; i < ARRAYSIZE(Guards); i++) {
        MiWalkTables(Guards[i], &Walk);
        CHECK(!Walk.Valid);
        HasRights(Guards[i] + PAGE_SIZE, TRUE, FALSE);
    }
    CHECK_EQ((ULONG_PTR)KiBootStack, (ULONG_PTR)KiBootStackGuard + PAGE_SIZE);
}

TEST(BootIdentity, "boot/nothing-is-mapped-where-the-loader-ran", "boot/entry.S: no identity map")
{
    MI_WALK Walk;
    MiWalkTables((PVOID)0x1000000ULL, &Walk);
    CHECK(!Walk.Valid);
    CHECK_EQ(Walk.Level, MI_TOP_LEVEL);
    MiWalkTables(NULL, &Walk);
    CHECK(!Walk.Valid);
}

TEST(BootTables, "boot/descriptor-tables-are-ours", "kernel/ke/processor.c")
{
    TABLE_REGISTER Gdt, Idt;
    PKPCR Pcr = (PKPCR)ReadModelRegister(MSR_GS_BASE);
    __asm__ volatile("sgdt %0; sidt %1" : "=m"(Gdt), "=m"(Idt));
    CHECK_EQ(Gdt.Base, (ULONG_PTR)Pcr->GdtBase);
    CHECK_EQ(Idt.Base, (ULONG_PTR)Pcr->IdtBase);
    CHECK_EQ(Idt.Limit, 256 * 16 - 1);
    HasRights((PVOID)Gdt.Base, TRUE, FALSE);
    HasRights((PVOID)Idt.Base, TRUE, FALSE);
}

TEST(BootPcr, "boot/gs-shows-the-processor-record", "driver-abi: gs:[0x18], gs:[0x20], gs:[0x184]")
{
    PKPCR Self;
    PKPRCB Prcb;
    UCHAR Number;
    __asm__ volatile("movq %%gs:0x18, %0; movq %%gs:0x20, %1; movb %%gs:0x184, %2"
                     : "=r"(Self), "=r"(Prcb), "=q"(Number));
    CHECK_EQ((ULONG_PTR)Self, ReadModelRegister(MSR_GS_BASE));
    CHECK_EQ((ULONG_PTR)Prcb, (ULONG_PTR)&Self->Prcb);
    CHECK_EQ(Number, 0);
    CHECK_NE((ULONG_PTR)Prcb->CurrentThread, 0);
}

TEST(BootStack, "boot/the-first-thread-has-24-kilobytes-of-stack", "DESIGN: kernel stack 24 KB")
{
    PKTHREAD Thread = KeGetCurrentThread();
    CHECK_EQ((ULONG_PTR)Thread->StackBase - (ULONG_PTR)Thread->StackLimit, 24 * 1024);
    CHECK_LT((ULONG_PTR)&Thread, (ULONG_PTR)Thread->StackBase);
    CHECK_GE((ULONG_PTR)&Thread, (ULONG_PTR)Thread->StackLimit);
}

TEST(BootWords, "boot/the-command-line-arrives-cut-into-words", "docs/boot.md: the command line")
{
    const CHAR *Test = KiGetBootOption("test");
    if (Test == NULL) {
        SKIP("started without test=");
    }
    CHECK(strlen(Test) > 0);
    CHECK_GE(KiBootWordCount(), 1);
    CHECK(KiGetBootOption("tes") == NULL);
    CHECK(KiGetBootOption("test=") == NULL);
}
