"""The buses of the Leaf that the gateway may be connected to."""

CAR_BUS = "car"
EV_BUS = "ev"
