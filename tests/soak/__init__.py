"""A simulated day and an hour of real time at a steady load: heap and latency stay flat."""
