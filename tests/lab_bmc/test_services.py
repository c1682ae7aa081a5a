"""Services of virtual BMCs that act on the world: certificates, events, the BMC's own ports, and who may do what."""

import asyncio
import datetime as dt
import ssl
import warnings
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from scs_rack import pki
from scs_rack.errors import UsageError
from scs_rack.lab.bmc.many import many

PASSWORD = "lab-Passw0rd"
ROOT = "/redfish/v1"
HTTPS = f"{ROOT}/Managers/1/NetworkProtocol/HTTPS/Certificates"


class Client:
    """A plain HTTP client of one BMC."""

    def __init__(self, session, bmc):
        self.session, self.bmc = session, bmc

    async def __call__(self, method, path, body=None, *, user="admin", password=PASSWORD, **headers):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            login = aiohttp.BasicAuth(user, password)
            answer = await self.session.request(
                method, f"https://127.0.0.1:{self.bmc.ports['redfish']}{path}", json=body, headers=headers, auth=login
            )
        async with answer:
            text = await answer.text()
            return answer, (await answer.json() if text.startswith("{") else text)


@asynccontextmanager
async def served(folder, **options):
    pki.issue(folder, "bmc", ["localhost"], ["127.0.0.1"])
    trusted = ssl.create_default_context(cafile=folder / "ca/ca.crt")
    files = {"cert": folder / "ca/bmc.crt", "key": folder / "ca/bmc.key"}
    connector = aiohttp.TCPConnector(ssl=trusted, force_close=True)
    async with many(1, **files, **options) as bmcs, aiohttp.ClientSession(connector=connector) as session:
        yield Client(session, bmcs[0])


