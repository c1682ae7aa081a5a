"""The command line: one file a noun, each with `register(commands)`."""
