"""The port for an ESP32: run in the VM on the shims of tests/shims, not on a board yet."""