def signed(folder, request_pem):
    """What a CA makes of a signing request."""
    request = x509.load_pem_x509_csr(request_pem.encode())
    ca = x509.load_pem_x509_certificate((folder / "ca/ca.crt").read_bytes())
    key = serialization.load_pem_private_key((folder / "ca/ca.key").read_bytes(), None)
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(__import__("ipaddress").ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(
        ca.subject, request.subject, request.public_key(), x509.random_serial_number(),
        now - dt.timedelta(hours=1), now + dt.timedelta(days=9),
    ).add_extension(names, critical=False).sign(key, hashes.SHA256())  # fmt: skip
    return made.public_bytes(serialization.Encoding.PEM).decode()


async def test_a_certificate_is_asked_for_signed_and_shown_from_the_next_connection_on(tmp_path):
    async with served(tmp_path) as ask:
        before = (await ask("GET", f"{HTTPS}/1"))[1]
        body = {"CertificateCollection": {"@odata.id": HTTPS}, "CommonName": "n0"}
        answer, made = await ask("POST", f"{ROOT}/CertificateService/Actions/CertificateService.GenerateCSR", body)
        assert answer.status == 200
        replace = f"{ROOT}/CertificateService/Actions/CertificateService.ReplaceCertificate"
        wanted = {"CertificateType": "PEM", "CertificateUri": {"@odata.id": f"{HTTPS}/1"}}
        foreign = (tmp_path / "ca/ca.crt").read_text()
        assert (await ask("POST", replace, wanted | {"CertificateString": foreign}))[0].status == 400
        fresh = signed(tmp_path, made["CSRString"])
        assert (await ask("POST", replace, wanted | {"CertificateString": fresh}))[0].status == 204
        after = (await ask("GET", f"{HTTPS}/1"))[1]
        assert after["SerialNumber"] != before["SerialNumber"]
        assert after["Subject"]["CommonName"] == "n0"


async def test_events_reach_who_subscribed(tmp_path):
    told = asyncio.Queue()

    async def listen(request):
        told.put_nowait(await request.json())
        return web.Response()

    runner = web.ServerRunner(web.Server(listen))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with served(tmp_path) as ask:
            wish = {"Destination": f"http://127.0.0.1:{port}/", "Protocol": "Redfish", "Context": "rack 7"}
            answer, _ = await ask("POST", f"{ROOT}/EventService/Subscriptions", wish)
            assert answer.status == 201
            await ask("POST", f"{ROOT}/Systems/1/Actions/ComputerSystem.Reset", {"ResetType": "On"})
            event = await asyncio.wait_for(told.get(), 10)
            assert event["Context"] == "rack 7"
            assert "Power on by admin" in event["Events"][0]["Message"]
            origin = event["Events"][0]["OriginOfCondition"]["@odata.id"]
            assert (await ask("GET", origin))[1]["Message"] == event["Events"][0]["Message"]
            assert (await ask("DELETE", answer.headers["Location"]))[0].status == 204
    finally:
        await runner.cleanup()


async def test_a_restart_of_the_bmc_ends_sessions_and_leaves_the_server_on(tmp_path):
    async with served(tmp_path, on=True) as ask:
        login = {"UserName": "admin", "Password": PASSWORD}
        await ask("POST", f"{ROOT}/SessionService/Sessions", login)
        reset = f"{ROOT}/Managers/1/Actions/Manager.Reset"
        assert (await ask("POST", reset, {"ResetType": "GracefulRestart"}))[0].status == 204
        await asyncio.sleep(0.3)
        with pytest.raises(aiohttp.ClientError):
            await ask("GET", f"{ROOT}/Systems/1")
        ask.bmc.machine.away_until = 0.0
        assert (await ask("GET", f"{ROOT}/SessionService/Sessions"))[1]["Members@odata.count"] == 0
        assert (await ask("GET", f"{ROOT}/Systems/1"))[1]["PowerState"] == "On"


async def test_ipmi_is_switched_off_and_its_port_closed(tmp_path):
    async with served(tmp_path, both=True) as ask:
        network, port = f"{ROOT}/Managers/1/NetworkProtocol", ask.bmc.ports["ipmi"]
        assert (await ask("GET", network))[1]["IPMI"]["ProtocolEnabled"] is True

        async def open_port():
            class Refused(asyncio.DatagramProtocol):
                def error_received(self, _error):
                    refused.set()

            refused = asyncio.Event()
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(Refused, remote_addr=("127.0.0.1", port))
            transport.sendto(b"?")
            try:
                await asyncio.wait_for(refused.wait(), 0.5)
            except TimeoutError:
                return True
            finally:
                transport.close()
            return False

        assert await open_port()
        assert (await ask("PATCH", network, {"IPMI": {"ProtocolEnabled": False}}))[0].status == 200
        await asyncio.sleep(0.1)
        assert not await open_port()
        await ask("PATCH", network, {"IPMI": {"ProtocolEnabled": True}})
        await asyncio.sleep(0.1)
        assert await open_port()


async def test_roles_lockout_and_versions(tmp_path):
    async with served(tmp_path) as ask:
        accounts = f"{ROOT}/AccountService/Accounts"
        joe = {"UserName": "joe", "Password": "Passw0rd-of-Joe", "RoleId": "ReadOnly"}
        assert (await ask("POST", accounts, joe | {"Password": "short"}))[0].status == 400
        answer, _ = await ask("POST", accounts, joe)
        path = answer.headers["Location"]
        who = {"user": "joe", "password": joe["Password"]}
        assert (await ask("GET", f"{ROOT}/Systems/1", **who))[0].status == 200
        assert (await ask("PATCH", f"{ROOT}/Systems/1", {"AssetTag": "x"}, **who))[0].status == 403
        assert (await ask("PATCH", path, {"Password": "Passw0rd-of-Joe2"}, **who))[0].status == 200
        assert (await ask("GET", f"{ROOT}/Systems/1", **who))[0].status == 401
        for _ in range(10):
            await ask("GET", accounts, user="joe", password="wrong-Passw0rd")
        assert (await ask("GET", path))[1]["Locked"] is True
        assert (await ask("PATCH", path, {"Locked": False}))[0].status == 200
        assert (await ask("GET", path))[1]["Locked"] is False

        answer, system = await ask("GET", f"{ROOT}/Systems/1")
        tag = {"If-Match": answer.headers["ETag"]}
        assert system["@odata.etag"] == answer.headers["ETag"]
        assert (await ask("PATCH", f"{ROOT}/Systems/1", {"AssetTag": "x"}, **tag))[0].status == 200
        assert (await ask("PATCH", f"{ROOT}/Systems/1", {"AssetTag": "y"}, **tag))[0].status == 412
        assert (await ask("GET", f"{ROOT}/Systems/1"))[1]["AssetTag"] == "x"
        wrong = {"AssetTag": 7, "Nonsense": 1, "UUID": "x", "Boot": {"BootSourceOverrideTarget": "Moon"}}
        answer, said = await ask("PATCH", f"{ROOT}/Systems/1", wrong)
        assert answer.status == 400
        assert len(said["error"]["@Message.ExtendedInfo"]) == 4  # all faults at once


async def test_expand_gives_members_in_full(tmp_path):
    async with served(tmp_path) as ask:
        _, found = await ask("GET", f"{ROOT}/Chassis/1/Sensors?$expand=.")
        assert {one["Name"] for one in found["Members"]} >= {"Inlet Temp", "Total Power"}
        _, only = await ask("GET", f"{ROOT}/Systems?only")
        assert only["Id"] == "1"


async def test_redfish_needs_a_certificate():
    with pytest.raises(UsageError, match="cert"):
        async with many(1):
            pass
