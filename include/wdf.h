/*
 * wdf.h - the one header that a KMDF driver includes after ntddk.h.
 *
 * Tarn's own headers, written from the public documents. They declare exactly what this framework
 * has; each wrapper calls through the function table (wdffuncenum.h) as a driver that was built
 * with Microsoft's headers does, so source and binary drivers take the same road.
 */
#pragma once

#include <wdm.h>

#include <wdftypes.h>
#include <wdfstatus.h>
#include <wdfglobals.h>
#include <wdffuncenum.h>
#include <wdfobject.h>
#include <wdfdriver.h>
#include <wdfmemory.h>
