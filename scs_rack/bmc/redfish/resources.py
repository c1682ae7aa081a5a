"""What we read of Redfish resources (DMTF DSP0268). Whatever is missing has a value that says so; the rest is ignored.

Vendors differ: text may be null, lists may hold anything. A field of a wrong type makes the whole answer nonsense.
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

TEXT_LIMIT = 512


def _clean(value: Any) -> Any:
    """Null counts as empty; control characters would reach a person's terminal, and endless text their memory."""
    if isinstance(value, str):
        return "".join(c for c in value[:TEXT_LIMIT] if c.isprintable()).strip()
    return "" if value is None else value


Text = Annotated[str, BeforeValidator(_clean)]
"""A short printable string."""


class Resource(BaseModel):
    """Base: names as Redfish writes them, unknown properties ignored."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class Link(Resource):
    """A reference to another resource."""

    path: Text = Field("", alias="@odata.id")


class Collection(Resource):
    """Members of a collection."""

    members: list[Link] = Field(default_factory=list, alias="Members")


class Boot(Resource):
    """Boot override of a system."""

    enabled: Text = Field("", alias="BootSourceOverrideEnabled")
    target: Text = Field("", alias="BootSourceOverrideTarget")
    mode: str | None = Field(None, alias="BootSourceOverrideMode")
    targets: list[str] = Field(default_factory=list, alias="BootSourceOverrideTarget@Redfish.AllowableValues")


class ResetAction(Resource):
    """Where and how a system is reset."""

    target: Text = ""
    allowed: list[str] = Field(default_factory=list, alias="ResetType@Redfish.AllowableValues")
    info: Text = Field("", alias="@Redfish.ActionInfo")


class Actions(Resource):
    """Actions of a system."""

    reset: ResetAction = Field(default_factory=ResetAction, alias="#ComputerSystem.Reset")


class Members(Resource):
    """Links of a system that we follow."""

    managers: list[Link] = Field(default_factory=list, alias="ManagedBy")


class System(Resource):
    """A computer system."""

    path: Text = Field("", alias="@odata.id")
    kind: Text = Field("", alias="SystemType")
    manufacturer: Text = Field("", alias="Manufacturer")
    model: Text = Field("", alias="Model")
    serial: Text = Field("", alias="SerialNumber")
    uuid: Text = Field("", alias="UUID")
    power: Text = Field("", alias="PowerState")
    last_reset: str | None = Field(None, alias="LastResetTime")
    boot: Boot = Field(default_factory=Boot, alias="Boot")
    actions: Actions = Field(default_factory=Actions, alias="Actions")
    interfaces: Link = Field(default_factory=Link, alias="EthernetInterfaces")
    links: Members = Field(default_factory=Members, alias="Links")


class Manager(Resource):
    """The BMC itself."""

    firmware: Text = Field("", alias="FirmwareVersion")
    interfaces: Link = Field(default_factory=Link, alias="EthernetInterfaces")


class Interface(Resource):
    """A network port."""

    name: Text = Field("", alias="Id")
    mac: Text = Field("", alias="MACAddress")
    permanent_mac: Text = Field("", alias="PermanentMACAddress")


class Parameter(Resource):
    """A parameter that an ActionInfo describes."""

    name: Text = Field("", alias="Name")
    allowed: list[str] = Field(default_factory=list, alias="AllowableValues")


class ActionInfo(Resource):
    """Allowed values of an action's parameters, where the action does not state them itself."""

    parameters: list[Parameter] = Field(default_factory=list, alias="Parameters")


_RANK = {"Critical": 2, "Warning": 1}


def worst_message(body: Any) -> tuple[str, str]:
    """Identifier (without registry and version) and text of the worst message of an error body; "" where none is."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return "", ""
    extended = error.get("@Message.ExtendedInfo")
    if isinstance(extended, dict):  # some send an object where the standard asks for a list
        extended = [extended]
    listed = extended if isinstance(extended, list) else []
    messages = [message for message in listed if isinstance(message, dict)]
    if not messages:
        messages = [{"MessageId": error.get("code"), "Message": error.get("message")}]
    worst = max(messages, key=lambda m: _RANK.get(str(m.get("MessageSeverity") or m.get("Severity")), 0))
    identifier = str(worst.get("MessageId") or "").rsplit(".", 1)[-1]
    text = "".join(c for c in str(worst.get("Message") or "") if c.isprintable())
    return identifier[:80], text[:300]
