/*
 * section.h - the tables that fill themselves.
 *
 * A module registers its monitor commands, exports, bug check describers, tests and benches where
 * it defines them; the linker gathers the records into one array a kind, so that nothing central
 * has to be edited when a module is added. linker.ld places the arrays and defines their bounds.
 */
#pragma once

#include <ntdef.h>

/* Code and data that only start-up needs; their pages go to the page allocator afterwards. */
#define INIT     __attribute__((section(".init.text"), noinline))
#define INITDATA __attribute__((section(".init.data")))

/* no_reorder: the records of a file stay in the order in which it is written. */
#define SECTION_RECORD(Section) __attribute__((section(Section), used, aligned(8), no_reorder))

/* A command of the monitor prompt. Arguments is the rest of the line, without leading blanks. */
typedef VOID MONITOR_ROUTINE(const CHAR *Arguments);
typedef struct _MONITOR_COMMAND_ENTRY {
    const CHAR *Name;  /* the word typed */
    const CHAR *Usage; /* "!pool ADDR [FLAGS]" */
    const CHAR *Help;  /* one line */
    MONITOR_ROUTINE *Routine;
} MONITOR_COMMAND_ENTRY;
#define MONITOR_COMMAND(Name, Usage, Help, Routine)                                                \
    static const MONITOR_COMMAND_ENTRY Command_##Routine SECTION_RECORD(".tarn.commands") = {      \
        Name, Usage, Help, Routine}
extern const MONITOR_COMMAND_ENTRY KiCommandTable[], KiCommandTableEnd[];

/* A public routine that drivers may import by name. */
typedef struct _EXPORT_ENTRY {
    const CHAR *Name;
    PVOID Address;
} EXPORT_ENTRY;
#define EXPORT(Symbol)                                                                             \
    static const EXPORT_ENTRY Export_##Symbol SECTION_RECORD(".tarn.exports") = {#Symbol,          \
                                                                                 (PVOID)Symbol}
/* The same where the name to import is another's, as for the C library's routines. */
#define EXPORT_AS(Name, Ident, Routine)                                                            \
    static const EXPORT_ENTRY Export_##Ident SECTION_RECORD(".tarn.exports") = {Name,              \
                                                                                (PVOID)Routine}
extern const EXPORT_ENTRY KiExportTable[], KiExportTableEnd[];

/* A word of the kernel's command line. Unregistered words are reported at start. */
typedef struct _BOOT_OPTION_ENTRY {
    const CHAR *Name;
    const CHAR *Help; /* "test=GLOB[,GLOB]  run these tests and leave with a verdict" */
} BOOT_OPTION_ENTRY;
#define BOOT_OPTION(Ident, Name, Help)                                                             \
    static const BOOT_OPTION_ENTRY Option_##Ident SECTION_RECORD(".tarn.options") = {Name, Help}
extern const BOOT_OPTION_ENTRY KiOptionTable[], KiOptionTableEnd[];

/*
 * Says what an address is, for bug checks and the monitor. Runs at any IRQL, on a broken machine:
 * it takes no lock and touches nothing that may fault. Writes a phrase ("block of nonpaged pool,
 * tag Fred") of at most Size bytes; FALSE when the address is none of its own.
 */
typedef BOOLEAN ADDRESS_DESCRIBER(PVOID Address, PCHAR Buffer, SIZE_T Size);
typedef struct _DESCRIBER_ENTRY {
    ADDRESS_DESCRIBER *Routine;
} DESCRIBER_ENTRY;
#define BUGCHECK_DESCRIBER(Routine)                                                                \
    static const DESCRIBER_ENTRY Describer_##Routine SECTION_RECORD(".tarn.describers") = {Routine}
extern const DESCRIBER_ENTRY KiDescriberTable[], KiDescriberTableEnd[];
