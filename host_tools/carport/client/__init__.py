"""Talk to a Carport gateway: `async with Client() as car: await car.lock()`."""

from carport.client.arming import Arming
from carport.client.client import Client
from carport.client.principals import Grant, Principal
from carport.client.receipt import Frame, Receipt
from carport.client.signals import Signal, Signals
from carport.client.system import System

__all__ = [
    "Arming",
    "Client",
    "Frame",
    "Grant",
    "Principal",
    "Receipt",
    "Signal",
    "Signals",
    "System",
]
