"""In a build with the firmware frozen in, what runs before boot.py: it mounts the file system.

MicroPython's own says for ever that a file system is damaged, and nothing else runs. Here the
firmware does: it tells so on the cable, and erases if its button asks for it. Not run on a board
yet.
"""

import esp32
import vfs

for _files in esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs"):
    try:
        vfs.mount(_files, "/")
    except OSError:
        pass
