"""Settings of the server's firmware, and Secure Boot."""

from scs_rack.lab.bmc.redfish.messages import Choice, check, error, errors, info, success
from scs_rack.lab.bmc.redfish.routes import ROOT, SYSTEM, Answer, Call, Resource, action, get, head, link, patch, post
from scs_rack.lab.bmc.settings import BIOS, BiosAttribute

PATH = f"{SYSTEM}/Bios"
SETTINGS = f"{PATH}/Settings"
SECURE = f"{SYSTEM}/SecureBoot"
REGISTRY = "BiosAttributeRegistryLab.v1_0_0"


@get(PATH)
def bios(call: Call) -> Resource:
    """Settings in force."""
    return head(PATH, "Bios", "BIOS settings") | {
        "AttributeRegistry": REGISTRY,
        "Attributes": dict(call.machine.bios.values),
        "ResetBiosToDefaultsPending": _defaults_wait(call),
        "@Redfish.Settings": {
            "@odata.type": "#Settings.v1_3_5.Settings",
            "SettingsObject": link(SETTINGS),
            "SupportedApplyTimes": ["OnReset"],
        },
        "Actions": action(PATH, "Bios.ResetBios") | action(PATH, "Bios.ChangePassword", **{
            "PasswordName@Redfish.AllowableValues": ["AdminPassword"],
        }),
    }  # fmt: skip


def _defaults_wait(call: Call) -> bool:
    defaults = {name: one.default for name, one in BIOS.items()}
    return bool(call.machine.bios.pending) and call.machine.bios.values | call.machine.bios.pending == defaults


@get(SETTINGS)
def settings(call: Call) -> Resource:
    """Settings from the next start on."""
    waiting = call.machine.bios.values | call.machine.bios.pending
    return head(SETTINGS, "Bios", "BIOS settings from the next start on") | {
        "AttributeRegistry": REGISTRY,
        "Attributes": waiting,
    }


@patch(SETTINGS)
@patch(PATH)
def set_bios(call: Call) -> Answer:
    """Let settings wait for the next start."""
    found = check(call.body, {"Attributes": dict}, settings(call))
    if not found:
        found = [one for name, value in call.body.get("Attributes", {}).items() for one in _wrong(name, value)]
    if found:
        return errors(400, found)
    if not call.machine.lies:
        bios_now = call.machine.bios
        waiting = bios_now.pending | call.body.get("Attributes", {})
        bios_now.pending = {name: value for name, value in waiting.items() if bios_now.values[name] != value}
        call.machine.save()
    return settings(call)


def _wrong(name: str, value: object) -> list[Resource]:
    attribute, where = BIOS.get(name), f"Attributes/{name}"
    if attribute is None:
        return [info("PropertyUnknown", f"{where} is not known.", where, prop=where)]
    fault = attribute.fault(value)
    if fault is None:
        return []
    identifier = {"type": "PropertyValueTypeError", "range": "PropertyValueOutOfRange"}.get(
        fault, "PropertyValueNotInList"
    )
    return [info(identifier, f"{where} can't be {str(value)[:80]}.", str(value), where, prop=where)]


@post(f"{PATH}/Actions/Bios.ResetBios")
def reset(call: Call) -> Answer:
    """Defaults from the next start on."""
    bios_now = call.machine.bios
    if not call.machine.lies:
        bios_now.pending = {n: one.default for n, one in BIOS.items() if bios_now.values[n] != one.default}
        call.machine.save()
    return success()


@post(f"{PATH}/Actions/Bios.ChangePassword", level=4)
def password(_call: Call) -> Answer:
    """There is no password to change."""
    return error(501, "ActionNotSupported", "This BIOS has no password.", "Bios.ChangePassword")


@get(f"{ROOT}/Registries/{REGISTRY}/{REGISTRY}.json")
def registry(_call: Call) -> Resource:
    """What the settings mean."""
    return {
        "@odata.type": "#AttributeRegistry.v1_3_8.AttributeRegistry",
        "Id": REGISTRY,
        "Name": "BIOS attributes of the lab's servers",
        "Language": "en",
        "OwningEntity": "scs-rack",
        "RegistryVersion": "1.0.0",
        "RegistryEntries": {"Attributes": [_entry(name, one) for name, one in BIOS.items()]},
    }


def _entry(name: str, one: BiosAttribute) -> Resource:
    entry: Resource = {
        "AttributeName": name,
        "DisplayName": one.text,
        "HelpText": one.text,
        "Type": one.kind,
        "ReadOnly": False,
        "ResetRequired": True,
        "MenuPath": "./Main",
    }
    if one.default != "":
        entry["DefaultValue"] = one.default
    if one.kind == "Enumeration":
        entry["Value"] = [{"ValueName": value, "ValueDisplayName": value} for value in one.allowed]
    if one.kind == "Integer":
        entry |= {"LowerBound": one.bounds[0], "UpperBound": one.bounds[1], "ScalarIncrement": 1}
    if one.kind == "String":
        entry |= {"MinLength": 0, "MaxLength": 64}
    return entry


@get(SECURE)
def secure_boot(call: Call) -> Resource:
    """Secure Boot in force, and from the next start on."""
    state = call.machine.secure_boot
    return head(SECURE, "SecureBoot", "UEFI Secure Boot") | {
        "SecureBootEnable": state.enabled if state.wanted is None else state.wanted,
        "SecureBootCurrentBoot": "Enabled" if state.enabled else "Disabled",
        "SecureBootMode": "UserMode",
        "Actions": action(SECURE, "SecureBoot.ResetKeys", **{
            "ResetKeysType@Redfish.AllowableValues": list(_KEYS),
        }),
    }  # fmt: skip


_KEYS = ("ResetAllKeysToDefault", "DeleteAllKeys", "DeletePK")


@patch(SECURE)
def set_secure_boot(call: Call) -> Answer:
    """Switch it from the next start on."""
    found = check(call.body, {"SecureBootEnable": Choice((True, False))}, secure_boot(call))
    if found:
        return errors(400, found)
    if not call.machine.lies:
        state, wanted = call.machine.secure_boot, call.body["SecureBootEnable"]
        state.wanted = None if wanted == state.enabled else wanted
        call.machine.save()
    return secure_boot(call)


@post(f"{SECURE}/Actions/SecureBoot.ResetKeys")
def reset_keys(call: Call) -> Answer:
    """Keys are not kept by virtual servers: only the defaults are there."""
    found = check(call.body, {"ResetKeysType": Choice(_KEYS)}, {})
    if found:
        return errors(400, found)
    if call.body.get("ResetKeysType") != "ResetAllKeysToDefault":
        return error(501, "ActionNotSupported", "This server can't lose its keys.", "SecureBoot.ResetKeys")
    return success()
