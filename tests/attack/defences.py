"""The defences, as the lines that are taken out of the sources for the controls."""

from tests.attack.defence import Defence

REPLAY_WINDOW = Defence(
    "replay window",
    {
        "if is_known and not window.is_new(sequence):": "if False:",
        "    if is_known:\n        window.accept(sequence)\n": "",
    },
)
WINDOW_UNKNOWN_AT_BOOT = Defence(
    "window unknown after a reboot",
    {"        if window.is_known:\n            return True\n": "        return True\n"},
)
USE_SERVES_ONCE = Defence(
    "a use of a backup serves once", {" or id_context in self._served:": ":"}
)
COMMAND_IDS = Defence(
    "command ids",
    {
        "if final is not None and final[0] == digest:": "if False:",
        "if command_id <= self._receipts.last_id(key.kid):": "if False:",
    },
)
ECHO = Defence(
    "Echo",
    {
        "        limits = key.principal.limits\n        if limits is not None:\n"
        "            refusal": (
            "        request.is_fresh = True\n"
            "        limits = key.principal.limits\n        if limits is not None:\n"
            "            refusal"
        ),
        "if not request.is_proven and (request.observe": "if False and (request.observe",
    },
)
ECHO_AGE = Defence(
    "Echo's age",
    {
        "return 0 <= second - last_second < _SECONDS": "return True",
        "sha256(head + str(second).encode())": "sha256(head)",
    },
)
REMEMBERED_ANSWERS = Defence(
    "remembered answers", {"answer = self._seen.answer(request.exchange)": "answer = None"}
)
TAG = Defence("tag", {"    if difference:\n": "    if False:\n"})
OWN_SECRETS = Defence(
    "a secret for each key",
    {"secret = extract(master_salt, master_secret)": 'secret = extract(master_salt, b"")'},
)
KEY_FOR_EACH_DIRECTION = Defence(
    "a key for each direction",
    {
        'derive(secret, sender_id, id_context, "Key"': 'derive(secret, b"", id_context, "Key"',
        'derive(secret, recipient_id, id_context, "Key"': 'derive(secret, b"", id_context, "Key"',
    },
)
RST_ENDS_NOTHING = Defence(
    "an RST ends nothing", {"observer.doubt()": "self._observers.drop(observer.request)"}
)
ADDRESS_PROVEN = Defence(
    "an address that is proven",
    {"if not request.is_proven and (request.observe": "if False and (request.observe"},
)
NEWER_THAN_THE_LAST = Defence(
    "aiocoap's order of notifications",
    {
        "unprotected_message.opt.observe = -1 if seqno is None else seqno": (
            "unprotected_message.opt.observe = protected_message.opt.observe"
        )
    },
    ("aiocoap",),
)
ROLES = Defence("roles", {"if not principal.may(segments[0]": "if False and (segments[0]"})
REVOKED_AT_ONCE = Defence(
    "revoking at once", {"self.ring.by_kid if kid not in kids}": "self.ring.by_kid}"}
)
LIMITS_OF_GUESTS = Defence(
    "limits of guests",
    {"        if self._needs_time:\n": '        return ""\n        if self._needs_time:\n'},
)
PAIRING_BY_CABLE = Defence(
    "pairing by cable only", {"if request.code != POST or not request.on_cable:": "if False:"}
)
PAIRING_CLOSED = Defence(
    "pairing is closed", {"if not self._keys.pairing.is_open(request.now_ms):": "if False:"}
)
ONE_PROVISIONAL_ID = Defence(
    "one id for all that is provisional",
    {
        "self.pairing.kid or self.ring.take_kid()": "self.ring.take_kid()",
        "1 if number < 0x100 else 2 if number < 0x10000 else 4": "2",
    },
)
CHALLENGED_ONCE = Defence(
    "each number is challenged once",
    {
        "if challenged is not None and not challenged.is_new(": "if False and not (",
        "key.challenged.accept(sequence)": "pass",
    },
)
BUDGET_OF_CHALLENGES = Defence(
    "a budget of challenges", {'"""Count a challenge, if it may be sent."""': "return True"}
)
BUDGET_OF_STRANGERS = Defence(
    "a budget for strangers",
    {
        "if now_ms >= known.unverified.shut_ms:": "if True:",
        '"""Count a datagram that did not verify; tell whether it may be answered."""': (
            "return True"
        ),
    },
)
DROPPED_SOON = Defence("dropping soon", {"for _ in range(_MAX_DROPPED):": "for _ in range(1):"})
ASKING_OFTEN = Defence(
    "asking again soon",
    {
        "tuning = Tuning(_REPEATS_OF_ONE if is_once else _REPEATS)": (
            "tuning = aiocoap.TransportTuning()"
        )
    },
    ("carport",),
)
BUDGET_OF_A_KEY = Defence(
    "a budget for each key", {"if not budget.take(now_ms, _KEY": "if False and (now_ms, _KEY"}
)
VERIFIED_BEFORE_THE_WINDOW_MOVES = Defence(
    "verifying before the window moves",
    {
        "    plaintext = open_(client.cipher, nonce, associated_data, ciphertext)\n"
        "    if is_known:\n        window.accept(sequence)\n": (
            "    if is_known:\n        window.accept(sequence)\n"
            "    plaintext = open_(client.cipher, nonce, associated_data, ciphertext)\n"
        )
    },
)
FAIR_SNAPSHOTS = Defence(
    "fair shares of the snapshots",
    {
        "if not each.is_owners or request.now_ms - each.made_ms > _READ_MS": "if True",
        "if len(own) == _SNAPSHOTS_EACH:": "if False:",
    },
)
FAIR_OBSERVERS = Defence(
    "fair shares of the observers",
    {
        "        if asker.rank < OWNER:\n            own = ": (
            "        if len(others) >= MAX_OBSERVERS:\n            return None\n"
            "        if False:\n            own = "
        )
    },
)
NO_LARGER_THAN_ASKED = Defence(
    "no answer larger than the request",
    {
        "        if not request.is_proven:\n            code, options, payload = answer\n": (
            "        if False:\n            code, options, payload = answer\n"
        ),
        "room = request.size - 4 - len(request.token)": "room = 1000",
    },
)
CHECKSUM_OF_FRAMES = Defence(
    "checksum of frames", {"elif fcs(content) != GOOD_FCS:": "elif False:"}
)
MALFORMED_IS_EXPECTED = Defence(
    "errors of the decoder are expected",
    {
        '        except DecodeError:\n            counters["malformed"] += 1\n'
        "            is_confirmable": (
            '        except BusyError:\n            counters["malformed"] += 1\n'
            "            is_confirmable"
        )
    },
)
OWN_SUBNET_ONLY = Defence(
    "the board's own subnet only",
    {"if self._has(source) and self._receive_datagram(": "if self._receive_datagram("},
)
FRESH_UPDATES = Defence(
    "Echo, of updates",
    {
        "        if not request.is_fresh:\n            return CHALLENGE\n        writer.begin": (
            "        writer.begin"
        ),
        "        if not request.is_fresh:\n            return CHALLENGE\n        if not writer": (
            "        if not writer"
        ),
    },
)
OWN_BOARD_ONLY = Defence(
    "packages of this board only",
    {"if head.board != writer.board:": "if False:", "if head.mpy != writer.mpy:": "if False:"},
)
NO_OLDER_ONES = Defence(
    "older packages by cable only", {"is_forced = request.on_cable and": "is_forced ="}
)
