"""The power is cut at every operation of the flash, and the VM killed: promises hold."""
