/* sources: boot/memory_map.c boot/multiboot2.c boot/pvh.c */
/*
 * boot_test.c - hostile loader data against the two boot readers, on the host under ASan and UBSan.
 *
 * Nothing that a loader says may make the readers look outside of what it gave. Each case is a
 * promise of the boot: a clear sentence, never a wild pointer. BlMap is replaced by one over a
 * small fake memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"

#define FAKE_SIZE 0x4000
#define PLANNED   31

static unsigned char
    *FakeMemory; /* physical 0x1000 .. 0x1000 + FAKE_SIZE, malloc'd: ASan guards both ends */
static int TestNumber, TestFailed;

const VOID *BlMap(ULONG64 Address, ULONG64 Size)
{
    if (Address < 0x1000 || Size > FAKE_SIZE || Address - 0x1000 > FAKE_SIZE - Size) {
        return NULL;
    }
    return FakeMemory + (Address - 0x1000);
}

static void Point(int Good, const char *Name)
{
    printf("%sok %d - %s\n", Good ? "" : "not ", ++TestNumber, Name);
    TestFailed |= !Good;
}

static BOOT_INFORMATION Information;

static int Says(const char *Answer, const char *Part)
{
    return Answer != NULL && strstr(Answer, Part) != NULL;
}

static void Reset(void)
{
    memset(&Information, 0, sizeof(Information));
    memset(FakeMemory, 0, FAKE_SIZE);
}

static int RangeIs(ULONG Index, ULONG64 Base, ULONG64 Size, ULONG Type)
{
    const BOOT_MEMORY_RANGE *Range = &Information.Ranges[Index];
    return Index < Information.RangeCount && Range->Base == Base && Range->Size == Size &&
           Range->Type == Type;
}

static void TestMapOrder(void)
{
    Reset();
    BlAddRange(&Information, 0x100000, 0x100000, 1);
    BlAddRange(&Information, 0, 0x9F000, 1);
    BlAddRange(&Information, 0xF0000, 0x10000, 2);
    Point(BlSanitiseMap(&Information) == NULL && Information.RangeCount == 3 &&
              RangeIs(0, 0, 0x9F000, 1) && RangeIs(1, 0xF0000, 0x10000, 2) &&
              RangeIs(2, 0x100000, 0x100000, 1),
          "host/boot/map/unsorted-ranges-are-sorted");

    Reset();
    BlAddRange(&Information, 0, 0x10000, 1);
    BlAddRange(&Information, 0x4000, 0x2000, 2);
    Point(BlSanitiseMap(&Information) == NULL && RangeIs(0, 0, 0x4000, 1) &&
              RangeIs(1, 0x4000, 0x2000, 2) && RangeIs(2, 0x6000, 0xA000, 1),
          "host/boot/map/reserved-wins-over-usable");

    Reset();
    BlAddRange(&Information, 0, 0x10000, 3);
    BlAddRange(&Information, 0, 0x10000, 2);
    BlAddRange(&Information, 0x1000, 0x1000, 5);
    BlAddRange(&Information, 0x20000, 0x1000, 1);
    Point(BlSanitiseMap(&Information) == NULL && RangeIs(0, 0, 0x1000, 2) &&
              RangeIs(1, 0x1000, 0x1000, 5) && RangeIs(2, 0x2000, 0xE000, 2),
          "host/boot/map/the-least-usable-type-wins");

    Reset();
    BlAddRange(&Information, 0, 0x4000, 1);
    BlAddRange(&Information, 0x4000, 0x4000, 1);
    BlAddRange(&Information, 0x2000, 0x4000, 1);
    Point(BlSanitiseMap(&Information) == NULL && Information.RangeCount == 1 &&
              RangeIs(0, 0, 0x8000, 1),
          "host/boot/map/neighbours-are-joined");
}

static void TestMapEdges(void)
{
    Reset();
    BlAddRange(&Information, 0x1234, 0x3000, 1);
    BlAddRange(&Information, 0x10100, 0x10, 2);
    Point(BlSanitiseMap(&Information) == NULL && RangeIs(0, 0x2000, 0x2000, 1) &&
              RangeIs(1, 0x10000, 0x1000, 2),
          "host/boot/map/usable-shrinks-and-reserved-grows-to-pages");

    Reset();
    BlAddRange(&Information, 0x1001, 0xFFE, 1);
    Point(Says(BlSanitiseMap(&Information), "no usable memory"),
          "host/boot/map/less-than-a-page-is-nothing");

    Reset();
    BlAddRange(&Information, 0x1000, 0x1000, 1);
    BlAddRange(&Information, 0xFFFFFFFFFFFF0000, 0x20000, 2);
    Point(BlSanitiseMap(&Information) == NULL && RangeIs(0, 0x1000, 0x1000, 1) &&
              Information.Ranges[1].Base == 0xFFFFFFFFFFFF0000,
          "host/boot/map/a-range-that-wraps-ends-at-the-top");

    Reset();
    BlAddRange(&Information, 0x5000, 0, 1);
    BlAddRange(&Information, 0x1000, 0x1000, 77);
    BlAddRange(&Information, 0x8000, 0x1000, 1);
    Point(BlSanitiseMap(&Information) == NULL && RangeIs(0, 0x1000, 0x1000, 2) &&
              RangeIs(1, 0x8000, 0x1000, 1) && Information.RangeCount == 2,
          "host/boot/map/unknown-types-are-reserved-and-empty-ranges-vanish");

    Reset();
    Point(Says(BlSanitiseMap(&Information), "no memory map"), "host/boot/map/no-map-is-refused");

    Reset();
    for (int i = 0; i < BOOT_MAX_MEMORY_RANGES; i++) {
        BlAddRange(&Information, i * 0x2000ULL, 0x1000, 1);
    }
    int Full = !BlAddRange(&Information, 0, 0x1000, 1);
    Point(Full && BlSanitiseMap(&Information) == NULL && Information.RangeCount == 128,
          "host/boot/map/a-full-table-refuses-more");

    Reset();
    BlAddRange(&Information, 0, 0x100000, 1);
    for (int i = 1; i < BOOT_MAX_MEMORY_RANGES; i++) {
        BlAddRange(&Information, i * 0x2000ULL, 0x1000, 2);
    }
    Point(Says(BlSanitiseMap(&Information), "too many pieces"),
          "host/boot/map/too-many-pieces-are-refused");
}

