"""The car's data on the owner's host: its keys, its blocks, its ledger, and the archive they fill.

gateway/carport.cddl has the formats. Nothing here uses the board's own code for them.
"""
