/*
 * table.S - the framework's function table and, for each function, what its slot holds until the
 * function is there. For clients, who get the table's address when they bind.
 *
 * Each slot points at Fx<name>. This file defines that symbol weakly, as two instructions that
 * stop the machine by the function's name (FxFunctionMissing in table.c); a C function of that name
 * takes its place at link time. So to add a function is to define it, and what `nm` prints as weak
 * is what is missing.
 */
#include "wdffuncenum.h"

.set fx_index, 0

.macro fx_slot name
    .pushsection .text.fx_missing, "ax", @progbits
    .weak Fx\name
    .type Fx\name, @function
Fx\name:
    movl $fx_index, %edx /* the second argument; the first, the client's record, is in rcx */
    jmp FxFunctionMissing
    .size Fx\name, . - Fx\name
    .popsection
    .quad Fx\name
    .set fx_index, fx_index + 1
.endm

#define FX_SLOT(Name) fx_slot Name;

    .section .rodata.fx_table, "a", @progbits
    .balign 64
    .globl FxFunctionTable
    .type FxFunctionTable, @object
FxFunctionTable:
    WDF_FUNCTION_LIST(FX_SLOT)
    .size FxFunctionTable, . - FxFunctionTable

    .section .note.GNU-stack, "", @progbits
