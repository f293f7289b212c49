"""The board's shell around the core: time, IO and saving."""
