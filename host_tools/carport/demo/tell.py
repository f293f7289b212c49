"""Telling the story: step after step, until its end or the first one that is not as expected."""

import time

from carport.demo.report import Report
from carport.demo.stage import Skipped, Stage, UnexpectedError
from carport.demo.story import STORY, Step
from carport.errors import CarportError


def tell(as_json: bool, story: tuple[tuple[str, Step], ...] = STORY) -> bool:
    """Tell the story; return whether every step was as expected."""
    report = Report(as_json)
    begin_s = time.monotonic()
    with Stage(report) as stage:
        for number, (title, step) in enumerate(story, 1):
            report.begin(number, title)
            try:
                step(stage)
            except Skipped as reason:
                report.end("SKIPPED", reason=str(reason))
            except Exception as error:  # noqa: BLE001 - a fault of the demo's own is told as well
                stage.end_if_signalled()  # which may have ended the emulator as well
                _report_failure(stage, error)
                return False
            else:
                stage.end_if_signalled()
                report.end("ok")
    report.close(
        f"As expected, all of it, in {time.monotonic() - begin_s:.0f} s. Nothing is left."
    )
    return True


def _report_failure(stage: Stage, error: Exception) -> None:
    """Say what was expected, what happened instead, and where the logs are."""
    if isinstance(error, UnexpectedError):
        expected, happened = error.expected, error.happened
    else:
        expected = "that it can be done"
        happened = str(error) if isinstance(error, CarportError) else repr(error)
    logs = str(stage.keep_logs(error))
    *_, last_line = happened.strip().splitlines()
    stage.report.end("FAILED", expected=expected, happened=last_line, logs=logs)
