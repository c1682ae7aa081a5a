"""All commands: importing this registers them."""

from scs_rack.lab.bmc.ipmi import app, chassis, dcmi, lan, payloads, readings, sdr, sel, users, watchdog  # noqa: F401
