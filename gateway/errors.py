"""What the core raises, and nothing else, when its input is wrong."""


class GatewayError(Exception):
    """The base of every error of the core."""


class DecodeError(GatewayError):
    """Bytes that are not what their format says."""


class EncodeError(GatewayError):
    """A value that its format cannot carry."""


class AuthenticationError(GatewayError):
    """A message whose tag, key or nonce does not verify."""


class ReplayError(GatewayError):
    """A message whose number was seen before, or is too old to tell."""


class NonceError(GatewayError):
    """A message that cannot be sealed without the risk of using a nonce twice."""


class CommandError(GatewayError):
    """A command that the car's profile does not have, or with arguments that it does not allow."""


class BusyError(GatewayError):
    """There is no room for one more now; `wait_s` says when to come again."""

    wait_s = 1
