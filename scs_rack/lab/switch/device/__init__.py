"""What runs on a lab switch: CONFIG_DB in Redis, the commands `config`, `show`, `sonic-cfggen`, `docker`, a daemon.

Runs on the switch with its own Python; imports nothing outside the standard library and the files that are carried
there (see `prepare`).
"""
