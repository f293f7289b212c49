"""The car's data at home: consent, records, keys, and a ledger of what was done.

    consent     what may be recorded, for what, how exactly and until when; at first nothing
    schema      groups of signals as columns of integers, coarsened where the owner wished
    recorder    rows at their intervals into the open block, stored each minute
    block       rows sealed as COSE_Encrypt0 for whoever holds the chain's key
    chain       the chain of keys: the present one opens nothing of the past
    archive     blocks on flash: their numbers, their order, how they go
    holders     who has keys, and who has still to destroy theirs after an erasure
    exports     who reads, for the ledger
    ledger      a chain of MACs in which nothing is changed, swapped or dropped unseen
    keeper      all of these together

Nothing here answers requests: that is `gateway/resources`. `gateway/carport.cddl` has the formats.
"""
