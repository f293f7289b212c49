"""The CoRE Link Format (RFC 6690): which resources there are, and the query that filters them.

    </lock>;rt="carport.lock";ct=112;obs,</signals>;rt="carport.signals";ct=112;obs

A resource is (path, attributes); the attributes are (name, value) pairs, with a str for a quoted
value, an int for a number (`ct`), and None for a name that stands alone (`obs`).
"""

from gateway.errors import EncodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Attributes = Sequence[tuple[str, str | int | None]]
    Resource = tuple[str, Attributes]

# Attributes whose value is a list separated by spaces. Source: RFC 6690 section 3, RFC 7252 7.2.1.
LISTS = ("rel", "rt", "if", "ct")


def encode(resources: "Iterable[Resource]") -> bytes:
    """Return resources as one link-format document.

    Raises:
        EncodeError: a path with a `>`, which would end it.
    """
    links = []
    for path, attributes in resources:
        if ">" in path:
            raise EncodeError("a path with a >")
        link = "<" + path + ">"
        for name, value in attributes:
            link += ";" + name
            if isinstance(value, str):
                link += '="' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
            elif value is not None:
                link += "=" + str(value)
        links.append(link)
    return ",".join(links).encode()


def select(resources: "Iterable[Resource]", query: str) -> "list[Resource]":
    """Return the resources that match query: `href=/lock`, `rt=carport.*`, `ct=112`.

    A trailing `*` matches any rest. A query without `=` matches nothing.
    Source: RFC 6690 section 4.1.
    """
    name, _, wanted = query.partition("=")
    return [resource for resource in resources if matches(resource, name, wanted)]


def matches(resource: "Resource", name: str, wanted: str) -> bool:
    """Tell whether one of the values that resource has for name is the wanted one."""
    path, attributes = resource
    prefix = wanted[:-1] if wanted.endswith("*") else None
    for value in values(path, attributes, name):
        if value == wanted if prefix is None else value.startswith(prefix):
            return True
    return False


def values(path: str, attributes: "Attributes", name: str) -> "list[str]":
    """Return the values to compare a query for name with."""
    if name == "href":
        return [path]
    found = []
    for attribute, value in attributes:
        if attribute == name and value is not None:
            found.extend(str(value).split(" ") if name in LISTS else [str(value)])
    return found
