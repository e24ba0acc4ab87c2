/*
 * pool_check.h - the invariants of the pools as a routine, for the host tests.
 */
#pragma once

#include "tests/host/pool_host.h"

/* Checks every page and list of a pool; returns its blocks in use, big ones included. */
SIZE_T HostCheckPool(POOL_KIND Kind);
