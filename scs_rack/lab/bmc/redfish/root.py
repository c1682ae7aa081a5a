"""Service root, OData documents, task and session links."""

from scs_rack.lab.bmc.redfish.routes import ROOT, SESSIONS, TYPES, Call, Reply, Resource, get, head, link

VERSION = "1.18.0"


@get("/redfish", kind="any")
def versions(_call: Call) -> Resource:
    """Where version 1 is."""
    return {"v1": f"{ROOT}/"}


@get(ROOT, kind="any")
def root(call: Call) -> Resource:
    """The beginning of everything."""
    shelf = call.machine.config.kind == "shelf"
    services = ["Managers", "Chassis", "SessionService", "AccountService", "EventService", "Registries"]
    services += ["CertificateService", "TaskService", "UpdateService"]
    services += ["PowerEquipment"] if shelf else ["Systems"]
    names = {"TaskService": "Tasks"}
    return (
        head(f"{ROOT}/", "ServiceRoot", "Root Service", "RootService")
        | {
            "RedfishVersion": VERSION,
            "UUID": str(call.machine.uuid),
            "Vendor": "scs-rack",
            "Product": "virtual BMC of the lab",
            "ProtocolFeaturesSupported": {
                "ExpandQuery": {"ExpandAll": True, "Levels": True, "Links": True, "NoLinks": True, "MaxLevels": 3},
                "SelectQuery": False,
                "FilterQuery": False,
                "ExcerptQuery": False,
                "OnlyMemberQuery": True,
            },
            "Links": {"Sessions": link(SESSIONS)},
        }
        | {names.get(service, service): link(f"{ROOT}/{service}") for service in services}
    )


@get(f"{ROOT}/odata", kind="any")
def odata(call: Call) -> Resource:
    """OData service document."""
    found = root(call)
    names = [name for name, value in found.items() if isinstance(value, dict) and "@odata.id" in value]
    values = [{"name": name, "kind": "Singleton", "url": found[name]["@odata.id"]} for name in names]
    values.append({"name": "Service", "kind": "Singleton", "url": f"{ROOT}/"})
    return {"@odata.context": f"{ROOT}/$metadata", "value": values}


@get(f"{ROOT}/$metadata", kind="any")
def metadata(_call: Call) -> Reply:
    """OData metadata document: which schema is meant by which name."""
    references = "".join(
        f'<edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/{name}_v1.xml">'
        f'<edmx:Include Namespace="{name}"/><edmx:Include Namespace="{name}.{version}"/></edmx:Reference>'
        for name, version in TYPES.items()
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">'
        f"{references}<edmx:DataServices>"
        '<Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">'
        f'<EntityContainer Name="Service" Extends="ServiceRoot.{TYPES["ServiceRoot"]}.ServiceContainer"/>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    )
    return Reply(200, text, {"Content-Type": "application/xml"})
