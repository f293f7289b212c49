"""The tables of docs/hardware.md, made of the boards' descriptions, between marks in the page."""

import re
from collections.abc import Iterable, Iterator

from carport.hardware import Board, Controller, Part
from hw.wiring import has_own_divider, to_buy, wires

_MARKED = re.compile(r"(<!-- made of hw/boards: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(page: str, boards: Iterable[Board]) -> str:
    """Return the page with what lies between its marks made anew."""
    boards = list(boards)
    made = {"choice": _choice(boards), "boards": "\n".join(map(_section, boards))}
    return _MARKED.sub(lambda match: f"{match[1]}\n{made[match[2]]}\n{match[3]}", page)


def _choice(boards: list[Board]) -> str:
    rows = [
        (
            f"[{board.title}](#{board.name})"
            + (" **(buy this)**" if board.is_recommended else ""),
            _euros(board.parts),
            _stock(board),
            f"{board.flash_mib} MB, {_heap(board)}",
            "12 V" if board.supply == "12v" else "5 V: a converter",
            "nobody yet",
        )
        for board in boards
    ]
    head = ("board", "EUR", "buses on stock MicroPython", "flash, heap", "fed by", "tried by")
    return "\n".join(_table(head, rows))


def _section(board: Board) -> str:
    lines = [f'### <a id="{board.name}"></a>{board.title}', ""]
    lines += _table(("", f"`--board {board.name}`"), _facts(board))
    lines += ["", *_table(("GPIO", "what for"), _pins(board))]
    made = [
        (each.start, each.start_terminal, each.end, each.end_terminal, each.signal)
        for each in wires(board)
    ]
    lines += ["", *_table(("from", "terminal", "to", "terminal", "carries"), made)]
    bought = [
        (part.name, str(part.count), _euros([part]), part.alternative or "")
        for part in to_buy(board)
    ]
    lines += ["", *_table(("to buy", "", "EUR", "or"), bought)]
    lines += ["", *(f"- {note}" for note in board.notes)]
    lines += [f"- Inferred by us: {each}." for each in board.inferred]
    lines += ["", f"Sources: {'; '.join(board.sources)}.", ""]
    return "\n".join(lines)


def _facts(board: Board) -> Iterator[tuple[str, str]]:
    yield "chip, image", f"{board.chip}, `{board.image}`"
    psram = f"{board.psram_mib} MB of" if board.psram_mib else "no"
    yield "memory", f"{board.flash_mib} MB of flash, {psram} PSRAM"
    for index, controller in enumerate(board.can):
        yield f"bus {index + 1}", _bus(controller)
    yield "120 ohm", board.termination
    yield "LED", _led(board)
    yield "12 V measured", _sense(board)
    wake = board.settings(len(board.can)).get("wake")
    yield "woken by a bus", "no" if wake is None else f"GPIO {wake}, low"


def _bus(controller: Controller) -> str:
    if controller.crystal_hz is not None:
        mhz = controller.crystal_hz // 1_000_000
        return f"{controller.terminal}: MCP2515, {mhz} MHz; on stock MicroPython"
    pins = f"`MICROPY_HW_CAN{controller.id}_TX ({controller.tx})`, `_RX ({controller.rx})`"
    return f"{controller.terminal}: the chip's own; needs a build with machine.CAN and {pins}"


def _led(board: Board) -> str:
    if board.led_pin is None:
        return "none for a program"
    return f"GPIO {board.led_pin}" + (", a WS2812" if board.led_pin != board.led else "")


def _sense(board: Board) -> str:
    if board.supply_sense is None:
        return "no"
    where = "on the board" if has_own_divider(board) else "by a divider of your own"
    return f"GPIO {board.supply_sense['pin']}, divided by {board.supply_sense['divider']}, {where}"


def _pins(board: Board) -> list[tuple[str, str]]:
    """Return the pins with what each is for, and the level of an output that is held."""
    held = {pin: level for controller in board.can for pin, level in controller.outputs}
    if board.stay_on is not None:
        held[board.stay_on["pin"]] = board.stay_on["level"]
    rows = []
    for purpose, pin in board.pins().items():
        for index in range(len(board.can)):
            purpose = purpose.replace(f"CAN {index} ", f"bus {index + 1} ")
        if pin in held:
            level = "held high" if held[pin] else "held low"
            purpose = purpose.replace(f"output {pin}", level)
            purpose = purpose.replace("stay on", f"{level}: it keeps the supply on")
        rows.append((str(pin), purpose))
    return rows


def _stock(board: Board) -> str:
    working = [each.terminal for each in board.can if each.works_on_stock]
    if not working or not board.works_on_stock(1):
        return f"none of {len(board.can)}"
    all_of = "both" if len(board.can) == 2 else "its one"
    return all_of if len(working) == len(board.can) else f"1 of 2: {working[0]}"


def _heap(board: Board) -> str:
    return f"{board.heap_kib // 1024} MB" if board.heap_kib >= 1024 else f"{board.heap_kib} KB"


def _euros(parts: list[Part]) -> str:
    low, high = (sum(part.count * part.price_eur[end] for part in parts) for end in (0, 1))
    return f"{low:g} to {high:g}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]
