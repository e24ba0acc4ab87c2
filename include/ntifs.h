/*
 * ntifs.h - what file-system drivers include. Tarn has no routine yet that only this header
 * declares.
 */
#pragma once

#include <ntddk.h>
