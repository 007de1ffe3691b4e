"""From schema and choices to a program: a tuple of small passes over a draft.

Each pass adds one kind of block wherever it is needed. `RULES` is the order; it is all there is to the compiler.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from overton.compile.choices import Choices
from overton.compile.draft import Draft, length, vectors
from overton.compile.pretrained import Pretrained
from overton.compile.program import Node, Program, Setting
from overton.compile.slices import condition_on_slices
from overton.compile.wide import wide_node, wide_size, widen
from overton.schema import Payload, Schema, Task

Names = tuple[str, ...]
Rule = Callable[[Draft], Draft]

# How strings become numbers: `overton.codec` hashes what each column names into so many buckets, 0 being "nothing".
# The columns of one table stand together: words and then affixes, ids and then what they are made of.
WORDS, AFFIXES = ("word", "word"), ("prefix3", "suffix2", "suffix3", "shape")
MORE_AFFIXES = ("prefix2", "prefix3", "suffix2", "suffix3", "suffix4", "shape")  # where the choices ask for it
FUNCTIONS = {"word": "words.v2", "id": "ids.v2"}  # of the codec, that make the features of each
WORD_ROWS = (32768, 8192)
CHARACTERS, CHARACTER_ROWS = ("gram",) * 10, 8192  # a third table, where the choices ask for it
ID_TABLES = (("id",), (*("part",) * 4, *("gram",) * 8, *("size",) * 4))
ID_ROWS = (32768, 8192)
MOST_CHAINED = 256  # classes of a task whose neighbours are predicted together


def embed_words(draft: Draft) -> Draft:
    """Hashed features of tokens become vectors: sequences, and texts that Overton tokenizes."""
    for payload in draft.schema.payloads:
        if payload.has_tokens:
            choices = draft.choices.payloads[payload.name]
            affixes = MORE_AFFIXES if choices.affixes else AFFIXES
            tables = (WORDS, affixes, *[CHARACTERS] * choices.characters)
            rows = (*WORD_ROWS, *[CHARACTER_ROWS] * choices.characters)
            draft = _embed(draft, payload, "word", tables, rows)
    return draft


def encode_words(draft: Draft) -> Draft:
    """Tokens get their context."""
    for payload in draft.schema.payloads:
        if payload.has_tokens:
            choices = draft.choices.payloads[payload.name]
            inputs = (draft.chains[payload.name], length(payload.name))
            layers = {} if choices.encoder == "bag" else {"layers": choices.layers}
            heads = {"heads": choices.heads} if choices.encoder == "transformer" else {}
            op = f"{choices.encoder}.v1" if not heads else f"{choices.encoder}_encoder.v1"
            draft = draft.with_node(payload.name, "encoder", op, inputs, size=choices.size, **layers, **heads)
    return draft


def embed_members(draft: Draft) -> Draft:
    """Members of a set get a vector from their id, and from the tokens of their span where they have one."""
    for payload in draft.schema.payloads:
        if payload.type != "set":
            continue
        name, size = payload.name, draft.size(payload.name)
        draft = _embed(draft, payload, "id", ID_TABLES, ID_ROWS)
        if payload.range:
            spans: Names = (draft.chains[name], vectors(payload.range), f"{name}.range")
            op = "span.v1"
            if draft.choices.payloads[name].strings:
                op, spans = "span.v2", (*spans, f"{payload.range}.embedding")
            draft = draft.with_node(name, "span", op, spans, size=size, span_size=draft.size(payload.range))
    return draft


def aggregate_texts(draft: Draft) -> Draft:
    """The tokens of a text become the one vector of its singleton."""
    for payload in draft.schema.payloads:
        if payload.is_text:
            items = (draft.chains[payload.name], length(payload.name))
            draft = _pool(draft, payload, items, units=("item",), sizes=(draft.size(payload.name),))
    return draft


def aggregate_bases(draft: Draft) -> Draft:
    """A payload with inputs combines them: a singleton pools them, items look at them one by one."""
    for payload in draft.schema.payloads:
        if not payload.reads:
            continue
        bases = [draft.schema.payload(name) for name in payload.reads]
        inputs = tuple(part for base in bases for part in _inputs(base))
        units = tuple("record" if base.type == "singleton" else "item" for base in bases)
        sizes = tuple(draft.size(base.name) for base in bases)
        if payload.type == "singleton":
            draft = _pool(draft, payload, inputs, units=units, sizes=sizes)
        else:
            draft = _look(draft, payload, inputs, units=units, sizes=sizes)
    return draft


def add_context(draft: Draft) -> Draft:
    """What a record asks for, in one vector, for the tasks that select a member: its set's inputs pooled."""
    for name in sorted({task.payload for task in draft.schema.tasks if task.type == "select"}):
        looks = [node for node in draft.nodes if node.name == f"{name}.aggregate"]
        for node in looks:
            pool = {**node.settings, "heads": draft.choices.payloads[name].heads}
            context = Node(f"{name}.context", "attention_pool.v1", node.inputs[1:], pool)
            draft = replace(draft, nodes=(*draft.nodes, context))
    return draft


