"""The middle of ansible-runner's transmit, worker and process: what the site's machine starts over SSH on a manager."""

import tempfile

import ansible_runner

ALIVE = 3.0
"""Seconds after which a sign of life is sent where there is nothing else to say."""


def work() -> int:
    """Take an order from standard input, carry it out here, and stream its events to standard output."""
    with tempfile.TemporaryDirectory(prefix="scs-rack-site-") as folder:
        done = ansible_runner.run(streamer="worker", private_data_dir=folder, keepalive_seconds=ALIVE)
    return 0 if done.rc is not None else 1
