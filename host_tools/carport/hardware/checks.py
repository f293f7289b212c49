"""What must hold of a board's description: its keys and their types, then its pins."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from carport.hardware.chips import CHIPS, Chip
from carport.install.partitions import SMALLEST_FLASH_MIB

_BOARD = {
    "title": str,
    "chip": str,
    "image": str,
    "flash_mib": int,
    "psram_mib": int,
    "is_recommended": bool,
    "supply": str,
    "termination": str,
    "button": int,
    "cable": dict,
    "can": list,
    "parts": list,
    "sources": list,
    "inferred": list,
    "notes": list,
}
_TEXTS = ("sources", "inferred", "notes")
_BOARD_OPTIONAL = {"led": object, "supply_sense": dict, "stay_on": dict, "spi": dict}
_CABLES = ({"uart": int, "tx": int, "rx": int}, {"usb": bool})
_SPI = {"id": int, "sck": int, "mosi": int, "miso": int}
_SENSE = {"pin": int, "divider": float}
_STAY_ON = {"pin": int, "level": int}
_PART = {"name": str, "count": int, "price_eur": list}
_CONTROLLERS = {
    "mcp2515": {"controller": str, "crystal_hz": int, "cs": int, "interrupt": int},
    "twai": {"controller": str, "id": int, "tx": int, "rx": int},
}
_CONTROLLER_OPTIONAL: dict[str, dict[str, type]] = {
    "mcp2515": {
        "reset": int,
        "outputs": list,
        "terminal": str,
        "transceiver": str,
        "is_module": bool,
    },
    "twai": {"outputs": list, "terminal": str, "transceiver": str},
}
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a table",
}
_SUPPLIES = ("usb", "12v")
_CRYSTALS_MHZ = (4, 8, 10, 12, 16, 20, 24, 25, 40)
_MOST_SPI_HZ = 10_000_000  # an MCP2515's
_MAY_BE_INPUTS_ONLY = ("miso", "rx", "interrupt", "supply sense", "button")


def check_description(described: dict[str, Any]) -> list[str]:
    """Return what is wrong with a board's description, each problem once."""
    problems = list(_keys(described)) or list(_values(described))
    return list(dict.fromkeys(problems))


def _keys(described: dict[str, Any]) -> Iterator[str]:
    """Yield which keys are missing, unknown, or of another type."""
    yield from _table("", described, _BOARD, _BOARD_OPTIONAL)
    if isinstance(cable := described.get("cable"), dict):
        keys = _CABLES["usb" in cable]
        yield from _table("cable: ", cable, keys)
    led = described.get("led", 0)
    if isinstance(led, dict):
        yield from _table("led: ", led, {"ws2812": int})
    elif not _is(led, int):
        yield "led is a GPIO, or {ws2812 = a GPIO}"
    if isinstance(spi := described.get("spi"), dict):
        yield from _table("spi: ", spi, _SPI, {"hz": int})
    if isinstance(sense := described.get("supply_sense"), dict):
        yield from _table("supply_sense: ", sense, _SENSE)
    if isinstance(stay_on := described.get("stay_on"), dict):
        yield from _table("stay_on: ", stay_on, _STAY_ON)
    for index, can in enumerate(_tables(described, "can")):
        name = can.get("controller")
        if not isinstance(name, str) or name not in _CONTROLLERS:
            yield f"CAN {index}: controller is one of {', '.join(_CONTROLLERS)}"
            continue
        yield from _table(f"CAN {index}: ", can, _CONTROLLERS[name], _CONTROLLER_OPTIONAL[name])
        outputs = can.get("outputs", [])
        if isinstance(outputs, list) and not all(map(_is_output, outputs)):
            yield f"CAN {index}: an output is [pin, level], the level 0 or 1"
    for part in _tables(described, "parts"):
        yield from _table(f"part {part.get('name')}: ", part, _PART, {"alternative": str})
    for name, kind in (("can", dict), ("parts", dict), *((name, str) for name in _TEXTS)):
        values = described.get(name)
        if isinstance(values, list) and not all(isinstance(value, kind) for value in values):
            yield f"{name} is a list of {'tables' if kind is dict else 'texts'}"


