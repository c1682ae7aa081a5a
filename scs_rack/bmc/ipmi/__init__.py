"""IPMI 2.0 over LAN: packets, cryptography, session, driver."""
