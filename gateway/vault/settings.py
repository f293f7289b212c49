"""Settings: the gateway's name, the region it is in, its Wi-Fi, and how it saves power.

The region is what the owner declares (ISO 3166-1 alpha-2): a board cannot know where it is. A key
that was made for no region in particular counts for the one that was declared first, its home:
to carry the board elsewhere, and say so, opens nothing to it.

The board reads all but the region when it starts: a change of them wants a restart.

Durable form: record "settings" = {"name", "region", "home", "wifi": {"ssid", "password"},
"ap": {"password"}, "power": {"mode", "interval_s", "low_mv"}}, as far as they are set.
"""

from gateway import cbor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gateway.vault.records import Records

_RECORD = "settings"


class Settings:
    """What is set; `name` is the gateway's unless another was given."""

    def __init__(self, records: "Records", name: str) -> None:
        self._records = records
        self._default_name = name
        stored = records.get(_RECORD)
        self._values: dict[str, Any] = {} if stored is None else cbor.decode(stored)

    @property
    def name(self) -> str:
        """The gateway's name."""
        name: str = self._values.get("name", self._default_name)
        return name

    @property
    def region(self) -> "str | None":
        """Where the board is, as its owner declared."""
        return self._values.get("region")

    @property
    def home(self) -> "str | None":
        """The region that was declared first."""
        return self._values.get("home")

    @property
    def wifi(self) -> "dict[str, str] | None":
        """The network to join: ssid and password."""
        return self._values.get("wifi")

    @property
    def ap(self) -> "dict[str, str] | None":
        """The board's own access point, which is called as the gateway: its password."""
        return self._values.get("ap")

    @property
    def power(self) -> "dict[str, Any] | None":
        """How the board saves power: mode ("reachable" or "stored"), interval_s, low_mv."""
        return self._values.get("power")

    def needs_restart(self, values: "dict[str, Any]") -> bool:
        """Tell whether these values differ in what the board reads when it starts."""
        return any(name != "region" and self._values.get(name) != values[name] for name in values)

    def change(self, values: "dict[str, Any]") -> int:
        """Set what is named, remove what is None, leave the rest; return the change's number."""
        for name in values:
            if values[name] is None:
                self._values.pop(name, None)
            else:
                self._values[name] = values[name]
        region = self.region
        if region is not None and self.home is None:
            self._values["home"] = region
        return self._records.put(_RECORD, cbor.encode(self._values))
