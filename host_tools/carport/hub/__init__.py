"""The emulator's CAN bus: channels on a TCP port, open to any socketcand client."""

from carport.hub.server import Counters, Hub

__all__ = ["Counters", "Hub"]
