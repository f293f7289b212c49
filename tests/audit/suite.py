"""All checks, in the order in which they are shown."""

from tests.audit import commands, erasing, host_tool, leaving, plants, routed, searching
from tests.audit.check import Check

CHECKS = (
    Check(
        "flash, searched",
        "no secret in clear outside the key partition",
        "flash blocks",
        searching.search_flash,
        (plants.RECORDS_AS_THEY_ARE, plants.BLOCKS_AS_THEY_ARE, plants.ROOT_IN_A_FILE),
    ),
    Check(
        "erased",
        "no block opens any more",
        "blocks",
        erasing.erase,
        (plants.OLD_KEYS_STAY,),
    ),
    Check(
        "the days before",
        "a copy of the flash opens that day alone",
        "blocks of before",
        erasing.days_before,
        (plants.OLD_KEYS_STAY, plants.KEYS_THAT_NEVER_CHANGE),
    ),
    Check(
        "a day at home",
        "nothing leaves, nothing speaks first",
        "packets",
        leaving.a_day,
        (
            plants.DATAGRAM,
            plants.DATAGRAM_6,
            plants.NAME,
            plants.TIME,
            plants.CONNECTION,
            plants.ON_THE_LAN,
        ),
        needs_network=True,
    ),
    Check(
        "through a router",
        "not a byte comes back, even with a key",
        "requests",
        routed.through_a_router,
        (plants.ANY_SOURCE,),
        needs_network=True,
    ),
    Check(
        "the WAN cut",
        "commands end as with it",
        "commands",
        commands.wan_cut,
        (plants.CLOUD,),
        needs_network=True,
    ),
    Check(
        "the host tool",
        "contacts its gateway, and the link to find it",
        "packets",
        host_tool.contacts,
        (plants.NEW_VERSION,),
        needs_network=True,
    ),
)
