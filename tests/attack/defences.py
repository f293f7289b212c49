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
    "window unknown after a reboot", {"if not window.is_known:": "if False:"}
)
COMMAND_IDS = Defence(
    "command ids",
    {
        "if final is not None and final[0] == digest:": "if False:",
        "if command_id <= self._receipts.last_id(key.kid):": "if False:",
    },
)
ECHO = Defence("Echo", {"        if not request.is_fresh:\n            return CHALLENGE\n": ""})
ECHO_AGE = Defence("Echo's age", {"now_ms - self._echo_ms <= _ECHO_FRESH_MS": "True"})
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
ROLES = Defence("roles", {"if not principal.may(segments[0]": "if False and (segments[0]"})
