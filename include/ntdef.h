/*
 * ntdef.h - the base types of driver code, for everybody.
 *
 * Names, widths and macros are the WDK's (LLP64): ULONG and LONG are 32 bits, although the
 * compiler's own `long` has 64, WCHAR is 16 bits, pointers and SIZE_T are 64. Nothing here calls
 * anything.
 */
#pragma once

#include <stddef.h>

#define NTAPI                     __attribute__((ms_abi))
#define FORCEINLINE               static inline __attribute__((always_inline))
#define DECLSPEC_NORETURN         __attribute__((noreturn))
#define DECLSPEC_ALIGN(n)         __attribute__((aligned(n)))
#define DECLSPEC_DEPRECATED(Text) __attribute__((deprecated(Text)))
#define UNREFERENCED_PARAMETER(p) ((void)(p))

#define IN
#define OUT
#define OPTIONAL
#define _In_
#define _In_opt_
#define _Out_
#define _Out_opt_
#define _Inout_
#define _Inout_opt_
#define _Use_decl_annotations_
#define CONST const
#define VOID  void

typedef char CHAR, *PCHAR, *PSTR;
typedef const char *PCSTR, *PCCHAR;
typedef unsigned char UCHAR, *PUCHAR, BYTE;
typedef signed char SCHAR, *PSCHAR;
typedef unsigned char BOOLEAN, *PBOOLEAN;
typedef short SHORT, *PSHORT, CSHORT;
typedef unsigned short USHORT, *PUSHORT;
typedef int LONG, *PLONG, INT, *PINT;
typedef unsigned int ULONG, *PULONG, UINT, DWORD, LOGICAL;
typedef long long LONGLONG, *PLONGLONG, LONG64, *PLONG64;
typedef unsigned long long ULONGLONG, *PULONGLONG, ULONG64, *PULONG64;
typedef long long LONG_PTR, *PLONG_PTR, INT_PTR, SSIZE_T;
typedef unsigned long long ULONG_PTR, *PULONG_PTR, UINT_PTR, SIZE_T, *PSIZE_T;
typedef signed char INT8;
typedef unsigned char UINT8;
typedef short INT16;
typedef unsigned short UINT16;
typedef int INT32;
typedef unsigned int UINT32;
typedef long long INT64;
typedef unsigned long long UINT64;
typedef wchar_t WCHAR, *PWCHAR, *PWSTR;
typedef const wchar_t *PCWSTR;
typedef void *PVOID, *HANDLE, **PHANDLE;
typedef const void *PCVOID;
typedef LONG NTSTATUS, *PNTSTATUS;
typedef LONG KPRIORITY;
typedef UCHAR KIRQL, *PKIRQL;
typedef CHAR CCHAR, KPROCESSOR_MODE;
typedef ULONG_PTR KAFFINITY, *PKAFFINITY;
typedef ULONG_PTR KSPIN_LOCK, *PKSPIN_LOCK;
typedef LONGLONG PHYSICAL_ADDRESS_VALUE;
typedef ULONG_PTR PFN_NUMBER, *PPFN_NUMBER, PFN_COUNT;

typedef enum _MODE { KernelMode, UserMode, MaximumMode } MODE;

typedef union _LARGE_INTEGER {
    struct {
        ULONG LowPart;
        LONG HighPart;
    };
    struct {
        ULONG LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER, PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;

typedef union _ULARGE_INTEGER {
    struct {
        ULONG LowPart;
        ULONG HighPart;
    };
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY *Flink;
    struct _LIST_ENTRY *Blink;
} LIST_ENTRY, *PLIST_ENTRY;

typedef struct _SINGLE_LIST_ENTRY {
    struct _SINGLE_LIST_ENTRY *Next;
} SINGLE_LIST_ENTRY, *PSINGLE_LIST_ENTRY;

typedef struct _UNICODE_STRING {
    USHORT Length;        /* bytes in use, no terminator counted */
    USHORT MaximumLength; /* bytes of Buffer */
    PWSTR Buffer;
} UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING *PCUNICODE_STRING;

typedef struct _STRING {
    USHORT Length;
    USHORT MaximumLength;
    PCHAR Buffer;
} STRING, *PSTRING, ANSI_STRING, *PANSI_STRING;
typedef const STRING *PCANSI_STRING;

/* What an exception handler is told. */
#define EXCEPTION_MAXIMUM_PARAMETERS 15
typedef struct _EXCEPTION_RECORD {
    NTSTATUS ExceptionCode;
    ULONG ExceptionFlags;
    struct _EXCEPTION_RECORD *ExceptionRecord;
    PVOID ExceptionAddress;
    ULONG NumberParameters;
    ULONG_PTR ExceptionInformation[EXCEPTION_MAXIMUM_PARAMETERS];
} EXCEPTION_RECORD, *PEXCEPTION_RECORD;
_Static_assert(sizeof(EXCEPTION_RECORD) == 0x98, "driver-abi 1.2");

#define TRUE  1
#define FALSE 0
#ifndef NULL
#define NULL ((void *)0)
#endif

#define NT_SUCCESS(Status)                      ((NTSTATUS)(Status) >= 0)
#define NT_ERROR(Status)                        (((ULONG)(Status) >> 30) == 3)
#define ARRAYSIZE(a)                            (sizeof(a) / sizeof((a)[0]))
#define RTL_NUMBER_OF(a)                        ARRAYSIZE(a)
#define FIELD_OFFSET(Type, Field)               ((LONG)offsetof(Type, Field))
#define CONTAINING_RECORD(Address, Type, Field) ((Type *)((PCHAR)(Address)-offsetof(Type, Field)))

#define PAGE_SHIFT                  12
#define PAGE_SIZE                   0x1000
#define MEMORY_ALLOCATION_ALIGNMENT 16
#define MAXUSHORT                   0xFFFF
#define MAXULONG                    0xFFFFFFFFU
#define MAXULONG_PTR                ((ULONG_PTR)-1)
#define MAXSIZE_T                   ((SIZE_T)-1)

_Static_assert(sizeof(ULONG) == 4 && sizeof(LONGLONG) == 8, "LLP64");
_Static_assert(sizeof(WCHAR) == 2, "build with -fshort-wchar");
_Static_assert(sizeof(UNICODE_STRING) == 16 && sizeof(LARGE_INTEGER) == 8, "WDK layouts");
