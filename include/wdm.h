/*
 * wdm.h - what a WDM driver includes: types, layouts and routines under the WDK's names.
 *
 * Everything declared here exists and is exported; what Tarn does not have is not declared, so that
 * a driver which needs it stops at the compiler. Layouts are the contract with built drivers and
 * are pinned by _Static_assert. Each declaration names the document that it follows: "DDI wdm X" is
 * the page of X in the public driver reference.
 *
 * The parts: wdm_ke.h IRQL, locks, DPCs, bug check, time; wdm_thread.h threads, priorities,
 * processors; wdm_wait.h events, timers, waits; wdm_apc.h APCs; wdm_lock.h the other locks;
 * wdm_interrupt.h service routines;
 * wdm_ex.h pools; wdm_mm.h memory; wdm_mdl.h MDLs; wdm_rtl.h memory blocks, lists, bitmaps;
 * wdm_list.h interlocked lists; wdm_string.h strings; wdm_dbg.h printing; wdm_hal.h interlocked
 * operations, ports and registers; wdm_seh.h exceptions; wdm_ob.h objects and handles; wdm_event.h
 * events by name; wdm_ps.h system threads; wdm_work.h work items; wdm_processor.h processors,
 * groups and nodes.
 */
#pragma once

#include <ntdef.h>
#include <ntstatus.h>
#include <bugcodes.h>
#include <wdm_hal.h>
#include <wdm_ke.h>
#include <wdm_processor.h>
#include <wdm_thread.h>
#include <wdm_wait.h>
#include <wdm_apc.h>
#include <wdm_lock.h>
#include <wdm_resource.h>
#include <wdm_interrupt.h>
#include <wdm_ex.h>
#include <wdm_seh.h>
#include <wdm_mm.h>
#include <wdm_mdl.h>
#include <wdm_rtl.h>
#include <wdm_list.h>
#include <wdm_lookaside.h>
#include <wdm_string.h>
#include <wdm_dbg.h>
#include <wdm_ob.h>
#include <wdm_event.h>
#include <wdm_ps.h>
#include <wdm_work.h>
