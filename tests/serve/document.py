"""Values that an OpenAPI document allows, and whether a value is one: the part of JSON Schema that we use."""

import re
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

KNOWN = {
    *("$ref", "title", "description", "default", "type", "enum", "const", "anyOf", "oneOf", "allOf"),
    *("properties", "required", "additionalProperties", "propertyNames", "items", "minItems", "maxItems"),
    *("minimum", "maximum", "minLength", "maxLength", "pattern"),
}
TYPES: Mapping[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}
LONGEST = 3


class Document:
    """An OpenAPI document whose schemas can be drawn from and held against values."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.paths = value["paths"]
        self._schemas = value["components"]["schemas"]

    def operations(self) -> list[tuple[str, str, Mapping[str, Any]]]:
        """Path, method and what is said of it."""
        return [
            (path, method, {**told, "parameters": [*item.get("parameters", ()), *told.get("parameters", ())]})
            for path, item in self.paths.items()
            for method, told in item.items()
            if method != "parameters"
        ]

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """A schema, looked up where it is a reference."""
        assert set(schema) <= KNOWN, f"the tests know nothing of {set(schema) - KNOWN}"
        if "$ref" in schema:
            return self.resolved(self._schemas[schema["$ref"].rpartition("/")[2]])
        return schema

    def values(self, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
        """Values that a schema allows."""
        schema = self.resolved(schema)
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return st.one_of([self.values(one) for one in schema[key]])
        types = schema.get("type", list(TYPES))
        return st.one_of([self._of_type(one, schema) for one in ([types] if isinstance(types, str) else types)])

    def _of_type(self, name: str, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
        if name == "null":
            return st.none()
        if name == "boolean":
            return st.booleans()
        if name == "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum", 12))
        if name == "number":
            return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False)
        if name == "string":
            if "pattern" in schema:
                return st.from_regex(schema["pattern"].replace("$", r"\Z"))
            return st.text(min_size=schema.get("minLength", 0), max_size=min(schema.get("maxLength", 8), 8))
        if name == "array":
            most = min(schema.get("maxItems", LONGEST), LONGEST)
            return st.lists(self.values(schema.get("items", {})), min_size=schema.get("minItems", 0), max_size=most)
        named = {key: self.values(value) for key, value in schema.get("properties", {}).items()}
        required = {key: named.pop(key) for key in schema.get("required", ())}
        whole = st.fixed_dictionaries(required, optional=named)
        more = schema.get("additionalProperties")
        if not isinstance(more, Mapping):
            return whole
        names = self.values({"type": "string", **schema.get("propertyNames", {})})
        others = st.dictionaries(names, self.values(more), max_size=LONGEST)
        return st.tuples(whole, others).map(lambda pair: {**pair[1], **pair[0]})

    def fault(self, value: Any, schema: Mapping[str, Any], place: str = "$") -> str:
        """Why a schema does not allow a value; empty where it does."""
        schema = self.resolved(schema)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                faults = [self.fault(value, one, place) for one in schema[key]]
                fitting = faults.count("")
                if not fitting or (key == "oneOf" and fitting > 1):
                    return f"{place}: {fitting} of {key}: {faults}"
        if any(self.fault(value, one, place) for one in schema.get("allOf", ())):
            return f"{place}: not all of {schema['allOf']}"
        if ("enum" in schema and value not in schema["enum"]) or value != schema.get("const", value):
            return f"{place}: {value!r} is not one of {schema}"
        types = schema.get("type", list(TYPES))
        fitting_types = [one for one in ([types] if isinstance(types, str) else types) if _is(value, one)]
        if not fitting_types:
            return f"{place}: {value!r} is no {types}"
        return self._fault_within(value, schema, place)

    def _fault_within(self, value: Any, schema: Mapping[str, Any], place: str) -> str:
        if isinstance(value, str | list):
            unit = "Length" if isinstance(value, str) else "Items"
            if not schema.get(f"min{unit}", 0) <= len(value) <= schema.get(f"max{unit}", len(value)):
                return f"{place}: of length {len(value)}"
        if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
            return f"{place}: {value!r} is not of {schema['pattern']}"
        if _is(value, "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            return f"{place}: {value} is beyond the bounds"
        faults = []
        if isinstance(value, list):
            faults = [
                self.fault(one, schema.get("items", {}), f"{place}[{number}]") for number, one in enumerate(value)
            ]
        elif isinstance(value, dict):
            faults = [f"{place}: lacks {key}" for key in schema.get("required", ()) if key not in value]
            more = schema.get("additionalProperties", True)
            for key, one in value.items():
                known = schema.get("properties", {}).get(key, {} if more is True else more)
                faults.append(self.fault(key, schema.get("propertyNames", {}), f"{place}.{key}"))
                faults.append(
                    f"{place}.{key} is unknown" if known is False else self.fault(one, known, f"{place}.{key}")
                )
        return next((fault for fault in faults if fault), "")


def _is(value: Any, name: str) -> bool:
    return isinstance(value, TYPES[name]) and not (isinstance(value, bool) and name in ("integer", "number"))
