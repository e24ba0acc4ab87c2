/*
 * drivers.h - the drivers that the kernel brings itself, for boot/init.c.
 */
#pragma once

#include <ntdef.h>

/* Takes the virtio disks that there are into use. PASSIVE_LEVEL, behind IopInitialize. */
VOID VirtioStartDisks(VOID);
