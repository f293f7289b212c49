"""The simulated car: the ECUs of the reference profile, as a python-can program.

The ECUs are sans-IO: messages and the time go in, messages come out; times are seconds since the
car was made. `Runner` puts them on buses. Frames are encoded with cantools: the car is an oracle
that shares no code with the gateway.
"""
