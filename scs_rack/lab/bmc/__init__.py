"""Virtual BMCs: IPMI 2.0 and Redfish servers that really start and stop the nodes of the lab."""
