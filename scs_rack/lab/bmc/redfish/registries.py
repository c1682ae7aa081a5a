"""Registries: what the messages of this service mean.

The messages of DMTF's registry `Base` are told by their ids; the registry itself is DMTF's to publish. It is not listed
either, since clients would fetch it from the internet, which no BMC network reaches.
"""

from scs_rack.lab.bmc.redfish.bios import REGISTRY as BIOS
from scs_rack.lab.bmc.redfish.routes import ROOT, Answer, Call, Resource, collection, get, head

REGISTRIES = f"{ROOT}/Registries"
OWN = "ScsRackLab.1.0.0"
_MESSAGES = {
    "Logged": "The system event log has a new entry: %1",
    "TaskStep": "The task says: %1",
    "Test": "A test event: %1",
}


@get(REGISTRIES, kind="any")
def registries(call: Call) -> Resource:
    """All registries."""
    names = [OWN, *([BIOS] if call.machine.config.kind == "server" else [])]
    return collection(REGISTRIES, "MessageRegistryFile", "Registries", [f"{REGISTRIES}/{name}" for name in names])


@get(f"{REGISTRIES}/{{}}", kind="any")
def registry(call: Call) -> Answer:
    """Where one registry is."""
    name = call.ids[0]
    if name == OWN or (name == BIOS and call.machine.config.kind == "server"):
        location = {"Language": "en", "Uri": f"{REGISTRIES}/{name}/{name}.json"}
    else:
        return None
    major = ".".join(name.split(".")[:3]) if name != BIOS else BIOS
    return head(call.path, "MessageRegistryFile", f"{name} registry") | {
        "Registry": ".".join(major.split(".")[:3]) if name == BIOS else ".".join(name.split(".")[:3]),
        "Languages": ["en"],
        "Location": [location],
    }


@get(f"{REGISTRIES}/{OWN}/{OWN}.json", kind="any")
def own(_call: Call) -> Resource:
    """Messages that are only ours."""
    return {
        "@odata.type": "#MessageRegistry.v1_6_2.MessageRegistry",
        "Id": OWN,
        "Name": "Messages of the lab's BMCs",
        "Language": "en",
        "RegistryPrefix": "ScsRackLab",
        "RegistryVersion": "1.0.0",
        "OwningEntity": "scs-rack",
        "Messages": {
            name: {
                "Description": text,
                "Message": text,
                "MessageSeverity": "OK",
                "NumberOfArgs": 1,
                "ParamTypes": ["string"],
                "Resolution": "None.",
            }
            for name, text in _MESSAGES.items()
        },
    }
