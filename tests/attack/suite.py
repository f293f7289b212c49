"""All attacks, in the order in which they are shown."""

from tests.attack import (
    amplifying,
    crowding,
    exhausting,
    flooding,
    forging,
    garbage,
    observing,
    outside,
    pairing,
    reflecting,
    replaying,
    rolling_back,
    stale_keys,
    updating,
)
from tests.attack import defences as no
from tests.attack.attack import Attack, Outcome
from tests.attack.core_stage import CoreStage
from tests.attack.stage import Stage

_RECORDED = (
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
        "duplicates, reordered",
        "an unlock too many",
        "emulator",
        replaying.reordered,
        (no.REPLAY_WINDOW, no.COMMAND_IDS, no.REMEMBERED_ANSWERS),
    ),
    Attack(
        "held-back unlock",
        "an unlock 6 s late",
        "emulator",
        replaying.held_back,
        (no.ECHO_AGE,),
    ),
    Attack(
        "held-back for long",
        "an unlock up to a day late",
        "core",
        replaying.held_back_long,
        (no.ECHO_AGE,),
    ),
)
_FORGED = (
    Attack(
        "every bit flipped",
        "a sealed answer",
        "emulator",
        forging.flipped_bits,
        (no.TAG,),
        (no.BUDGET_OF_STRANGERS,),
    ),
    Attack(
        "wrong key",
        "a sealed answer",
        "emulator",
        forging.wrong_key,
        (no.OWN_SECRETS,),
        (no.BUDGET_OF_STRANGERS,),
    ),
    Attack(
        "reflection",
        "a message believed",
        "core",
        reflecting.reflect,
        (no.KEY_FOR_EACH_DIRECTION, no.REPLAY_WINDOW),
    ),
    Attack(
        "forged source: RST, ACK",
        "the owner's watch ends",
        "emulator",
        observing.cut_off,
        (no.RST_ENDS_NOTHING,),
    ),
    Attack(
        "Observe hijack",
        "a notification to a stranger",
        "emulator",
        observing.hijacked,
        (no.ADDRESS_PROVEN,),
    ),
    Attack(
        "old news",
        "an old state shown as new",
        "emulator",
        observing.told_old_news,
        (no.NEWER_THAN_THE_LAST,),
    ),
)
_KEYS = (
    Attack(
        "too low a role",
        "2.xx",
        "emulator",
        forging.too_low_a_role,
        (no.ROLES,),
    ),
    Attack(
        "revoked key",
        "an answer, a notification",
        "core",
        stale_keys.revoked,
        (no.REVOKED_AT_ONCE,),
    ),
    Attack(
        "guest out of time",
        "an unlock",
        "core",
        stale_keys.out_of_time,
        (no.LIMITS_OF_GUESTS,),
    ),
    Attack(
        "recovery replayed",
        "one more key",
        "core",
        stale_keys.replayed_recovery,
        (no.USE_SERVES_ONCE,),
    ),
    Attack(
        "uninvited pairing",
        "a key",
        "emulator",
        pairing.uninvited,
        (no.PAIRING_BY_CABLE, no.PAIRING_CLOSED),
    ),
)
_WORN_OUT = (
    Attack(
        "key ids worn out",
        "no owner can pair",
        "core",
        pairing.worn_out,
        (no.ONE_PROVISIONAL_ID,),
    ),
    Attack(
        "numbers burned",
        "a write, or few years left",
        "core",
        exhausting.burn_numbers,
        (no.CHALLENGED_ONCE, no.BUDGET_OF_CHALLENGES),
    ),
    Attack(
        "highest number",
        "the owner's are too old",
        "core",
        exhausting.highest_number,
        (no.VERIFIED_BEFORE_THE_WINDOW_MOVES,),
    ),
    Attack(
        "half-read transfers",
        "the owner's read fails",
        "emulator",
        crowding.half_read,
        (no.FAIR_SNAPSHOTS,),
    ),
    Attack(
        "all observers",
        "the owner's watch is refused",
        "emulator",
        crowding.all_observers,
        (no.FAIR_OBSERVERS,),
    ),
)
_UPDATES = (
    Attack(
        "update replayed",
        "a byte of the slots",
        "core",
        updating.recorded,
        (no.REPLAY_WINDOW, no.FRESH_UPDATES),
    ),
    Attack(
        "update held back",
        "a byte of the slots",
        "core",
        updating.held_back,
        (no.ECHO_AGE,),
    ),
    Attack(
        "update without a right",
        "a byte of the slots",
        "core",
        updating.without_a_right,
        (no.ROLES,),
    ),
    Attack(
        "update without a key",
        "a byte of the slots",
        "core",
        updating.without_a_key,
        (no.OWN_SECRETS,),
    ),
    Attack(
        "another board's update",
        "a byte of the slots",
        "core",
        updating.for_another_board,
        (no.OWN_BOARD_ONLY,),
    ),
    Attack(
        "older, with ?force",
        "a byte of the slots",
        "core",
        updating.older,
        (no.NO_OLDER_ONES,),
    ),
)
_FLOODS = (
    Attack(
        "from another network",
        "an answer",
        "emulator",
        outside.from_another_network,
        (no.OWN_SUBNET_ONLY,),
        network="127.77.0.1/24",
    ),
    Attack(
        "amplification",
        "more bytes out than in",
        "emulator",
        amplifying.amplify,
        (no.NO_LARGER_THAN_ASKED,),
    ),
    Attack(
        "noise on the cable",
        "a message, or no service",
        "emulator",
        garbage.cable_noise,
        (no.CHECKSUM_OF_FRAMES,),
    ),
    Attack(
        "malformed datagrams",
        "any trace of them",
        "emulator",
        garbage.malformed_datagrams,
        (no.MALFORMED_IS_EXPECTED,),
        (no.BUDGET_OF_STRANGERS,),
    ),
    Attack(
        "floods at full speed",
        "commands over 5 s",
        "emulator",
        flooding.flood_it,
        (no.BUDGET_OF_STRANGERS, no.DROPPED_SOON, no.ASKING_OFTEN),
        is_timed=True,
    ),
)
_LIMITS = (
    Attack(
        "stolen key, renumbered",
        "a byte of the slots",
        "core",
        updating.renumbered,
        (),
        limit="an owner's key brings any firmware",
    ),
    Attack(
        "flash rolled back",
        "what was ended is back",
        "core",
        rolling_back.roll_back,
        (),
        limit="whoever writes the flash owns the board",
    ),
)
ATTACKS = _RECORDED + _FORGED + _KEYS + _WORN_OUT + _UPDATES + _FLOODS + _LIMITS


def run(attack: Attack, is_quick: bool) -> Outcome:
    """Try an attack on a gateway of its own, which may be left as it is then."""
    if attack.where == "core":
        return attack.run(CoreStage(), is_quick)
    with Stage(attack.network) as stage:
        outcome = attack.run(stage, is_quick)
        outcome.errors = stage.traces()
        return outcome
