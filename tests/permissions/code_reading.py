"""What a function may ask of AWS, read from its code: so that no scenario forgets any of it.

A function's acts name methods of ports. ``bootstrap`` says which adapter a port has, and the
adapter's methods name calls of boto's clients. Nothing is run. It does not see through adapters
that hold a port themselves, so what was seen to be called may be more.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import get_protocol_members, get_type_hints, is_protocol

import botocore.session
from botocore import xform_name

from relay import bootstrap, ports

REPOSITORY = Path(__file__).parents[2]
ACTIONS = {
    "get_item": "dynamodb:GetItem",
    "put_item": "dynamodb:PutItem",
    "update_item": "dynamodb:UpdateItem",
    "delete_item": "dynamodb:DeleteItem",
    "transact_write_items": "dynamodb:PutItem",  # it needs leave for its parts; ours only put
    "query": "dynamodb:Query",
    "batch_get_item": "dynamodb:BatchGetItem",
    "batch_write_item": "dynamodb:BatchWriteItem",
    "get_object": "s3:GetObject",
    "generate_presigned_url": "s3:GetObject",  # whoever follows a link comes with our permission
    "put_object": "s3:PutObject",
    "delete_object": "s3:DeleteObject",
    "list_objects_v2": "s3:ListBucket",
    "send_message": "sqs:SendMessage",
    "send_message_batch": "sqs:SendMessage",
    "change_message_visibility_batch": "sqs:ChangeMessageVisibility",
    "get_queue_attributes": "sqs:GetQueueAttributes",
    "put_events": "events:PutEvents",
    "get_secret_value": "secretsmanager:GetSecretValue",
}
_SHARED = ("relay.use_cases.", "relay.postponing")
_PORTS = {name: port for name, port in vars(ports).items() if is_protocol(port)}


def actions_of(function: str) -> set[str]:
    """Return what a function's code calls of AWS, by IAM's names."""
    trees = [ast.parse(path.read_text("utf-8")) for path in _files_of(function)]
    held = dict(_held_ports(trees))
    actions: set[str] = set()
    for tree in trees:
        for call in ast.walk(tree):
            if isinstance(call, ast.Call):
                for port, method in _methods_named_in(call, held):
                    found = _actions_of_method(port, method)
                    actions |= found - {"dynamodb:BatchWriteItem"} if _puts_one(call) else found
    return actions


def calls_of_clients() -> set[str]:
    """Return every name of a call of boto's clients that the layer's code calls anything by."""
    session = botocore.session.get_session()
    known = {
        xform_name(operation)
        for service in sorted({action.partition(":")[0] for action in ACTIONS.values()})
        for operation in session.get_service_model(service).operation_names
    } | {"generate_presigned_url"}
    layer = REPOSITORY / "layers" / "relay" / "relay"
    return {
        node.func.attr
        for path in layer.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    } & known


def _files_of(function: str) -> list[Path]:
    """Return a function's modules, and those of the use cases that it shares with others."""
    folder = REPOSITORY / "functions" / function
    own = sorted(folder.glob("*.py"))
    shared = {
        str(node.module)
        for path in own
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_SHARED)
    }
    layer = REPOSITORY / "layers" / "relay"
    return own + [layer / (module.replace(".", "/") + ".py") for module in sorted(shared)]


def _held_ports(trees: list[ast.Module]) -> Iterator[tuple[str, str]]:
    """Yield the names under which ports are held, as fields or as parameters."""
    for tree in trees:
        for node in ast.walk(tree):
            match node:
                case (
                    ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id=port))
                    | ast.arg(arg=name, annotation=ast.Name(id=port))
                ) if port in _PORTS:
                    yield name, port


def _methods_named_in(call: ast.Call, held: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the ports' methods that a call calls, or hands on to be called."""
    for node in (call.func, *call.args):
        match node:
            case ast.Attribute(value=ast.Attribute(attr=name) | ast.Name(id=name), attr=method) if (
                name in held and method in get_protocol_members(_PORTS[held[name]])
            ):
                yield held[name], method


def _puts_one(call: ast.Call) -> bool:
    """Tell whether a call puts a list of one, for which the adapters use the single call."""
    match call.args:
        case [*_, ast.List(elts=[_])]:
            return True
        case _:
            return False


@cache
def _actions_of_method(port: str, method: str) -> set[str]:
    adapter = _adapters().get(port)
    if adapter is None:
        return set()
    known = _functions_in(import_module(adapter.__module__))
    waiting, seen = [method], {method}
    actions: set[str] = set()
    while waiting:
        for node in ast.walk(known[waiting.pop()]):
            match node:
                case ast.Call(func=ast.Attribute(attr=name)) if name in ACTIONS:
                    actions.add(ACTIONS[name])
                case ast.Call(
                    func=ast.Name(id=name) | ast.Attribute(value=ast.Name(id="self"), attr=name)
                ) if name in known and name not in seen:
                    waiting.append(name)
                    seen.add(name)
                case _:
                    pass
    return actions


@cache
def _adapters() -> dict[str, type]:
    """Return, by the name of its port, the adapter that ``bootstrap`` builds last."""
    adapters: dict[str, type] = {}
    for name, builder in vars(bootstrap).items():
        if not inspect.isfunction(builder) or name == "offload":
            continue
        port = get_type_hints(builder).get("return")
        for node in ast.walk(ast.parse(inspect.getsource(builder))):
            match node:
                case ast.ImportFrom(module=str(module), names=[ast.alias(name=adapter)]) if (
                    module.startswith("relay.adapters.")
                ):
                    adapters[getattr(port, "__name__", "")] = getattr(
                        import_module(module), adapter
                    )
    return adapters


@cache
def _functions_in(module: ModuleType) -> dict[str, ast.AST]:
    """Return a module's functions and methods by name, and those that it imports of ours."""
    tree = ast.parse(inspect.getsource(module))
    functions: dict[str, ast.AST] = {}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(name)) if name.startswith("relay.aws"):
                functions |= _functions_in(import_module(name))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions[node.name] = node
    return functions
