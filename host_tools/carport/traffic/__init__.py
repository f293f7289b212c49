"""Frames on a bus that python-can knows: watched, sent, recorded, replayed.

connection  which bus, and whether sending on it can do harm
dictionary  what frames are called and what they say, by a car's profile
compose     frames made from candump's notation, or from a message's name and its signals
selection   which ids are meant
logs        logs in python-can's formats
sender      sending, and knowing what was really on the wire
replay      a log sent again with its timing
"""
