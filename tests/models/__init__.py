"""Models of what stands around the core: a shell, a host, a car."""
