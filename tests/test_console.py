"""What the command line prints of scores."""

from __future__ import annotations

import json

from i2ibench import console
from i2ibench.protocol import Protocol, Score
from i2ibench.record import Result
from i2ibench.task import Resolution

SIZE = Resolution(64, 64)
RESULT = Result(
    method="ours",
    task="aerial2map@1",
    resolution=SIZE,
    scores=(
        Score(
            name="lpips",
            value=0.5,
            standard_error=0.01,
            interval=(0.48123, 0.5204),
            n=200,
            higher_is_better=False,
            protocol=Protocol(metric="lpips", task="aerial2map@1", resolution=SIZE, n=200),
        ),
        Score(name="fid", value=60.0, n=200, higher_is_better=False),
        Score.not_available("bpd", False, "no likelihood"),
    ),
)


def test_scores_are_shown_with_their_intervals(capsys) -> None:
    console.show_scores(RESULT, as_json=False)
    header, lpips, fid, bpd = capsys.readouterr().out.splitlines()[1:]
    assert "95 % interval" in header
    assert lpips.split() == [
        "lpips",
        "↓",
        "0.5000",
        "0.0100",
        "0.4812",
        "to",
        "0.5204",
        "200",
        RESULT.scores[0].protocol.id,
    ]
    assert fid.split() == ["fid", "↓", "60.0000", "200"]
    assert bpd.split() == ["bpd", "↓", "n/a", "0", "no", "likelihood"]


def test_scores_as_json_are_the_record(capsys) -> None:
    console.show_scores(RESULT, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert Result.model_validate(told) == RESULT
    assert told["scores"][0]["interval"] == [0.48123, 0.5204] and told["scores"][1]["interval"] is None


def test_sentences_have_lines_of_their_own_and_words_share_one(capsys) -> None:
    console.show({"presets": ("paper", "small"), "deviations": ("as [published]", "or not")}, as_json=False)
    presets, *deviations = (line.strip() for line in capsys.readouterr().out.splitlines())
    assert presets.split() == ["presets", "paper,", "small"]
    assert deviations[0].split(maxsplit=1) == ["deviations", "- as [published]"]
    assert deviations[1] == "- or not"
