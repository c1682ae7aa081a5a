"""scs-rack: from a cabled rack to a proven Sovereign Cloud."""

__version__ = "0.1.0"
