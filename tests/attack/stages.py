"""The stages that attacks share: what one has left as it was, the next one may use."""

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from tests.attack.attack import Attack
from tests.attack.core_stage import CoreStage
from tests.attack.stage import Stage


class Stages:
    """Gives each attack its stage; the end of the `with` ends what runs."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self._emulator: Stage | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.close()

    def get(self, attack: Attack) -> Any:
        """Return a stage for this attack."""
        if attack.where == "core":
            return CoreStage()
        if self._emulator is None or attack.is_rough:
            self._running.close()
            self._emulator = self._running.enter_context(Stage(*attack.arguments))
        stage = self._emulator
        if attack.is_rough:
            self._emulator = None
        return stage
