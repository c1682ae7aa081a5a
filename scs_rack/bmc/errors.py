"""What can go wrong with a BMC, one class a kind, so that nothing is merged into "it failed"."""

from scs_rack.errors import ScsRackError, Unreachable


class BmcError(ScsRackError):
    """Base of all failures of one BMC."""

    transient = False
    """True when the same request may succeed a little later; nothing was changed by it."""
    status = 0
    """HTTP status or IPMI completion code that the BMC answered with; 0 where it did not."""
    identifier = ""
    """The BMC's own name of what is wrong: the message identifier of Redfish."""


class NoAnswer(BmcError, Unreachable):
    """Nothing came back within the time limit."""

    hint = "is the BMC powered, cabled to the out-of-band switch, and its address right?"


class PortClosed(NoAnswer):
    """The address answers, but nothing listens on the protocol's port."""

    hint = "the protocol is switched off in the BMC, or the rack file states the wrong one"


class AnswerLost(NoAnswer):
    """An action was sent once and no answer came: it may or may not have happened. It was not sent again."""

    hint = "read the power state before acting again"


class LoginFailed(BmcError):
    """The BMC answers, but does not let us in; never tried again, so that no account is locked."""


class WrongPassword(LoginFailed):
    """The password is wrong."""

    hint = "the secret bmc_<server> must hold the BMC's password; some BMCs answer the same for an unknown user"


class WrongUser(LoginFailed):
    """The BMC does not know the user name."""

    hint = "servers.<name>.bmc.user in the rack file states the user"


class PrivilegeTooLow(LoginFailed):
    """The user may not do this."""

    hint = "scs-rack needs the role administrator"


class SuiteRefused(BmcError):
    """The BMC accepts none of the cipher suites 17 and 3."""

    hint = "scs-rack does not use weaker suites; suite 0 needs no password at all"


class CertificateRefused(BmcError):
    """The certificate is neither signed by the rack's CA nor the one that was pinned."""

    hint = "servers.<name>.bmc.fingerprint pins a certificate by its SHA-256; check the BMC before changing it"


class Busy(BmcError):
    """The BMC can't do this right now (no free session, in POST, overloaded)."""

    transient = True
    hint = "try again in a minute"


class Refused(BmcError):
    """The BMC understood the request and says no."""


class NotSupported(Refused):
    """The BMC does not know the request."""


class ProtocolLacks(NotSupported):
    """The protocol in use has no such function; another one may have it."""


class NonsenseAnswer(BmcError):
    """What came back follows no specification."""

    hint = "firmware update or a reset of the BMC may help; the answer was not used"
