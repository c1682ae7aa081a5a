"""IPMI commands of a virtual BMC, one file a subject; `commands` knows which number belongs to which function."""
