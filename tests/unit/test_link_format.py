"""Link format: RFC 6690's examples and queries, on both interpreters."""

from typing import Any

import pytest

from gateway.errors import EncodeError
from tests.vectors.load import load
from tests.vm import Both

LINK_FORMAT = "gateway.coap.link_format"
VECTORS = load("rfc6690_examples")

LOCK = ("/lock", [("rt", "carport.lock"), ("ct", 112), ("obs", None)])
CLIMATE = ("/climate", [("rt", "carport.climate"), ("ct", "60 112"), ("title", "a b")])
RESOURCES = [LOCK, CLIMATE]


def resources_of(example: list[Any]) -> list[Any]:
    return [(path, [(name, value) for name, value in pairs]) for path, pairs in example]


@pytest.mark.parametrize("example", VECTORS["links"], ids=lambda example: example["encoded"])
def test_rfc6690_5(both: Both, example: dict[str, Any]) -> None:
    resources = resources_of(example["resources"])
    assert both(LINK_FORMAT, "encode", resources) == example["encoded"].encode()


@pytest.mark.parametrize("example", VECTORS["queries"], ids=lambda example: example["query"])
def test_rfc6690_4_1(both: Both, example: dict[str, Any]) -> None:
    resources = resources_of(VECTORS["queried"])
    expected = [resource for resource in resources if resource[0] in example["paths"]]
    assert both(LINK_FORMAT, "select", resources, example["query"]) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("rt=carport.*", RESOURCES),
        ("rt=carport.lock", [LOCK]),
        ("rt=carport", []),
        ("rt=carport.locks", []),
        ("rt=", []),
        ("rt=*", RESOURCES),
        ("ct=112", RESOURCES),
        ("ct=60", [CLIMATE]),
        ("ct=6*", [CLIMATE]),
        ("ct=11", []),
        ("title=a b", [CLIMATE]),
        ("title=b", []),
        ("if=*", []),
        ("href=/*", RESOURCES),
        ("href=/lock", [LOCK]),
        ("href=/loc", []),
        ("obs=*", []),
        ("obs", []),
        ("", []),
        ("=", []),
        ("rt=carport.*k", []),
    ],
)
def test_a_query_selects(both: Both, query: str, expected: list[Any]) -> None:
    assert both(LINK_FORMAT, "select", RESOURCES, query) == expected


def test_quotes_are_escaped(both: Both) -> None:
    encoded = both(LINK_FORMAT, "encode", [("/a", [("title", 'a "b" \\ \u00fc')])])
    assert encoded == '</a>;title="a \\"b\\" \\\\ \u00fc"'.encode()


def test_no_resources_are_an_empty_document(both: Both) -> None:
    assert both(LINK_FORMAT, "encode", []) == b""


def test_a_path_that_would_end_itself_is_refused(both: Both) -> None:
    with pytest.raises(EncodeError):
        both(LINK_FORMAT, "encode", [("/a>;rt=x", [])])
