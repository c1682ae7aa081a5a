"""First contact with a switch that has no configuration: DHCP and HTTP answers for ONIE and for SONiC's ZTP.

Only switches of the rack file are answered, known by their MAC address, and only while `scs-rack switch serve` runs.
A switch gets an address, an installer if it shall be installed, and a ztp.json: our SSH key, and a configuration that
makes it manageable and does nothing else. It tells its SSH host key in turn; from then on that key is pinned, and all
the rest comes over SSH with `scs-rack up`.
"""
