"""Runs acme2certifier, an ACME server of others, over TLS, with a DNS server of one answer; prints the port.

Arguments: folder with ca.crt, ca.key (of the authority that it signs by), tls.crt, tls.key (its own); address that
each name stands for.
"""

import os
import runpy
import socket
import ssl
import sys
import threading
from pathlib import Path
from wsgiref.simple_server import make_server

import dns.message
import dns.rrset

folder, address = Path(sys.argv[1]).resolve(), sys.argv[2]
(folder / "acme_srv.cfg").write_text(
    f"""[DEFAULT]
debug: False
[Directory]
tos_url: https://127.0.0.1/terms
[DBhandler]
handler: wsgi
dbfile: {folder}/acme.db
[CAhandler]
handler_module: acme2certifier.cahandlers.openssl_ca_handler
issuing_ca_key: {folder}/ca.key
issuing_ca_cert: {folder}/ca.crt
issuing_ca_crl: {folder}/ca.crl
ca_cert_chain_list: []
cert_save_path: {folder}/signed
cert_validity_days: {os.environ.get("DAYS", "90")}
[Challenge]
dns_server_list: ["127.0.0.1"]
"""
)
os.environ |= {
    "ACME_SRV_CONFIGFILE": str(folder / "acme_srv.cfg"),
    "ACME_SRV_DB_HANDLER": "wsgi",
    "ACME2CERTIFIER_BASE_DIR": str(folder),
}


def names():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 53))
    while True:
        data, peer = sock.recvfrom(4096)
        answer = dns.message.make_response(dns.message.from_wire(data))
        (question,) = answer.question
        if question.rdtype == 1:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", address))
        sock.sendto(answer.to_wire(), peer)


threading.Thread(target=names, daemon=True).start()
import acme2certifier.share  # noqa: E402

program = Path(acme2certifier.share.__file__).with_name("acme2certifier_wsgi.py")
found = runpy.run_path(str(program), run_name="acme")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder / "tls.crt", folder / "tls.key")


def application(environ, start_response):
    return found["application"](environ | {"wsgi.url_scheme": "https"}, start_response)


server = make_server("127.0.0.1", 0, application, handler_class=found["get_handler_cls"]())
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
