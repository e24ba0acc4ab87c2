/*
 * fx_model.h - the reference model of the object tree: contract 1.9 and 1.10 in recursive form, for
 * the host tests of the framework. It knows nothing of pointers, locks or cursors.
 */
#pragma once

#include <wdm.h>

#define MODEL_NODES   64
#define MODEL_HEADERS 3
#define MODEL_EVENTS  2048

typedef enum _MODEL_STATE {
    ModelCreated,
    ModelDisposing, /* entered, or stopped half way, or deleted while its parent is entered */
    ModelUntouched, /* waits for PASSIVE_LEVEL, nothing has run */
    ModelDisposed,
    ModelDetached, /* lives on references */
    ModelGone,
} MODEL_STATE;

/* What a node's own callback does, once. */
typedef enum _MODEL_ACTION { ActNothing, ActDelete, ActReference, ActDereference } MODEL_ACTION;

typedef struct _MODEL_NODE {
    MODEL_STATE State;
    int Parent; /* -1: none */
    int Children[MODEL_NODES];
    int ChildCount;
    int References;
    int Extra; /* references that the driver holds */
    int Headers;
    BOOLEAN Passive;
    BOOLEAN IsDriver;
    MODEL_ACTION Action[2]; /* in cleanup, in destroy */
    int Target[2];
    BOOLEAN Acted[2]; /* the model found the action possible when its time came */
} MODEL_NODE;

typedef struct _MODEL {
    MODEL_NODE Nodes[MODEL_NODES];
    int NodeCount;
    BOOLEAN Raised; /* the level is above PASSIVE_LEVEL */
    int Queue[4 * MODEL_NODES];
    int QueueFirst, QueueLast;
    int Events[MODEL_EVENTS]; /* in the order they must happen */
    int EventCount;
} MODEL;

#define MODEL_CLEANUP                    0
#define MODEL_DESTROY                    1
#define MODEL_EVENT(Node, Header, Which) (((Node)*MODEL_HEADERS + (Header)) * 2 + (Which))

/* A new node under Parent (-1: none). FALSE: Parent takes no child any more. */
BOOLEAN ModelCreate(MODEL *Model, int Parent, BOOLEAN Passive, int *Node);
VOID ModelDelete(MODEL *Model, int Node);
VOID ModelDereference(MODEL *Model, int Node);
/* What waits for PASSIVE_LEVEL. */
VOID ModelRunQueue(MODEL *Model);
