"""Servers on 127.0.0.1 for tests: whatever a listener may say, and TLS that holds Mozilla's profile or doesn't."""

import socket
import ssl
import threading
from contextlib import contextmanager, suppress

from scs_rack.wires.profile import CIPHERS

TLS12 = ":".join(sorted(name for name in CIPHERS if name.startswith("ECDHE-ECDSA")))
"""Ciphers of the profile for TLS 1.2 and a key on an elliptic curve."""


@contextmanager
def server(answer, address="127.0.0.1"):
    """A server that hands each connection to `answer`, in a thread of its own; yields its port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, 0), family=family)

    def one(sock):
        with sock, suppress(OSError):
            sock.settimeout(10)
            answer(sock)

    def loop():
        with suppress(OSError):
            while True:
                threading.Thread(target=one, args=listener.accept()[:1], daemon=True).start()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def as_mozilla_wants(_context):
    """Spoil nothing."""


def tls(folder, name, settle=as_mozilla_wants):
    """What `server` needs to speak TLS with the certificate `name` of a rack's CA; `settle` spoils its settings."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"ca/{name}.crt", folder / f"ca/{name}.key")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(TLS12)
    context.set_ecdh_curve("prime256v1")
    settle(context)

    def answer(sock):
        with context.wrap_socket(sock, server_side=True) as secure:
            secure.recv(1)

    return answer
