"""Attacks on a gateway, each beside a control: the same attack where the defence is taken out.

    make attack            all of them, a row each; exit code 0 only if every attack failed and
                           every control succeeded
    python -m tests.attack --list | --only NAME | --json

Most of them stand where a stranger on the network would: in front of `carport emulate`, the
firmware in its MicroPython VM, with real sockets and a car on the bus. Those that need hours, or a
reboot at the right moment, use the core with its time set.
"""
