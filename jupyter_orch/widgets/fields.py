"""One form field for one parameter: a control that fits its JSON Schema, its help, its error."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

import ipywidgets as widgets

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.expressions import has_expression
from jupyter_orch.domain.model import Json

Schema = Mapping[str, Any]
#: Longest text that is shown on one line.
_LINE = 80
_STYLE = {"description_width": "160px"}
_WIDE = widgets.Layout(width="480px")


@dataclass(frozen=True, kw_only=True)
class Control:
    """An ipywidget and how to read its value as JSON."""

    widget: Any
    read: Callable[[], Json]


class Field:
    """A parameter in a form; `box` is what is shown."""

    def __init__(self, name: str, schema: Schema, value: Json) -> None:
        self.name = name
        is_expression = isinstance(value, str) and has_expression(value)
        self.control = _text(value, optional=False) if is_expression else _control(schema, value)
        explained = str(schema.get("description", ""))
        control = self.control.widget
        control.description = str(schema.get("title", name))
        control.style = _STYLE
        control.layout = _WIDE
        control.tooltip = explained
        self.help = widgets.HTML(_small(explained, colour="--jp-ui-font-color2"))
        self.error = widgets.HTML()
        self.box = widgets.VBox([control, self.help, self.error])

    def value(self) -> Json:
        """What the control holds, as JSON.

        Raises:
            BadInput: The text of the control is not JSON (field `parameters.<name>`).
        """
        try:
            return self.control.read()
        except ValueError as error:
            raise BadInput(
                f"The parameter {self.name} is not JSON: {error}.",
                field=f"parameters.{self.name}",
                hint='Write a value such as [1, 2] or {"key": "value"}.',
            ) from None

    def complain(self, message: str) -> None:
        """Shows what is wrong with the value; an empty message clears it."""
        self.error.value = _small(f"✕ {message}" if message else "", colour="--jp-error-color1")


def _small(text: str, *, colour: str) -> str:
    if not text:
        return ""
    return (
        f'<div style="margin-left:168px;font-size:0.85em;line-height:1.4;color:var({colour})">'
        f"{escape(text)}</div>"
    )


def _control(schema: Schema, value: Json) -> Control:
    kinds = schema.get("type", [])
    types = {kinds} if isinstance(kinds, str) else set(kinds)
    optional = "null" in types
    match sorted(types - {"null"}):
        case _ if "enum" in schema:
            control = _choice([(_shown(item), item) for item in schema["enum"]], value)
        case ["boolean"] if optional:
            control = _choice([("—", None), ("yes", True), ("no", False)], value)
        case ["boolean"]:
            box = widgets.Checkbox(value=bool(value), indent=True)
            control = Control(widget=box, read=lambda: box.value)
        case ["string"] if schema.get("format") == "date":
            control = _date(value)
        case ["string"]:
            control = _text(value, optional=optional)
        case ["integer"] if not optional:
            control = _number(schema, value, widgets.IntText, widgets.IntSlider)
        case ["number"] if not optional:
            control = _number(schema, value, widgets.FloatText, widgets.FloatSlider)
        case ["array"] if not optional and _items(schema) in _TAGS:
            tags = _TAGS[_items(schema)](value=value or [], allow_duplicates=True)
            control = Control(widget=tags, read=lambda: list(tags.value))
        case ["array"] | ["object"] | ["array", "object"]:
            area = widgets.Textarea("" if value is None else json.dumps(value, indent=1))
            control = Control(
                widget=area,
                read=lambda: json.loads(area.value) if area.value.strip() or not optional else None,
            )
        case _:
            control = _scalar(value, optional=optional)
    return control


_TAGS: dict[str, Any] = {
    "string": widgets.TagsInput,
    "integer": widgets.IntsInput,
    "number": widgets.FloatsInput,
}


def _items(schema: Schema) -> str:
    items = schema.get("items")
    kind = items.get("type") if isinstance(items, Mapping) and "enum" not in items else None
    return kind if isinstance(kind, str) and "format" not in (items or {}) else ""


def _choice(options: list[tuple[str, Json]], value: Json) -> Control:
    known = any(value == item and type(value) is type(item) for _, item in options)
    dropdown = widgets.Dropdown(options=options, value=value if known else options[0][1])
    return Control(widget=dropdown, read=lambda: dropdown.value)


def _date(value: Json) -> Control:
    try:
        chosen = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        chosen = None
    picker = widgets.DatePicker(value=chosen)
    return Control(
        widget=picker, read=lambda: picker.value.isoformat() if picker.value is not None else None
    )


def _text(value: Json, *, optional: bool) -> Control:
    text = "" if value is None else str(value)
    kind = widgets.Textarea if "\n" in text or len(text) > _LINE else widgets.Text
    field = kind(text, placeholder="empty: none" if optional else "")
    return Control(widget=field, read=lambda: None if optional and not field.value else field.value)


def _number(schema: Schema, value: Json, plain: Any, slider: Any) -> Control:
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else 0
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        field = slider(value=min(max(number, least), most), min=least, max=most)
    else:
        field = plain(value=number)
    return Control(widget=field, read=lambda: field.value)


def _scalar(value: Json, *, optional: bool) -> Control:
    """Anything else: what reads as a JSON number or truth is one, the rest is text."""
    field = widgets.Text(_shown(value), placeholder="empty: none" if optional else "")

    def read() -> Json:
        if not field.value and optional:
            return None
        try:
            found = json.loads(field.value)
        except ValueError:
            return field.value
        return found if isinstance(found, bool | int | float) else field.value

    return Control(widget=field, read=read)


def _shown(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
