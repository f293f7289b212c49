"""The resources: what each URI answers, and the least role for each method."""