def attach_heads(draft: Draft) -> Draft:
    """Every task gets its head."""
    for task in draft.schema.learnable().tasks:
        node = _select_head(draft, task) if task.type == "select" else _head(draft, task)
        draft = replace(draft, nodes=(*draft.nodes, node), outputs={**draft.outputs, task.name: node.name})
    return draft


def resolve_references(draft: Draft) -> Draft:
    """`@tokens` becomes the name of the node that ends the chain of `tokens`."""
    names = {vectors(payload): node for payload, node in draft.chains.items()}
    nodes = tuple(replace(node, inputs=tuple(names.get(name, name) for name in node.inputs)) for node in draft.nodes)
    return replace(draft, nodes=nodes)


def sort_nodes(draft: Draft) -> Draft:
    """Each node comes after those that it reads, and otherwise in the order in which it was added."""
    by_name = {node.name: node for node in draft.nodes}
    done: dict[str, Node] = {}

    def visit(node: Node) -> None:
        if node.name not in done:
            for name in node.inputs:
                if name in by_name:
                    visit(by_name[name])
            done[node.name] = node

    for payload in draft.schema.by_dependency():
        for node in draft.nodes:
            if node.name.rpartition(".")[0] == payload.name and node.name not in draft.outputs.values():
                visit(node)
    for node in draft.nodes:
        visit(node)
    return replace(draft, nodes=tuple(done.values()))


RULES: tuple[Rule, ...] = (
    embed_words,
    encode_words,
    embed_members,
    aggregate_texts,
    aggregate_bases,
    add_context,
    widen,
    attach_heads,
    condition_on_slices,
    resolve_references,
    sort_nodes,
)


def compile_program(
    schema: Schema,
    choices: Choices,
    slices: Names = (),
    pretrained: Mapping[str, Pretrained] | None = None,
    sets: Mapping[str, tuple[Names, ...]] | None = None,
    n_records: int = 0,
) -> Program:
    """The program of a schema whose classes are told.

    The order in which payloads, bases, tasks and slices were declared does not matter.

    Args:
        schema: The schema.
        choices: The choices of the program.
        slices: Names of the slices for which the model has capacity.
        pretrained: The pretrained part of embeddings, by name of payload.
        sets: The sets of bits among which a `bitvector` task on records chooses, by name of task. None, or no sets:
            each bit by itself.
        n_records: How many records it will be trained on: what a text contains gets a table of a size for so many.
    """
    draft = Draft(
        schema=_sorted(schema),
        choices=choices,
        slices=tuple(sorted(slices)),
        pretrained=pretrained or {},
        sets=sets or {},
        n_records=n_records,
    )
    for rule in RULES:
        draft = rule(draft)
    return Program(
        schema=draft.schema,
        nodes=draft.nodes,
        outputs=draft.outputs,
        features=draft.features,
        slices=draft.slices,
    )


def _sorted(schema: Schema) -> Schema:
    payloads = (replace(payload, base=tuple(sorted(payload.base))) for payload in schema.payloads)
    return Schema(
        payloads=tuple(sorted(payloads, key=lambda payload: payload.name)),
        tasks=tuple(sorted(schema.tasks, key=lambda task: task.name)),
    )


