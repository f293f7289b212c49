"""The audit: does anything leave home, is anything in clear, does erasing erase?

    make audit              all of it, a row each; exit code 0 only if nothing was found and every
                            leak that is planted was; FULL=1 listens an hour in each state
    python -m tests.audit --list | --only NAME | --json

Each check runs on the firmware as it is, in its MicroPython VM, and then on builds with a leak
planted: a check that misses one shows nothing. The checks of the network need root on Linux: they
build a home of network namespaces, with a board, an owner's PC, a router and the world behind it.
"""
