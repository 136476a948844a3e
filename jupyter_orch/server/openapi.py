"""OpenAPI 3.1 made of the route table and the dataclasses: it cannot drift from the server."""

import re
from collections.abc import Iterable
from typing import Any, get_origin

from jupyter_orch._version import __version__
from jupyter_orch.server import bodies
from jupyter_orch.server.route import Route
from jupyter_orch.server.routes import BASE
from jupyter_orch.wire import json_schema

_REFERENCE = "#/components/schemas/{model}"


def describe(routes: Iterable[Route]) -> dict[str, Any]:
    """The OpenAPI document of these routes."""
    components: dict[str, Any] = {}
    problem = {
        "description": "What was wrong, in one sentence, with the field and what to do.",
        "content": {"application/problem+json": {"schema": _schema(bodies.Problem, components)}},
    }
    paths: dict[str, Any] = {}
    for route in routes:
        verbs = paths.setdefault(route.path, {})
        verbs[route.method.lower()] = {
            "summary": route.summary,
            "operationId": _operation_id(route),
            "parameters": _parameters(route),
            **_body(route, components),
            "responses": {str(route.status): _answer(route, components), "default": problem},
        }
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


def _parameters(route: Route) -> list[dict[str, Any]]:
    text = {"type": "string"}
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": text}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    numbers = {"limit", "attempt", "version", "after", "wait"}
    in_query = [
        {"name": name, "in": "query", "schema": {"type": "integer"} if name in numbers else text}
        for name in route.query
    ]
    return in_path + in_query


def _body(route: Route, components: dict[str, Any]) -> dict[str, Any]:
    if route.body is None:
        return {}
    schema = _schema(route.body, components)
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def _answer(route: Route, components: dict[str, Any]) -> dict[str, Any]:
    if route.answer is None:
        return {"description": "Done."}
    schema = _schema(route.answer, components)
    return {
        "description": route.summary,
        "content": {"application/json": {"schema": schema}},
    }


def _schema(kind: Any, components: dict[str, Any]) -> dict[str, Any]:
    schema = json_schema(kind, ref_template=_REFERENCE)
    components |= schema.pop("$defs", {})
    title = schema.get("title")
    if get_origin(kind) is dict or not title:
        return schema
    name = re.sub(r"\W+", "_", title).strip("_")
    components[name] = schema
    return {"$ref": _REFERENCE.format(model=name)}
