"""OpenAPI 3.1 made of the route table and the dataclasses: it cannot drift from the server."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, get_args, get_origin

from jupyter_orch._version import __version__
from jupyter_orch.domain.model import Trigger
from jupyter_orch.server import bodies
from jupyter_orch.server.route import Route
from jupyter_orch.server.routes import BASE
from jupyter_orch.wire import json_schema

_REFERENCE = "#/components/schemas/{model}"


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI document of these routes."""
    components: dict[str, Any] = {}
    problem = _schema(bodies.Problem, components)
    paths: dict[str, Any] = {}
    for route in routes:
        verbs = paths.setdefault(route.path, {})
        verbs[route.method.lower()] = {
            "summary": route.summary,
            "operationId": _operation_id(route),
            "parameters": _parameters(route, components),
            **_body(route, components),
            "responses": {
                str(route.status): _answer(route, components),
                **{str(int(status)): _problem(status, problem) for status in _errors(route)},
            },
        }
    for route in routes:
        if route.body is not None:
            _as_taken(_schema(route.body, {}), components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "jupyter_orch", "version": __version__},
        "servers": [{"url": BASE}],
        "paths": paths,
        "components": {"schemas": dict(sorted(components.items()))},
    }


def _operation_id(route: Route) -> str:
    words = re.findall(r"[a-z]+", re.sub(r"\{\w+\}", "one", route.path))
    return "_".join([route.method.lower(), *words])


def _parameters(route: Route, components: dict[str, Any]) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    in_query = [
        {"name": name, "in": "query", "schema": _schema(kind, components)}
        for name, kind in route.query.items()
    ]
    in_header = [
        {"name": name, "in": "header", "description": said, "schema": {"type": "string"}}
        for name, said, taken in (
            ("Idempotency-Key", "Makes the request safe to repeat.", route.keyed),
            ("If-Match", "The `ETag` of what is changed; another one is refused.", route.guarded),
        )
        if taken
    ]
    return in_path + in_query + in_header


def _body(route: Route, components: dict[str, Any]) -> dict[str, Any]:
    if route.body is None:
        return {}
    schema = _schema(route.body, components)
    named = components.get(schema.get("$ref", "").rpartition("/")[2], schema)
    return {
        "requestBody": {
            "required": bool(named.get("required")),
            "content": {"application/json": {"schema": schema}},
        }
    }


def _as_taken(schema: dict[str, Any], components: dict[str, Any]) -> None:
    """Says of everything in a body that unknown fields are refused, and which ids we make."""
    for name in _referred(schema):
        part = components[name]
        if "properties" not in part or part.get("additionalProperties") is False:
            continue
        part["additionalProperties"] = False
        if name == Trigger.__name__:
            part["required"] = [field for field in part["required"] if field != "id"]
        _as_taken(part, components)


def _referred(schema: Any) -> Iterator[str]:
    """Names of the components that a schema refers to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from _referred(part)


def _answer(route: Route, components: dict[str, Any]) -> dict[str, Any]:
    if route.answer is None:
        return {"description": "Done."}
    answer: dict[str, Any] = {
        "description": route.summary,
        "content": {"application/json": {"schema": _schema(route.answer, components)}},
    }
    if route.tagged:
        answer["headers"] = {"ETag": {"schema": {"type": "string"}}}
    return answer


def _errors(route: Route) -> Iterator[HTTPStatus]:
    """What may go wrong: the sender's fault, a state that forbids it, a part that is down."""
    yield HTTPStatus.BAD_REQUEST
    yield HTTPStatus.FORBIDDEN
    yield HTTPStatus.NOT_FOUND
    if route.method != "GET":
        yield HTTPStatus.CONFLICT
    if route.guarded:
        yield HTTPStatus.PRECONDITION_FAILED
    yield HTTPStatus.UNPROCESSABLE_ENTITY
    yield HTTPStatus.SERVICE_UNAVAILABLE


def _problem(status: HTTPStatus, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": f"{status.phrase}: one sentence, with the field and what to do.",
        "content": {"application/problem+json": {"schema": schema}},
    }


def _schema(kind: Any, components: dict[str, Any]) -> dict[str, Any]:
    schema = json_schema(kind, ref_template=_REFERENCE)
    for name, part in schema.pop("$defs", {}).items():
        _add(components, name, part)
    if not dataclasses.is_dataclass(get_origin(kind) or kind):
        return schema
    name = _name(kind)
    _add(components, name, schema)
    return {"$ref": _REFERENCE.format(model=name)}


def _name(kind: Any) -> str:
    """For example `Page_JobSummary`."""
    origin = get_origin(kind) or kind
    return "_".join([origin.__name__, *(_name(each) for each in get_args(kind))])


def _add(components: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    if components.setdefault(name, schema) != schema:
        raise ValueError(f"two types of the API are called {name}")
