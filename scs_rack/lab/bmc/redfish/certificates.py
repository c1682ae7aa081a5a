"""CertificateService: what the TLS port shows, and its replacement, which takes effect with the next connection."""

from cryptography import x509
from cryptography.x509.oid import NameOID

from scs_rack.lab.bmc.redfish.messages import Choice, check, error, errors, needed
from scs_rack.lab.bmc.redfish.routes import (
    MANAGER,
    ROOT,
    Answer,
    Call,
    Reply,
    Resource,
    action,
    collection,
    get,
    head,
    link,
    links,
    post,
)  # fmt: skip

SERVICE = f"{ROOT}/CertificateService"
LOCATIONS = f"{SERVICE}/CertificateLocations"
HTTPS = f"{MANAGER}/NetworkProtocol/HTTPS/Certificates"


@get(SERVICE, kind="any")
def service(_call: Call) -> Resource:
    """The service."""
    return head(SERVICE, "CertificateService", "Certificate Service") | {
        "CertificateLocations": link(LOCATIONS),
        "Actions": action(SERVICE, "CertificateService.GenerateCSR", **{
            "KeyPairAlgorithm@Redfish.AllowableValues": ["TPM_ALG_ECDSA"],
            "KeyCurveId@Redfish.AllowableValues": ["TPM_ECC_NIST_P256"],
        }) | action(SERVICE, "CertificateService.ReplaceCertificate", **{
            "CertificateType@Redfish.AllowableValues": ["PEM", "PEMchain"],
        }),
    }  # fmt: skip


@get(LOCATIONS, kind="any")
def locations(_call: Call) -> Resource:
    """Where certificates are."""
    return head(LOCATIONS, "CertificateLocations", "Certificate Locations") | {
        "Links": {"Certificates": links([f"{HTTPS}/1"]), "Certificates@odata.count": 1}
    }


@get(HTTPS, kind="any")
def https(_call: Call) -> Resource:
    """Certificates of the TLS port: one."""
    return collection(HTTPS, "Certificate", "HTTPS certificates", [f"{HTTPS}/1"])


def _name(name: x509.Name) -> Resource:
    found = {
        "CommonName": NameOID.COMMON_NAME,
        "Organization": NameOID.ORGANIZATION_NAME,
        "Country": NameOID.COUNTRY_NAME,
    }
    values = {key: name.get_attributes_for_oid(oid) for key, oid in found.items()}
    return {key: str(value[0].value) for key, value in values.items() if value}


@get(f"{HTTPS}/1", kind="any")
def certificate(call: Call) -> Resource:
    """What the TLS port shows."""
    held = call.server.certificates
    cert = held.loaded()
    return head(f"{HTTPS}/1", "Certificate", "HTTPS certificate") | {
        "CertificateString": held.pem,
        "CertificateType": "PEMchain" if held.pem.count("BEGIN CERT") > 1 else "PEM",
        "CertificateUsageTypes": ["Web"],
        "Issuer": _name(cert.issuer),
        "Subject": _name(cert.subject),
        "SerialNumber": cert.serial_number.to_bytes(20, "big").lstrip(b"\0").hex(":"),
        "ValidNotBefore": cert.not_valid_before_utc.isoformat(),
        "ValidNotAfter": cert.not_valid_after_utc.isoformat(),
    }


@post(f"{SERVICE}/Actions/CertificateService.GenerateCSR", kind="any", level=4)
def request(call: Call) -> Answer:
    """Make a key and a signing request."""
    spec = {
        "CertificateCollection": dict, "CommonName": str, "City": str, "Country": str, "Organization": str,
        "OrganizationalUnit": str, "State": str, "AlternativeNames": list, "KeyBitLength": int,
        "KeyPairAlgorithm": Choice(("TPM_ALG_ECDSA",)), "KeyCurveId": Choice(("TPM_ECC_NIST_P256",)),
        "Email": str, "KeyUsage": list,
    }  # fmt: skip
    found = needed(call.body, "CertificateCollection", "CommonName") or check(call.body, spec, {})
    if found:
        return errors(400, found)
    if call.body["CertificateCollection"].get("@odata.id", "").rstrip("/") != HTTPS:
        return error(400, "ActionParameterNotSupported", "Only HTTPS has certificates.", "CertificateCollection")
    names = [str(one) for one in call.body.get("AlternativeNames", [])]
    pem = call.server.certificates.request(call.body["CommonName"], names)
    body = {"@odata.type": "#CertificateService.v1_0_0.GenerateCSRResponse"}
    return Reply(200, body | {"CertificateCollection": link(HTTPS), "CSRString": pem})


@post(f"{SERVICE}/Actions/CertificateService.ReplaceCertificate", kind="any", level=4)
def replace(call: Call) -> Answer:
    """Show another certificate from the next connection on."""
    spec = {"CertificateString": str, "CertificateType": Choice(("PEM", "PEMchain")), "CertificateUri": dict}
    found = needed(call.body, *spec) or check(call.body, spec, {})
    if found:
        return errors(400, found)
    if call.body["CertificateUri"].get("@odata.id", "").rstrip("/") != f"{HTTPS}/1":
        return error(400, "ActionParameterNotSupported", "There is no such certificate.", "CertificateUri")
    if not call.machine.lies:
        try:
            call.server.certificates.install(call.body["CertificateString"])
        except ValueError as fault:
            return error(400, "PropertyValueFormatError", f"Not taken: {fault}"[:200], "", "CertificateString")
    return Reply(204, None, {"Location": f"{HTTPS}/1"})
