"""The section on receiving: what a frame costs, and each profile's load beside that."""

from collections.abc import Mapping, Sequence

from tests.bench import driver, spi
from tests.bench.core import Cost
from tests.bench.figures import median, p99, text
from tests.bench.frame_load import FULL_BUS, Load
from tests.bench.tables import SLOWER_HIGH, table

STALL_S = 0.2
FIFO_FRAMES = 32

_CORE = {
    "frame_accepted": "the core alone, accepted",
    "frame_unknown": "the core alone, refused by its id",
    "frame_damaged": "the core alone, refused by its checksum",
}
_DRIVER = {
    driver.ACCEPTED: "from the MCP2515's interrupt to the state, accepted",
    driver.REFUSED: "refused by the MCP2515's driver",
}


def receiving(
    core: Mapping[str, Cost],
    times: Mapping[str, Sequence[float]],
    costs: Mapping[str, spi.Cost],
    loads: Sequence[Load],
) -> str:
    """Return the section."""
    wire_us = costs["received, with the INT pin"].wire_us
    core_us = _projected_us(core["frame_accepted"].vm_us)
    accepted_us = _projected_us(times[driver.ACCEPTED]) + wire_us
    refused_us = _projected_us(times[driver.REFUSED]) + wire_us
    vm_times: dict[str, Sequence[float]] = {_CORE[name]: core[name].vm_us for name in _CORE}
    vm_times |= {_DRIVER[name]: times[name] for name in _DRIVER}
    frames = [
        [name, text(median(us)), text(p99(us)), f"{1e6 / _projected_us(us):,.0f}"]
        for name, us in vm_times.items()
    ]
    transfers = [
        [name, str(cost.transfers), str(cost.bytes), f"{cost.wire_us:.1f}"]
        for name, cost in costs.items()
    ]
    half, core_half = 0.5e6 / accepted_us, 0.5e6 / core_us
    return f"""\
## Receiving from the bus

{table(["frame", "VM median, us", "p99", "ESP32, projected, frames/s"], frames)}

The last column is **a projection, not a measurement**: what an ESP32 would do if it did nothing
else, {SLOWER_HIGH} times slower than this VM; see the last section. The MCP2515's includes its
driver in Python and the firmware around it, with C functions that do nothing for SPI and pins. A
native CAN controller, whose driver is C, comes to lie between that and the core alone.

What the MCP2515's driver moves over SPI for a frame of 8 bytes, counted on the model of the chip;
the time is of the bits alone, at {spi.CLOCK_HZ // 1_000_000} MHz. Polling counts the look that
finds no more.

{table(["frame", "SPI transfers", "bytes", "on the wires, us"], transfers)}

The load of each profile after its hardware filters, beside half of the projected rate, as a ratio:
under 1.00 keeps the budget. With an MCP2515, bits on the wires included, that half is
{half:,.0f} frames/s; for the core alone it is {core_half:,.0f}. "Foreign" is what nobody wants
and yet passes the chip's two masks and six filters: the share of all other standard ids, and how
many frames a second that is on a bus that is never idle ({FULL_BUS:,}/s of 8 bytes at 500 kbit/s)
and uses all ids alike. Profiles of two buses have one chip on each, and both are counted.

{_loads(loads, half, core_half)}

The frames wanted, in the car that drives:

{table(["profile", "source of the rate"], [[each.profile, each.source] for each in loads])}

{_verdict(loads, half)} Without hardware filters, a bus that is never idle would take
{100 * FULL_BUS * refused_us / 1e6:.0f} % of an ESP32's time for refusing alone.

While flash is erased, an ESP32 does nothing else, for up to {1000 * STALL_S:.0f} ms. Meanwhile
the emulated controller keeps {FIFO_FRAMES} frames, but an MCP2515 two: its driver is stopped too.
What does not fit is lost and counted (`overruns` in `/system`), and the car's next frame of that
id stands in for it: cars send what confirms a command again and again.
`tests/system/test_flash_stalls.py` shows both, with stalls that fit and with longer ones."""


def _loads(loads: Sequence[Load], half: float, core_half: float) -> str:
    rows = []
    for load in loads:
        passing = load.wanted + load.foreign
        rows.append(
            [
                load.profile,
                str(load.ids),
                f"{load.wanted:.0f}",
                f"{100 * load.foreign_share:.2f} %",
                f"{load.foreign:.0f}",
                f"{passing / half:.2f}",
                f"{load.wanted / core_half:.2f}",
                f"{load.wanted * STALL_S:.0f}",
            ]
        )
    head = [
        *("profile", "ids wanted", "frames/s wanted", "foreign ids passing", "foreign frames/s"),
        *("of half the rate, MCP2515", "the core alone", f"wanted in {1000 * STALL_S:.0f} ms"),
    ]
    return table(head, rows)


def _verdict(loads: Sequence[Load], half: float) -> str:
    missed = [each.profile for each in loads if each.wanted + each.foreign > half]
    if not missed:
        return "Every profile keeps the budget."
    return (
        f"**Missed with an MCP2515** by {', '.join(missed)}: such a car wants a board with native"
        " CAN."
    )


def _projected_us(vm_us: Sequence[float]) -> float:
    return median(vm_us) * SLOWER_HIGH
