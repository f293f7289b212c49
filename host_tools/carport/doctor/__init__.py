"""What may be wrong with a board, its cable, its buses and its keys.

gather.py asks. Every check is a function of what was gathered; its findings come with their cures.
"""
