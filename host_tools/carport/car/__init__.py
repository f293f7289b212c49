"""The simulated cars, as python-can programs: one for each profile that has a folder here.

The ECUs are sans-IO: messages and the time go in, messages come out; times are seconds since the
car was made. `Runner` puts them on buses. Frames are encoded with cantools: the car is an oracle
that shares no code with the gateway.
"""