def _values(described: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with values, where all keys are right."""
    chip = CHIPS.get(described["chip"])
    if chip is None:
        yield f"chip is one of {', '.join(CHIPS)}"
        return
    image, _, variant = described["image"].partition("-")
    if image != chip.image:
        yield f"image: for the {described['chip']} it begins with {chip.image}"
    if described["psram_mib"] and variant not in chip.psram:
        yield f"image: {described['image']} does not use PSRAM"
    if described["supply"] not in _SUPPLIES:
        yield f"supply is one of {', '.join(_SUPPLIES)}"
    if described["flash_mib"] < SMALLEST_FLASH_MIB:
        yield f"flash_mib: Carport needs {SMALLEST_FLASH_MIB}"
    for part in described["parts"]:
        if not _is_price(part["price_eur"]):
            yield f"part {part['name']}: price_eur is [low, high]"
    if "usb" in described["cable"] and not (described["cable"]["usb"] and chip.usb):
        yield "cable: usb = true is for a chip with a USB port, others have uart, tx and rx"
    taken = dict.fromkeys(chip.usb, "its USB port") if "usb" in described["cable"] else {}
    if described["psram_mib"]:
        taken |= dict.fromkeys(chip.psram.get(variant, ()), "its PSRAM")
    yield from _pins(described, chip, taken)
    yield from _peripherals(described, chip)


def _pins(described: dict[str, Any], chip: Chip, taken: dict[int, str]) -> Iterator[str]:
    used: dict[int, str] = {}
    for purpose, pin in _used(described):
        if pin in taken:
            yield f"{purpose}: GPIO {pin} belongs to {taken[pin]}"
        elif pin not in chip.gpios:
            yield f"{purpose}: the {described['chip']} has no GPIO {pin} to use"
        elif pin in used:
            yield f"{purpose} and {used[pin]} are both GPIO {pin}"
        elif pin in chip.inputs_only and not purpose.endswith(_MAY_BE_INPUTS_ONLY):
            yield f"{purpose}: GPIO {pin} is an input only"
        used.setdefault(pin, purpose)


def _peripherals(described: dict[str, Any], chip: Chip) -> Iterator[str]:
    sense = described.get("supply_sense")
    if sense is not None:
        if sense["pin"] in chip.gpios and sense["pin"] not in chip.adc:
            yield f"supply sense: GPIO {sense['pin']} cannot measure while Wi-Fi is on"
        if sense["divider"] < 1:
            yield "supply sense: divider is how many times the pin's voltage the supply is"
    stay_on = described.get("stay_on")
    if stay_on is not None:
        if stay_on["level"] not in (0, 1):
            yield "stay on: level is 0 or 1"
        if stay_on["pin"] in chip.gpios and stay_on["pin"] not in chip.holds:
            yield f"stay on: GPIO {stay_on['pin']} cannot be held in deep sleep"
    spi = described.get("spi")
    if spi is not None:
        if spi["id"] not in chip.spi_ids:
            yield f"spi: id is one of {', '.join(map(str, chip.spi_ids))}"
        if not 0 < spi.get("hz", 1) <= _MOST_SPI_HZ:
            yield f"spi: hz is at most {_MOST_SPI_HZ}"
    if not described["can"]:
        yield "it has no CAN controller"
    ids: set[int] = set()
    for index, can in enumerate(described["can"]):
        if can["controller"] == "mcp2515":
            if spi is None:
                yield "an MCP2515 needs [spi]"
            if can["crystal_hz"] not in [mhz * 1_000_000 for mhz in _CRYSTALS_MHZ]:
                yield f"CAN {index}: no module has a crystal of {can['crystal_hz']} Hz"
        elif not 1 <= can["id"] <= chip.twai_controllers or can["id"] in ids:
            yield f"CAN {index}: id counts the chip's own controllers, of which it has " + str(
                chip.twai_controllers
            )
        ids.add(can.get("id", 0))


def _used(described: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield each pin with what it is for."""
    yield "button", described["button"]
    if "led" in described:
        led = described["led"]
        yield "LED", led["ws2812"] if isinstance(led, dict) else led
    if "supply_sense" in described:
        yield "supply sense", described["supply_sense"]["pin"]
    if "stay_on" in described:
        yield "stay on", described["stay_on"]["pin"]
    yield from (
        (f"cable {n}", described["cable"][n]) for n in ("tx", "rx") if "tx" in described["cable"]
    )
    yield from (
        (f"SPI {n}", described["spi"][n]) for n in _SPI if n != "id" and "spi" in described
    )
    for index, can in enumerate(described["can"]):
        for name in ("tx", "rx", "cs", "interrupt", "reset"):
            if name in can:
                yield f"CAN {index} {name}", can[name]
        yield from ((f"CAN {index} output {pin}", pin) for pin, _ in can.get("outputs", ()))


def _table(
    where: str,
    table: dict[str, Any],
    needed: Mapping[str, type],
    optional: Mapping[str, type] = MappingProxyType({}),
) -> Iterator[str]:
    known = {**needed, **optional}
    for name in sorted(needed.keys() - table.keys()):
        yield f"{where}{name} is missing"
    for name, value in table.items():
        if name not in known:
            yield f"{where}there is no {name}"
        elif not _is(value, known[name]):
            yield f"{where}{name} is {_KINDS[known[name]]}"


def _tables(described: dict[str, Any], name: str) -> list[dict[str, Any]]:
    tables = described.get(name)
    return [each for each in tables if isinstance(each, dict)] if isinstance(tables, list) else []


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind in (bool, object) or not isinstance(value, bool))


def _is_output(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and _is(value[0], int) and value[1] in (0, 1)
    )


def _is_price(value: list[Any]) -> bool:
    return len(value) == 2 and all(_is(each, float) for each in value) and value[0] <= value[1]