def _embed(draft: Draft, payload: Payload, kind: str, tables: tuple[Names, ...], rows: tuple[int, ...]) -> Draft:
    """A feature function for a payload, and the block that reads what it makes."""
    features: dict[str, Setting] = {
        "function": FUNCTIONS[kind],
        "columns": tuple(column for table in tables for column in table),
        "buckets": tuple(n_rows for table, n_rows in zip(tables, rows, strict=True) for _ in table),
    }
    settings: dict[str, Setting] = {
        "rows": rows,
        "columns": tuple(len(table) for table in tables),
        "size": draft.size(payload.name),
    }
    inputs: Names = (f"{payload.name}.features",)
    op = f"{kind}_embedding.v{2 if CHARACTERS in tables else 1}"
    given = draft.pretrained.get(payload.name)
    if given is not None:
        node = _pretrained(payload, given, tune=draft.choices.payloads[payload.name].tune)
        draft = replace(draft, nodes=(*draft.nodes, node))
        features, settings = {**features, **given.features}, {**settings, "given": given.width}
        inputs = (*inputs, node.name)
    draft = replace(draft, features={**draft.features, payload.name: features})
    return draft.with_node(payload.name, "embedding", op, inputs, **settings)


def _pretrained(payload: Payload, given: Pretrained, *, tune: bool) -> Node:
    """The block that computes the pretrained part of an embedding."""
    inputs = tuple(f"{payload.name}.{part}" for part in given.inputs)
    return Node(f"{payload.name}.pretrained", given.op, inputs, {**given.settings, "tune": tune})


def _inputs(payload: Payload) -> Names:
    return (vectors(payload.name),) if payload.type == "singleton" else (vectors(payload.name), length(payload.name))


def _pool(draft: Draft, payload: Payload, inputs: Names, units: Names, sizes: tuple[int, ...]) -> Draft:
    choices = draft.choices.payloads[payload.name]
    heads = {"heads": choices.heads} if choices.aggregate == "attention" else {}
    op = f"{choices.aggregate}_pool.v1"
    return draft.with_node(payload.name, "aggregate", op, inputs, units=units, sizes=sizes, size=choices.size, **heads)


def _look(draft: Draft, payload: Payload, inputs: Names, units: Names, sizes: tuple[int, ...]) -> Draft:
    choices = draft.choices.payloads[payload.name]
    heads = {"heads": choices.heads} if choices.aggregate == "attention" else {}
    # Attention chooses among items, but cannot tell which of those that ask go with the one vector of a record.
    attend = "attend.v2" if "record" in units else "attend.v1"
    op = attend if choices.aggregate == "attention" else f"add_{choices.aggregate}.v2"
    inputs = (draft.chains[payload.name], *inputs)
    return draft.with_node(payload.name, "aggregate", op, inputs, units=units, sizes=sizes, size=choices.size, **heads)


def _head(draft: Draft, task: Task) -> Node:
    settings: dict[str, Setting] = {"size": draft.size(task.payload), "classes": len(task.classes)}
    inputs: Names = (vectors(task.payload),)
    wide = wide_size(draft, task.payload)
    if wide:
        inputs, settings = (*inputs, wide_node(task.payload)), {**settings, "wide": wide}
    op = f"{'chain' if _has_chain(draft, task) else task.type}_head.v{2 if wide else 1}"
    sets = draft.sets.get(task.name, ())
    if sets:
        op, settings = "sets_head.v1", {**settings, "wide": wide, "classes": task.classes, "sets": sets}
    return Node(f"{task.name}.head", op, inputs, settings)


def _has_chain(draft: Draft, task: Task) -> bool:
    """Whether the classes of neighbouring tokens are predicted together: the cost is the square of their number."""
    on_tokens = draft.schema.payload(task.payload).type == "sequence" and task.type == "multiclass"
    return on_tokens and draft.choices.payloads[task.payload].crf and len(task.classes) <= MOST_CHAINED


def _select_head(draft: Draft, task: Task) -> Node:
    inputs: Names = (vectors(task.payload), length(task.payload))
    context = [node.name for node in draft.nodes if node.name == f"{task.payload}.context"]
    settings = {"size": draft.size(task.payload), "context": bool(context)}
    return Node(f"{task.name}.head", "select_head.v1", (*inputs, *context), settings)
