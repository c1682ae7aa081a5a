"""EventService: subscriptions that are really told."""

from scs_rack.lab.bmc.redfish.messages import Choice, Items, check, error, errors, missing, needed, success
from scs_rack.lab.bmc.redfish.routes import (
    ROOT,
    Answer,
    Call,
    Reply,
    Resource,
    action,
    collection,
    delete,
    get,
    head,
    health,
    link,
    patch,
    post,
)  # fmt: skip
from scs_rack.lab.bmc.redfish.subscriptions import ATTEMPTS, MOST, Subscription

SERVICE = f"{ROOT}/EventService"
SUBSCRIPTIONS = f"{SERVICE}/Subscriptions"
REGISTRIES = ["Base", "ScsRackLab"]


@get(SERVICE, kind="any")
def service(_call: Call) -> Resource:
    """The service."""
    return head(SERVICE, "EventService", "Event Service") | {
        "ServiceEnabled": True,
        "DeliveryRetryAttempts": ATTEMPTS,
        "DeliveryRetryIntervalSeconds": 1,
        "EventFormatTypes": ["Event"],
        "RegistryPrefixes": REGISTRIES,
        "Status": health(),
        "Subscriptions": link(SUBSCRIPTIONS),
        "Actions": action(SERVICE, "EventService.SubmitTestEvent"),
    }


@get(SUBSCRIPTIONS, kind="any")
def subscriptions(call: Call) -> Resource:
    """All listeners."""
    members = [f"{SUBSCRIPTIONS}/{number}" for number in call.server.subscriptions.all]
    return collection(SUBSCRIPTIONS, "EventDestination", "Event Subscriptions", members)


def _shown(one: Subscription) -> Resource:
    state = "Disabled" if one.failed else "Enabled"
    return head(f"{SUBSCRIPTIONS}/{one.number}", "EventDestination", f"Subscription {one.number}") | {
        "Destination": one.destination,
        "Context": one.context,
        "Protocol": "Redfish",
        "SubscriptionType": "RedfishEvent",
        "EventFormatType": "Event",
        "DeliveryRetryPolicy": "TerminateAfterRetries",
        "RegistryPrefixes": one.prefixes,
        "HttpHeaders": [],
        "VerifyCertificate": False,
        "Status": health(state, "Warning" if one.failed else "OK"),
    }


@get(f"{SUBSCRIPTIONS}/{{}}", kind="any")
def subscription(call: Call) -> Answer:
    """One."""
    found = call.server.subscriptions.all.get(int(call.ids[0])) if call.ids[0].isdecimal() else None
    return _shown(found) if found else None


@post(SUBSCRIPTIONS, kind="any", level=4)
def subscribe(call: Call) -> Answer:
    """Tell somebody from now on."""
    spec = {
        "Destination": str, "Context": str, "Protocol": Choice(("Redfish",)), "HttpHeaders": Items(dict),
        "RegistryPrefixes": Items(str), "EventFormatType": Choice(("Event",)), "EventTypes": Items(str),
        "SubscriptionType": Choice(("RedfishEvent",)), "DeliveryRetryPolicy": Choice(("TerminateAfterRetries",)),
        "VerifyCertificate": Choice((False,)),
    }  # fmt: skip
    found = needed(call.body, "Destination", "Protocol") or check(call.body, spec, {})
    if found:
        return errors(400, found)
    if not call.body["Destination"].startswith(("http://", "https://")):
        return error(400, "PropertyValueFormatError", "Destination is no URL.", call.body["Destination"], "Destination")
    if len(call.server.subscriptions.all) >= MOST:
        return error(503, "EventSubscriptionLimitExceeded", "There is no room for another subscription.")
    headers = {str(k): str(v) for one in call.body.get("HttpHeaders", []) for k, v in one.items()}
    made = call.server.subscriptions.add(
        call.body["Destination"], call.body.get("Context", ""), headers, call.body.get("RegistryPrefixes", [])
    )
    return Reply(201, _shown(made), {"Location": f"{SUBSCRIPTIONS}/{made.number}"})


@patch(f"{SUBSCRIPTIONS}/{{}}", kind="any", level=4)
def change(call: Call) -> Answer:
    """Change what it is called."""
    found = call.server.subscriptions.all.get(int(call.ids[0])) if call.ids[0].isdecimal() else None
    if found is None:
        return missing(call.path)
    wrong = check(call.body, {"Context": str}, _shown(found))
    if wrong:
        return errors(400, wrong)
    found.context = call.body.get("Context", found.context)
    return _shown(found)


@delete(f"{SUBSCRIPTIONS}/{{}}", kind="any", level=4)
def unsubscribe(call: Call) -> Answer:
    """Tell them no more."""
    if call.ids[0].isdecimal() and call.server.subscriptions.remove(int(call.ids[0])):
        return success()
    return missing(call.path)


@post(f"{SERVICE}/Actions/EventService.SubmitTestEvent", kind="any", level=4)
def test_event(call: Call) -> Answer:
    """Send an event that means nothing."""
    text = str(call.body.get("Message", "A test event"))[:200]
    call.server.subscriptions.tell(str(call.body.get("MessageId", "ScsRackLab.1.0.Test"))[:80], text, "OK")
    return success()
