"""Bit timing, against the settings that are known for these crystals."""

import pytest

from firmware.drivers.mcp2515_timing import derive_timing
from tests.mcp2515_rig import Rig

KNOWN = [  # CNF1, CNF2, CNF3 at 75 %
    (8_000_000, 125_000, "41AC03"),
    (8_000_000, 250_000, "40AC03"),
    (8_000_000, 500_000, "009101"),
    (16_000_000, 125_000, "43AC03"),
    (16_000_000, 250_000, "41AC03"),
    (16_000_000, 500_000, "40AC03"),
    (16_000_000, 1_000_000, "009101"),
]


@pytest.mark.parametrize(("crystal_hz", "bitrate", "cnf"), KNOWN)
def test_known_settings(crystal_hz: int, bitrate: int, cnf: str) -> None:
    assert derive_timing(crystal_hz, bitrate) == bytes.fromhex(cnf)[::-1]


@pytest.mark.parametrize(("crystal_hz", "bitrate", "cnf"), KNOWN)
def test_settings_mean_that_bit_rate_and_sample_point(
    crystal_hz: int, bitrate: int, cnf: str
) -> None:
    cnf1, cnf2, cnf3 = bytes.fromhex(cnf)
    propagation, phase_1, phase_2 = (cnf2 & 7) + 1, (cnf2 >> 3 & 7) + 1, (cnf3 & 7) + 1
    quanta = 1 + propagation + phase_1 + phase_2
    assert crystal_hz / (2 * ((cnf1 & 0x3F) + 1) * quanta) == bitrate
    assert (1 + propagation + phase_1) / quanta == 0.75
    assert cnf2 & 0xC0 == 0x80  # phase 2 is by CNF3, one sample
    jump_width = (cnf1 >> 6) + 1  # the datasheet's conditions, section 5.3
    assert propagation + phase_1 >= phase_2 > jump_width
    assert phase_2 >= 2


@pytest.mark.parametrize(("crystal_hz", "bitrate"), [(8_000_000, 1_000_000), (16_000_000, 83_000)])
def test_what_the_crystal_cannot_give_is_refused_before_the_chip_is_touched(
    crystal_hz: int, bitrate: int
) -> None:
    rig = Rig()
    can = rig.driver(crystal_hz=crystal_hz)
    rig.transfers()
    with pytest.raises(ValueError, match=f"no {bitrate} bit/s from a crystal of {crystal_hz} Hz"):
        can.init(bitrate)
    assert rig.transfers() == []


@pytest.mark.parametrize(("crystal_hz", "bitrate", "cnf"), KNOWN)
def test_the_chip_gets_them(crystal_hz: int, bitrate: int, cnf: str) -> None:
    rig = Rig()
    rig.driver(crystal_hz=crystal_hz).init(bitrate)
    assert bytes(rig.chip.register(address) for address in (0x2A, 0x29, 0x28)).hex() == cnf.lower()
