"""The kept inputs break no promise, on both interpreters; and they find the planted bugs."""

import pytest

from gateway.errors import GatewayError
from tests.fuzz import corpus
from tests.fuzz.plant import Plant, noticed_by
from tests.fuzz.plants import PLANTS
from tests.fuzz.targets import NAMES, load
from tests.vm import Both

pytestmark = pytest.mark.no_cover  # which would take four times as long; `make fuzz` has it


@pytest.mark.parametrize("name", NAMES)
def test_kept_inputs_break_no_promise(name: str) -> None:
    kept = corpus.read(name)
    assert kept
    target = load(name)
    for data in [*target.seeds(), *kept]:
        target.run(data)


@pytest.mark.parametrize(
    ("module", "function", "inputs"),
    [
        ("gateway.cbor", "decode", corpus.read("cbor")),
        ("tests.differential.codecs", "decode_message", corpus.read("coap")),
        ("gateway.oscore.option", "decode", [data[1:] for data in corpus.read("oscore")]),
    ],
    ids=("cbor", "coap", "oscore"),
)
def test_kept_inputs_mean_the_same_to_micropython(
    both: Both, module: str, function: str, inputs: list[bytes]
) -> None:
    accepted = 0
    for data in inputs:
        try:
            both(module, function, data)
        except GatewayError:
            continue
        accepted += 1
    assert accepted


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_kept_inputs_find_a_planted_bug(plant: Plant) -> None:
    assert noticed_by(plant, corpus.read(plant.target)) is not None
