/*
 * exit.c - leaves the machine with a status, for the tests' verdict, the bug check and `quit`.
 *
 * QEMU's isa-debug-exit device ends the process with (code << 1) | 1. On a machine without it (real
 * hardware) the processor stops for good.
 */
#include "kernel/hal/hal.h"
#include "kernel/ke/ke.h"

#define DEBUG_EXIT_PORT 0xF4

DECLSPEC_NORETURN VOID HalpExit(ULONG Code)
{
    KiDisableInterrupts();
    HalpOut32(DEBUG_EXIT_PORT, Code);
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}
