"""The buses of the reference car; the gateway hears the first one."""

BODY_BUS = "body"
POWERTRAIN_BUS = "powertrain"
