/*
 * ntddk.h - wdm.h and what only legacy drivers include: the page of shared data, memory that is not
 * cached.
 */
#pragma once

#include <wdm.h>

/*
 * 64 bits that a reader may also take in halves: High1Time equals High2Time when the read was
 * whole.
 */
typedef struct _KSYSTEM_TIME {
    ULONG LowPart;
    LONG High1Time;
    LONG High2Time;
} KSYSTEM_TIME, *PKSYSTEM_TIME;

/*
 * The page at KI_USER_SHARED_DATA (read-only for drivers). Tarn keeps the times current from the
 * clock interrupt and fills in the version; what it does not fill in is 0. DDI ntddk
 * KUSER_SHARED_DATA.
 */
typedef struct _KUSER_SHARED_DATA {
    ULONG TickCountLowDeprecated;
    ULONG TickCountMultiplier; /* milliseconds a tick, 8.24 fixed point */
    KSYSTEM_TIME InterruptTime;
    KSYSTEM_TIME SystemTime;
    KSYSTEM_TIME TimeZoneBias;
    USHORT ImageNumberLow;
    USHORT ImageNumberHigh;
    WCHAR NtSystemRoot[260];
    ULONG MaxStackTraceDepth;
    ULONG CryptoExponent;
    ULONG TimeZoneId;
    ULONG LargePageMinimum;
    ULONG AitSamplingValue;
    ULONG AppCompatFlag;
    ULONGLONG RNGSeedVersion;
    ULONG GlobalValidationRunlevel;
    LONG TimeZoneBiasStamp;
    ULONG NtBuildNumber;
    ULONG NtProductType;
    BOOLEAN ProductTypeIsValid;
    BOOLEAN Reserved0[1];
    USHORT NativeProcessorArchitecture;
    ULONG NtMajorVersion;
    ULONG NtMinorVersion;
    BOOLEAN ProcessorFeatures[64];
    ULONG Reserved1;
    ULONG Reserved3;
    ULONG TimeSlip;
    ULONG AlternativeArchitecture;
    ULONG BootId;
    LARGE_INTEGER SystemExpirationDate;
    ULONG SuiteMask;
    BOOLEAN KdDebuggerEnabled;
    UCHAR MitigationPolicies;
    USHORT CyclesPerYield;
    ULONG ActiveConsoleId;
    ULONG DismountCount;
    ULONG ComPlusPackage;
    ULONG LastSystemRITEventTickCount;
    ULONG NumberOfPhysicalPages;
    BOOLEAN SafeBootMode;
    UCHAR VirtualizationFlags;
    UCHAR Reserved12[2];
    ULONG SharedDataFlags;
    ULONG DataFlagsPad[1];
    ULONGLONG TestRetInstruction;
    LONGLONG QpcFrequency;
    ULONG SystemCall;
    ULONG Reserved2;
    ULONGLONG SystemCallPad[2];
    KSYSTEM_TIME TickCount;
    ULONG TickCountPad[1];
} KUSER_SHARED_DATA, *PKUSER_SHARED_DATA;
_Static_assert(KI_USER_SHARED_DATA + offsetof(KUSER_SHARED_DATA, InterruptTime) ==
                   SharedInterruptTime,
               "driver ABI");
_Static_assert(KI_USER_SHARED_DATA + offsetof(KUSER_SHARED_DATA, SystemTime) == SharedSystemTime,
               "driver ABI");
_Static_assert(KI_USER_SHARED_DATA + offsetof(KUSER_SHARED_DATA, TickCount) == SharedTickCount,
               "driver ABI");
_Static_assert(offsetof(KUSER_SHARED_DATA, NtSystemRoot) == 0x30 &&
                   offsetof(KUSER_SHARED_DATA, NtBuildNumber) == 0x260 &&
                   offsetof(KUSER_SHARED_DATA, NtMajorVersion) == 0x26C &&
                   offsetof(KUSER_SHARED_DATA, ProcessorFeatures) == 0x274 &&
                   offsetof(KUSER_SHARED_DATA, KdDebuggerEnabled) == 0x2D4 &&
                   offsetof(KUSER_SHARED_DATA, QpcFrequency) == 0x300,
               "driver ABI");

#define SharedUserData ((const volatile KUSER_SHARED_DATA *)KI_USER_SHARED_DATA)

/*
 * Whole pages of memory of undefined contents that no cache holds, mapped, not executable; NULL
 * when there are none, and for no bytes. <= APC_LEVEL. DDI ntddk MmAllocateNonCachedMemory.
 */
PVOID NTAPI MmAllocateNonCachedMemory(SIZE_T NumberOfBytes);
/*
 * Gives that back, with its length. Bug check 0xDA: 3 (0, 0, address) none starts there, 2 (0, its
 * pages, pages asked) it has another length. <= APC_LEVEL. DDI ntddk MmFreeNonCachedMemory.
 */
VOID NTAPI MmFreeNonCachedMemory(PVOID BaseAddress, SIZE_T NumberOfBytes);
/* The address where a page's owner has it mapped, NULL for a page that is mapped nowhere. Any IRQL.
 */
PVOID NTAPI MmGetVirtualForPhysical(PHYSICAL_ADDRESS PhysicalAddress);