static void TestMapRandom(void)
{
    unsigned long long Seed = 0x9E3779B97F4A7C15;
    int Good = 1;
    for (int Round = 0; Round < 2000 && Good; Round++) {
        Reset();
        for (int i = 0; i < 40; i++) {
            Seed ^= Seed << 13, Seed ^= Seed >> 7, Seed ^= Seed << 17;
            BlAddRange(&Information, Seed & 0x3FFFF, (Seed >> 20) & 0xFFFF, (Seed >> 40) % 7);
        }
        if (BlSanitiseMap(&Information) != NULL) {
            continue;
        }
        for (ULONG i = 0; i < Information.RangeCount; i++) {
            const BOOT_MEMORY_RANGE *Range = &Information.Ranges[i];
            Good &= Range->Size != 0 && Range->Base % 0x1000 == 0 && Range->Size % 0x1000 == 0;
            Good &= i == 0 || Range[-1].Base + Range[-1].Size <= Range->Base;
        }
    }
    Point(Good, "host/boot/map/random-maps-come-out-sorted-aligned-disjoint");
}

/* ---- multiboot2 ------------------------------------------------------------------------------ */

/* Copies Size bytes to the heap exactly, so that ASan sees a read behind them. */
static const char *ParseExactly(const void *Bytes, size_t Size)
{
    void *Copy = malloc(Size ? Size : 1);
    memcpy(Copy, Bytes, Size);
    const char *Answer = BlParseMultiboot2(Copy, Size, &Information);
    free(Copy);
    return Answer;
}

static const ULONG GoodList[] = {
    72, 0,                                                    /* size, reserved */
    1,  13, 0x74736574, 0x3D,                                 /* command line "test=" */
    6,  40, 24,         0,    0x100000, 0, 0x200000, 0, 1, 0, /* one usable range */
    0,  8,                                                    /* end */
};

static void TestMultibootGood(void)
{
    Reset();
    Point(ParseExactly(GoodList, sizeof(GoodList)) == NULL && Information.RangeCount == 1 &&
              RangeIs(0, 0x100000, 0x200000, 1) && strcmp(Information.CommandLine, "test=") == 0,
          "host/boot/multiboot2/a-good-list-is-read");

    int Good = 1;
    for (size_t Cut = 0; Cut + 8 <= sizeof(GoodList); Cut++) {
        Reset();
        Good &= ParseExactly(GoodList, Cut) != NULL;
    }
    Point(Good, "host/boot/multiboot2/a-list-cut-at-any-byte-is-refused");
}

