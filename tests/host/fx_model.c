/*
 * fx_model.c - the reference model of the object tree (see fx_model.h).
 */
#include "tests/host/fx_model.h"

static VOID ModelDestroyTree(MODEL *Model, int Node);

static VOID ModelAct(MODEL *Model, int Node, int Which)
{
    MODEL_NODE *Self = &Model->Nodes[Node];
    MODEL_NODE *Target = &Model->Nodes[Self->Target[Which]];
    MODEL_ACTION Action = Self->Action[Which];
    if (Action == ActNothing || Target->State == ModelGone ||
        (Action == ActDereference && Target->Extra == 0) ||
        (Action == ActReference && Target->References == 0)) {
        return;
    }
    Self->Acted[Which] = TRUE;
    if (Action == ActDelete) {
        ModelDelete(Model, Self->Target[Which]);
    } else if (Action == ActReference) {
        Target->References++;
        Target->Extra++;
    } else {
        ModelDereference(Model, Self->Target[Which]);
    }
}

static VOID ModelEvents(MODEL *Model, int Node, int Which)
{
    for (int Header = 0; Header < Model->Nodes[Node].Headers; Header++) {
        Model->Events[Model->EventCount++] = MODEL_EVENT(Node, Header, Which);
        if (Header == 0) {
            ModelAct(Model, Node, Which);
        }
    }
}

static VOID ModelQueue(MODEL *Model, int Node)
{
    Model->Queue[Model->QueueLast++] = Node;
}

static BOOLEAN ModelMustWait(const MODEL *Model, int Node)
{
    const MODEL_NODE *Self = &Model->Nodes[Node];
    for (int i = 0; Model->Raised && i < Self->ChildCount; i++) {
        if (Model->Nodes[Self->Children[i]].Passive) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Cleanup of everything below Node, then of Node; FALSE when something must wait. */
static BOOLEAN ModelDispose(MODEL *Model, int Node)
{
    MODEL_NODE *Self = &Model->Nodes[Node];
    Self->State = ModelDisposing;
    if (ModelMustWait(Model, Node)) {
        return FALSE;
    }
    for (int i = 0; i < Self->ChildCount; i++) {
        if (Model->Nodes[Self->Children[i]].State != ModelDisposed &&
            !ModelDispose(Model, Self->Children[i])) {
            return FALSE;
        }
    }
    if (Self->IsDriver) {
        ModelRunQueue(Model);
    }
    ModelEvents(Model, Node, MODEL_CLEANUP);
    Self->State = ModelDisposed;
    return TRUE;
}

static VOID ModelRemoveChild(MODEL *Model, int Node)
{
    MODEL_NODE *Parent = &Model->Nodes[Model->Nodes[Node].Parent];
    int Kept = 0;
    for (int i = 0; i < Parent->ChildCount; i++) {
        if (Parent->Children[i] != Node) {
            Parent->Children[Kept++] = Parent->Children[i];
        }
    }
    Parent->ChildCount = Kept;
    Model->Nodes[Node].Parent = -1;
}

static VOID ModelEnd(MODEL *Model, int Node)
{
    ModelEvents(Model, Node, MODEL_DESTROY);
    Model->Nodes[Node].State = ModelGone;
}

static VOID ModelDrop(MODEL *Model, int Node)
{
    MODEL_NODE *Self = &Model->Nodes[Node];
    if (--Self->References == 0 && Self->State == ModelDetached) {
        if (Self->Passive && Model->Raised) {
            ModelQueue(Model, Node);
        } else {
            ModelEnd(Model, Node);
        }
    }
}

static VOID ModelDestroyTree(MODEL *Model, int Node)
{
    while (Model->Nodes[Node].ChildCount > 0) {
        ModelDestroyTree(Model, Model->Nodes[Node].Children[0]);
    }
    if (Model->Nodes[Node].Parent >= 0) {
        ModelRemoveChild(Model, Node);
    }
    Model->Nodes[Node].State = ModelDetached;
    ModelDrop(Model, Node);
}

/* A deletion's root, unlinked: now if it can be done here, else later. */
static VOID ModelGoOn(MODEL *Model, int Node)
{
    MODEL_NODE *Self = &Model->Nodes[Node];
    BOOLEAN AtOnce = !(Model->Raised && Self->Passive) && !ModelMustWait(Model, Node);
    if (AtOnce && ModelDispose(Model, Node)) {
        ModelDestroyTree(Model, Node);
        return;
    }
    Self->State = AtOnce ? ModelDisposing : ModelUntouched;
    ModelQueue(Model, Node);
}

BOOLEAN ModelCreate(MODEL *Model, int Parent, BOOLEAN Passive, int *Node)
{
    if (Parent >= 0 && Model->Nodes[Parent].State != ModelCreated) {
        return FALSE;
    }
    *Node = Model->NodeCount++;
    Model->Nodes[*Node] =
        (MODEL_NODE){.Parent = Parent, .References = 1, .Headers = 1, .Passive = Passive};
    if (Parent >= 0) {
        MODEL_NODE *Above = &Model->Nodes[Parent];
        Above->Children[Above->ChildCount++] = *Node;
    }
    return TRUE;
}

VOID ModelDelete(MODEL *Model, int Node)
{
    MODEL_NODE *Self = &Model->Nodes[Node];
    if (Self->State != ModelCreated) {
        return;
    }
    if (Self->Parent >= 0) {
        MODEL_STATE Above = Model->Nodes[Self->Parent].State;
        if (Above != ModelCreated && Above != ModelUntouched) {
            Self->State = ModelDisposing; /* its parent's deletion comes to it */
            return;
        }
        ModelRemoveChild(Model, Node);
    }
    ModelGoOn(Model, Node);
}

VOID ModelDereference(MODEL *Model, int Node)
{
    Model->Nodes[Node].Extra--;
    ModelDrop(Model, Node);
}

VOID ModelRunQueue(MODEL *Model)
{
    BOOLEAN Raised = Model->Raised;
    Model->Raised = FALSE;
    while (Model->QueueFirst < Model->QueueLast) {
        int Node = Model->Queue[Model->QueueFirst++];
        if (Model->Nodes[Node].State == ModelDetached) {
            ModelEnd(Model, Node);
        } else {
            ModelGoOn(Model, Node);
        }
    }
    Model->Raised = Raised;
}
