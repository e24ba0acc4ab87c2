/*
 * driver.c - a client of the framework: its record, its name and default pool tag, its driver
 * object. For the binding of drivers and, until that exists, for tests.
 *
 * The default tag (contract 2.4, where the seed documents win): WDF_DRIVER_CONFIG.DriverPoolTag if
 * the driver gave one; else the first four characters of the service name, after a leading "WDF" in
 * any letter case; else, when fewer than four are left, "FxDr".
 */
#include "wdf/fx.h"

#define FX_DEFAULT_TAG   'rDxF'
#define FX_DDK_TAG       ' kdD' /* what wizards put in; says nothing, so it is ignored */
#define FX_TAG_LENGTH    4
#define FX_PREFIX        "WDF"
#define FX_PREFIX_LENGTH 3

/*
 * The name is the last component of the path, cut to 8 bits a character and to the record's room.
 */
static VOID FxDriverSetName(PWDF_DRIVER_GLOBALS Public, PCUNICODE_STRING Path)
{
    SIZE_T Length = Path->Length / sizeof(WCHAR), Start = Length;
    while (Start > 1 && Path->Buffer[Start - 1] != L'\\') {
        Start--;
    }
    RtlZeroMemory(Public->DriverName, sizeof(Public->DriverName));
    if (Start <= 1) {
        RtlCopyMemory(Public->DriverName, FX_PREFIX, FX_PREFIX_LENGTH);
        return;
    }
    for (SIZE_T i = 0; Start + i < Length && i < sizeof(Public->DriverName) - 1; i++) {
        Public->DriverName[i] = (CHAR)Path->Buffer[Start + i];
    }
}

static BOOLEAN FxStartsWithPrefix(PCSTR Name)
{
    for (ULONG i = 0; i < FX_PREFIX_LENGTH; i++) {
        if (Name[i] != FX_PREFIX[i] && Name[i] != FX_PREFIX[i] + ('a' - 'A')) {
            return FALSE;
        }
    }
    return TRUE;
}

/*
 * The tag that a service name gives, 0 when it is too short. Its first character is the low byte.
 */
static ULONG FxTagOfName(PCSTR Name)
{
    if (FxStartsWithPrefix(Name)) {
        Name += FX_PREFIX_LENGTH;
    }
    ULONG Tag = 0;
    for (ULONG i = 0; i < FX_TAG_LENGTH; i++) {
        if (Name[i] == '\0') {
            return 0;
        }
        Tag |= (ULONG)(UCHAR)Name[i] << (8 * i);
    }
    return Tag;
}

static VOID FxDriverSetTag(PFX_DRIVER_GLOBALS Globals, const WDF_DRIVER_CONFIG *Config)
{
    ULONG Tag = Config->Size == sizeof(*Config) ? Config->DriverPoolTag : 0;
    if (Tag == 0 || Tag == FX_DDK_TAG) {
        Tag = FxTagOfName(Globals->Public.DriverName);
    }
    Globals->Public.DriverTag = Tag;
    Globals->Tag = Tag ? Tag : FX_DEFAULT_TAG;
}

PWDF_DRIVER_GLOBALS FxDriverGlobalsCreate(VOID)
{
    PFX_DRIVER_GLOBALS Globals =
        ExAllocatePoolWithTag(NonPagedPoolNx, sizeof(*Globals), FX_DEFAULT_TAG);
    if (Globals == NULL) {
        return NULL;
    }
    RtlZeroMemory(Globals, sizeof(*Globals));
    Globals->Tag = FX_DEFAULT_TAG;
    FxDisposeListInitialize(&Globals->DisposeList);
    return &Globals->Public;
}

VOID FxDriverGlobalsFree(PWDF_DRIVER_GLOBALS Public)
{
    PFX_DRIVER_GLOBALS Globals = FxGlobalsOfClient(Public);
    FxDriverDelete(Public);
    FxDisposeListDrain(&Globals->DisposeList);
    ExFreePool(Globals);
}

/* ---- the driver object --------------------------------------------------------------------- */

static VOID FxDriverDispose(PFX_OBJECT Object)
{
    FxDisposeListDrain(&Object->Globals->DisposeList);
}

static const FX_OBJECT_KIND FxDriverKind = {
    .Type = FxTypeDriver,
    .Flags = FX_KIND_NO_DELETE | FX_KIND_PASSIVE | FX_KIND_MUST_DISPOSE,
    .Size = sizeof(FX_OBJECT),
    .Dispose = FxDriverDispose,
};

static NTSTATUS FxDriverCreateObject(PFX_DRIVER_GLOBALS Globals, PWDF_OBJECT_ATTRIBUTES Attributes)
{
    FX_OBJECT_RECIPE Recipe = {.Kind = &FxDriverKind,
                               .Globals = Globals,
                               .PoolType = NonPagedPoolNx,
                               .PoolTag = Globals->Tag,
                               .Attributes = Attributes};
    PFX_OBJECT Driver;
    NTSTATUS Status = FxObjectCreate(&Recipe, &Driver);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = FxObjectCommit(Driver, Attributes); /* cannot fail: there is no parent to refuse it */
    Globals->Driver = Driver;
    Globals->Public.Driver = (WDFDRIVER)FxHandleOfObject(Driver);
    return Status;
}

NTSTATUS FxDriverCreate(PWDF_DRIVER_GLOBALS Public, PCUNICODE_STRING RegistryPath,
                        PWDF_OBJECT_ATTRIBUTES Attributes, const WDF_DRIVER_CONFIG *Config)
{
    PFX_DRIVER_GLOBALS Globals = FxGlobalsOfClient(Public);
    if (Globals->Driver != NULL) {
        return STATUS_DRIVER_INTERNAL_ERROR;
    }
    FxDriverSetName(Public, RegistryPath);
    FxDriverSetTag(Globals, Config);
    NTSTATUS Status =
        FxAttributesValidate(Attributes, FX_ATTRIBUTES_LEVEL_ALLOWED | FX_ATTRIBUTES_SCOPE_ALLOWED |
                                             FX_ATTRIBUTES_PARENT_FORBIDDEN);
    return NT_SUCCESS(Status) ? FxDriverCreateObject(Globals, Attributes) : Status;
}

VOID FxDriverDelete(PWDF_DRIVER_GLOBALS Public)
{
    PFX_DRIVER_GLOBALS Globals = FxGlobalsOfClient(Public);
    if (Globals->Driver == NULL) {
        return;
    }
    if (FxCurrentIrql() != PASSIVE_LEVEL) {
        FxViolationObject(Globals->Driver); /* it could not be disposed of before it is gone */
    }
    FxObjectDelete(Globals->Driver);
    Globals->Driver = NULL;
}