static void TestMultibootBad(void)
{
    ULONG List[ARRAYSIZE(GoodList)];
    static const ULONG Sizes[] = {0, 7, 0x7FFFFFFF, 0xFFFFFFFF, 81};
    int Good = 1;
    for (size_t i = 0; i < ARRAYSIZE(Sizes); i++) {
        memcpy(List, GoodList, sizeof(List));
        List[3] = Sizes[i];
        Reset();
        Good &= Says(ParseExactly(List, sizeof(List)), "damaged");
    }
    Point(Good, "host/boot/multiboot2/a-tag-longer-than-the-list-is-refused");

    static const ULONG Entries[] = {0, 8, 23, 25};
    Good = 1;
    for (size_t i = 0; i < ARRAYSIZE(Entries); i++) {
        memcpy(List, GoodList, sizeof(List));
        List[8] = Entries[i];
        Reset();
        Good &= Says(ParseExactly(List, sizeof(List)), "map tag is damaged");
    }
    Point(Good, "host/boot/multiboot2/a-bad-entry-size-is-refused");

    static const ULONG NoMap[] = {16, 0, 0, 8};
    Reset();
    Point(Says(ParseExactly(NoMap, sizeof(NoMap)), "no memory map"),
          "host/boot/multiboot2/no-map-is-refused");

    static const ULONG Unterminated[] = {40, 0, 1, 16, 0x41414141, 0x42424242, 0, 8};
    Reset();
    ParseExactly(Unterminated, sizeof(Unterminated));
    Point(strcmp(Information.CommandLine, "AAAABBBB") == 0,
          "host/boot/multiboot2/a-command-line-without-nul-ends-with-its-tag");

    static const ULONG Module[] = {40, 0, 3, 17, 0xFFFFF000, 0xFFFFFFFF, 0, 0, 0, 8};
    Reset();
    Point(Says(ParseExactly(Module, sizeof(Module)), "module lies outside"),
          "host/boot/multiboot2/a-module-outside-of-memory-is-refused");

    Reset();
    Point(Says(BlReadMultiboot2(0x1004, &Information), "not where") &&
              Says(BlReadMultiboot2(0xFFFFFFF8, &Information), "not where"),
          "host/boot/multiboot2/a-wild-pointer-is-refused");

    unsigned long long Seed = 88172645463325252ULL;
    for (int Round = 0; Round < 20000; Round++) {
        memcpy(List, GoodList, sizeof(List));
        for (int k = 0; k < 3; k++) {
            Seed ^= Seed << 13, Seed ^= Seed >> 7, Seed ^= Seed << 17;
            ((unsigned char *)List)[Seed % sizeof(List)] = (unsigned char)(Seed >> 32);
        }
        Reset();
        ParseExactly(List, sizeof(List));
    }
    Point(1, "host/boot/multiboot2/random-damage-never-reads-outside");
}

/* ---- PVH ------------------------------------------------------------------------------------- */

typedef struct {
    ULONG Magic, Version, Flags, ModuleCount;
    ULONG64 ModuleList, CommandLine, Rsdp, MemoryMap;
    ULONG Entries, Reserved;
} START_INFO;

static START_INFO *GoodStart(void)
{
    Reset();
    START_INFO *Start = (START_INFO *)(void *)FakeMemory;
    ULONG64 Range[3] = {0x100000, 0x200000, 1};
    memcpy(FakeMemory + 0x100, Range, sizeof(Range));
    strcpy((char *)FakeMemory + 0x200, "test=boot/* prompt");
    *Start = (START_INFO){0x336EC578, 1, 0, 0, 0, 0x1200, 0xE0000, 0x1100, 1, 0};
    return Start;
}

static void TestPvh(void)
{
    START_INFO *Start = GoodStart();
    Point(BlReadPvh(0x1000, &Information) == NULL && RangeIs(0, 0x100000, 0x200000, 1) &&
              strcmp(Information.CommandLine, "test=boot/* prompt") == 0 &&
              Information.AcpiRsdp == 0xE0000,
          "host/boot/pvh/a-good-record-is-read");

    Start = GoodStart(), Start->Magic++;
    Point(Says(BlReadPvh(0x1000, &Information), "not where"),
          "host/boot/pvh/a-wrong-magic-is-refused");
    Point(Says(BlReadPvh(0xFFFFFFFFFFFFFFF0, &Information), "not where"),
          "host/boot/pvh/a-wild-record-is-refused");
    Start = GoodStart(), Start->Version = 0;
    Point(Says(BlReadPvh(0x1000, &Information), "no memory map"),
          "host/boot/pvh/version-0-has-no-map");
    Start = GoodStart(), Start->Entries = 0xFFFFFFFF;
    Point(Says(BlReadPvh(0x1000, &Information), "more than 128"),
          "host/boot/pvh/a-huge-map-is-refused");
    Start = GoodStart(), Start->MemoryMap = 0xFFFFFFFFFFFFFF00;
    Point(Says(BlReadPvh(0x1000, &Information), "outside of memory"),
          "host/boot/pvh/a-wild-map-is-refused");
    Start = GoodStart(), Start->CommandLine = 0xDEAD000000000000;
    Point(Says(BlReadPvh(0x1000, &Information), "command line"),
          "host/boot/pvh/a-wild-command-line-is-refused");
    Start = GoodStart(), memset(FakeMemory + 0x200, 'A', 0x1000);
    Point(Says(BlReadPvh(0x1000, &Information), "command line") &&
              strlen(Information.CommandLine) == 1023,
          "host/boot/pvh/a-command-line-without-nul-is-refused");
    Start = GoodStart(), Start->ModuleCount = 1, Start->ModuleList = 0;
    Point(Says(BlReadPvh(0x1000, &Information), "module"),
          "host/boot/pvh/a-wild-module-is-refused");
    Start = GoodStart(), Start->ModuleCount = 0xFFFFFFFF, Start->ModuleList = 0x1100;
    Point(Says(BlReadPvh(0x1000, &Information), "modules"),
          "host/boot/pvh/many-modules-are-refused");
}

int main(void)
{
    FakeMemory = malloc(FAKE_SIZE);
    printf("1..%d\n", PLANNED);
    TestMapOrder();
    TestMapEdges();
    TestMapRandom();
    TestMultibootGood();
    TestMultibootBad();
    TestPvh();
    free(FakeMemory);
    return TestFailed || TestNumber != PLANNED;
}
