"""All attacks, in the order in which they are shown."""

from tests.attack import defences as no
from tests.attack import forging, replaying
from tests.attack.attack import Attack

ATTACKS = (
    Attack(
        "replay",
        "a second unlock",
        "emulator",
        replaying.replay,
        (no.REPLAY_WINDOW, no.COMMAND_IDS),
    ),
    Attack(
        "replay after a reboot",
        "a second unlock",
        "emulator",
        replaying.replay_after_reboot,
        (no.WINDOW_UNKNOWN_AT_BOOT, no.COMMAND_IDS, no.ECHO),
    ),
    Attack(
        "held-back unlock",
        "an unlock 6 s late",
        "emulator",
        replaying.held_back,
        (no.ECHO_AGE,),
    ),
    Attack(
        "duplicates, reordered",
        "an unlock too many",
        "emulator",
        replaying.reordered,
        (no.REPLAY_WINDOW, no.COMMAND_IDS, no.REMEMBERED_ANSWERS),
    ),
    Attack(
        "every bit flipped",
        "an answer, or an unlock",
        "emulator",
        forging.flipped_bits,
        (no.TAG,),
    ),
    Attack(
        "wrong key",
        "an answer, or an unlock",
        "emulator",
        forging.wrong_key,
        (no.OWN_SECRETS,),
    ),
    Attack("too low a role", "2.xx", "emulator", forging.too_low_a_role, (no.ROLES,)),
)
