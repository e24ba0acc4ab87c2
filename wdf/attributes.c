/*
 * attributes.c - whether an attribute record is valid for the object it is meant for, for every
 * creator. The order of the tests is part of the contract (1.3): the first that fails gives the
 * status.
 */
#include "wdf/fx.h"

/* The type record without its last two fields, as KMDF 1.0 had it. */
#define FX_OLD_TYPE_INFO_SIZE 24

static NTSTATUS FxAttributesCheckContext(const WDF_OBJECT_ATTRIBUTES *Attributes)
{
    PCWDF_OBJECT_CONTEXT_TYPE_INFO Type = Attributes->ContextTypeInfo;
    SIZE_T TypeSize = 0;
    if (Type != NULL) {
        if (Type->Size != sizeof(*Type) && Type->Size != FX_OLD_TYPE_INFO_SIZE) {
            return STATUS_INFO_LENGTH_MISMATCH;
        }
        TypeSize = Type->ContextSize;
        if (TypeSize > 0 && Type->ContextName == NULL) {
            return STATUS_WDF_OBJECT_ATTRIBUTES_INVALID;
        }
    }
    SIZE_T Override = Attributes->ContextSizeOverride;
    if (Override > 0 && (Type == NULL || Override < TypeSize)) {
        return STATUS_WDF_OBJECT_ATTRIBUTES_INVALID;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS FxAttributesCheckEnums(const WDF_OBJECT_ATTRIBUTES *Attributes, ULONG Rules)
{
    WDF_EXECUTION_LEVEL Level = Attributes->ExecutionLevel;
    WDF_SYNCHRONIZATION_SCOPE Scope = Attributes->SynchronizationScope;
    if (Level <= WdfExecutionLevelInvalid || Level > WdfExecutionLevelDispatch ||
        Scope <= WdfSynchronizationScopeInvalid || Scope > WdfSynchronizationScopeNone) {
        return STATUS_WDF_OBJECT_ATTRIBUTES_INVALID;
    }
    if (!(Rules & FX_ATTRIBUTES_SCOPE_ALLOWED) &&
        Scope != WdfSynchronizationScopeInheritFromParent && Scope != WdfSynchronizationScopeNone) {
        return STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID;
    }
    if (!(Rules & FX_ATTRIBUTES_LEVEL_ALLOWED) && Level != WdfExecutionLevelInheritFromParent) {
        return STATUS_WDF_EXECUTION_LEVEL_INVALID;
    }
    return STATUS_SUCCESS;
}

/* Rules: FX_ATTRIBUTES_*, what the object's type allows or wants. */
NTSTATUS FxAttributesValidate(const WDF_OBJECT_ATTRIBUTES *Attributes, ULONG Rules)
{
    if (Attributes == NULL) {
        return Rules & FX_ATTRIBUTES_REQUIRED ? STATUS_WDF_PARENT_NOT_SPECIFIED : STATUS_SUCCESS;
    }
    if (Attributes->Size != sizeof(*Attributes)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    NTSTATUS Status = FxAttributesCheckContext(Attributes);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if ((Rules & FX_ATTRIBUTES_PARENT_FORBIDDEN) && Attributes->ParentObject != NULL) {
        return STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED;
    }
    return FxAttributesCheckEnums(Attributes, Rules);
}
