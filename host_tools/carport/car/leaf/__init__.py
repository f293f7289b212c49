"""The Nissan Leaf and e-NV200, as public sources describe them.

How often the ECUs send is not in those sources, nor how long they stay awake: that is Carport's.
"""
