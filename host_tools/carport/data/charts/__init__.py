"""Charts of what was recorded.

chart       what is drawn: panels of lines over time, and a route
trip        the last drive: speed and route
cabin       temperatures, and when the climate control ran
battery     charge and current
png         a chart as a PNG, by matplotlib
terminal    a chart in the terminal, in braille
"""
