"""What the board runs: the firmware, from its start to its end."""

import gc

from gateway.const import const

_BOOT_THRESHOLD_BYTES = const(4096)


def main() -> None:
    """Start the gateway, and run it for ever.

    What is made now stays for ever. Garbage in between would leave a heap full of small holes, so
    for this once it is collected early and often.
    """
    gc.threshold(_BOOT_THRESHOLD_BYTES)
    from firmware.start import start

    runner = start()
    gc.threshold(-1)
    runner.run()


if __name__ == "__main__":
    main()
