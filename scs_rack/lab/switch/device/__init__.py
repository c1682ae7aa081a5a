"""What runs on a lab switch: CONFIG_DB in Redis, the commands `config`, `show`, `sonic-cfggen`, `docker`, a daemon.

Runs on the switch with its own Python and python3-redis; imports nothing else outside the standard library.
"""
