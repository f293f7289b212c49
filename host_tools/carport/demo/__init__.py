"""The whole story on one machine, told with what really happens: see story.py."""
