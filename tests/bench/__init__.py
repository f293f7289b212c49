"""Benchmarks: what a command costs, in this interpreter, in the VM, and over the network."""
