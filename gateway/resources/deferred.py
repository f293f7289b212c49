"""A resource that is loaded when somebody first asks for it: most boards record nothing."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gateway.request import Answer, Request


class DeferredResource:
    """Stands for the resource that load(now_ms) returns, with its paths and roles.

    It is loaded for those alone who may, for it takes heap.
    """

    takes_blocks = False

    def __init__(
        self, segments: int, roles: "dict[int, int]", load: "Callable[[int], Any]"
    ) -> None:
        self.segments = segments
        self.roles = roles
        self._load = load

    def handle(self, request: "Request") -> "Answer | None":
        """Let the resource handle it."""
        answer: Answer | None = self._load(request.now_ms).handle(request)
        return answer


class DeferredReader(DeferredResource):
    """Stands for one that takes note of whom the endpoint has refused."""

    def deny(self, request: "Request") -> None:
        """Let the resource take note of it."""
        self._load(request.now_ms).deny(request)
