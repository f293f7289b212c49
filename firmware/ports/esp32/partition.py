"""The partitions of an ESP32's flash chip, by their labels. Not run on a board yet."""

import esp32


def partition(label: str) -> esp32.Partition:
    """Return the partition for data with this label.

    Raises:
        OSError: the partition table has none.
    """
    found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=label)
    if not found:
        raise OSError(f"there is no partition {label}: run `carport flash`")
    first: esp32.Partition = found[0]
    return first
