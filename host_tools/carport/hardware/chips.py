"""What a pin of each chip can do.

Sources: the data sheets; ESP-IDF's soc_caps.h, and for what can be held its gpio_hold_en.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chip:
    """A chip.

    gpios: what a program may use: not what the flash chip takes, nor what does not exist.
    usb: the pins of its own USB port; empty if it has none.
    rtc: what can wake it from deep sleep.
    holds: what can keep its level in deep sleep, as MicroPython 1.29 offers it.
    adc: what can measure a voltage while Wi-Fi is on: ADC1.
    psram: what an external RAM takes, by the variant of the MicroPython image that uses it.
    """

    image: str
    gpios: frozenset[int]
    inputs_only: frozenset[int]
    usb: frozenset[int]
    rtc: frozenset[int]
    holds: frozenset[int]
    adc: frozenset[int]
    psram: dict[str, frozenset[int]]
    spi_ids: tuple[int, ...]
    twai_controllers: int
    most_psram_mib: int


CHIPS = {
    "esp32": Chip(
        image="ESP32_GENERIC",
        gpios=frozenset({*range(6), *range(12, 20), *range(21, 24), *range(25, 28)})
        | frozenset(range(32, 40)),
        inputs_only=frozenset(range(34, 40)),
        usb=frozenset(),
        rtc=frozenset({0, 2, 4, *range(12, 16), *range(25, 28), *range(32, 40)}),
        holds=frozenset({0, 2, 4, *range(12, 16), *range(25, 28), 32, 33}),
        adc=frozenset(range(32, 40)),
        psram={"SPIRAM": frozenset({16, 17})},
        spi_ids=(1, 2),
        twai_controllers=1,
        most_psram_mib=4,  # of 8, it can address as many
    ),
    "esp32s3": Chip(
        image="ESP32_GENERIC_S3",
        gpios=frozenset({*range(22), *range(33, 49)}),
        inputs_only=frozenset(),
        usb=frozenset({19, 20}),
        rtc=frozenset(range(22)),
        holds=frozenset(range(22)),
        adc=frozenset(range(1, 11)),
        psram={"": frozenset(), "SPIRAM_OCT": frozenset(range(33, 38))},
        spi_ids=(1, 2),
        twai_controllers=1,
        most_psram_mib=32,
    ),
    "esp32c6": Chip(
        image="ESP32_GENERIC_C6",
        gpios=frozenset(range(24)),
        inputs_only=frozenset(),
        usb=frozenset({12, 13}),
        rtc=frozenset(range(8)),
        holds=frozenset(range(24)),
        adc=frozenset(range(7)),
        psram={},
        spi_ids=(1,),
        twai_controllers=2,
        most_psram_mib=0,
    ),
}
