/*
 * io.h - the private interface of input and output: devices' interrupts. What drivers may call is
 * declared in include/wdm_interrupt.h.
 */
#pragma once

#include "kernel/ke/interrupt.h"

/*
 * Makes an interrupt object with what *Template says and connects it. STATUS_INSUFFICIENT_RESOURCES
 * or as KiConnectInterrupt.
 */
NTSTATUS IopConnect(const KINTERRUPT *Template, PKINTERRUPT *Interrupt);
