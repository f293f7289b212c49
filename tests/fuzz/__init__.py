"""Coverage-guided fuzzing: `make fuzz` hunts, `make test` runs what was kept. See README.md."""
