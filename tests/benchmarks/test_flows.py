"""What the benchmark of the flows says of small ones, and that its sizes are those of the published code."""

from __future__ import annotations

import json
from pathlib import Path

import flows
import pytest
import torch
import typer
from flows import SIZES, Figures, Size, Trial, live_over_depth
from live_memory import saved_bytes
from typer.testing import CliRunner

PUBLISHED = {
    "glow-affine": 11_057_616,
    "glow-additive": 9_508_656,
    "full_glow-64": 8_097_936,
    "full_glow-128": 31_239_504,
    "dual_glow-64": 4_830_852,
    "c_glow-v1": 7_782_636,
    "c_glow-v2": 6_956_892,
    "c_glow-authors": 38_407_596,
    "hierarchy_flow-128": 1_017_362,
    "hierarchy_flow-256": 1_017_362,
}
"""Parameters of the published implementations at the sizes."""

TINY = {
    "glow": Size("glow", "8x8", {"n_flow": "{k}", "n_block": "2", "hidden": "8", "affine": "true"}, 2, batch=2),
    "full_glow": Size("full_glow", "16x16", {"n_flow": "[{k}]", "hidden": "8"}, 2),
    "dual_glow": Size("dual_glow", "8x8", {"n_flow": "[{k}, {k}]", "width": "8"}, 2),
    "c_glow": Size(
        "c_glow",
        "16x16",
        {
            "flow_depth": "{k}",
            "num_levels": "1",
            "x_hidden_channels": "4",
            "y_hidden_channels": "8",
            "init": "orthogonal",
        },
        2,
    ),
}


@pytest.mark.parametrize("name", SIZES)
def test_a_size_has_the_published_number_of_parameters(name: str) -> None:
    with torch.device("meta"):
        method = SIZES[name].build(SIZES[name].config())
    assert sum(parameter.numel() for parameter in method.parameters()) == PUBLISHED[name]


@pytest.mark.parametrize("method", TINY)
def test_memory_is_flat_over_depth_where_the_flow_runs_backwards(method: str) -> None:
    live = live_over_depth(TINY[method], "reversible")
    assert max(live) < 1.1 * min(live)
    first, *_, last = live_over_depth(TINY[method], "plain")
    assert last > 2 * first


@pytest.mark.parametrize("method", TINY)
def test_the_ways_differ_in_what_they_hold_alone(method: str) -> None:
    figures = {}
    for way in TINY[method].ways():
        trial = Trial(TINY[method], way, depth=8)
        figures[way] = (trial.parameters, saved_bytes(trial.forward, trial.method.parameters()))
    assert len({parameters for parameters, _ in figures.values()}) == 1
    assert figures["checkpointed"][1] < figures["plain"][1] / 2
    assert figures["reversible"][1] < figures["plain"][1] / 2


def test_ratios_are_to_our_plain_step_and_a_size_is_named_once() -> None:
    plain = Figures("glow-affine", "plain", 10_000, 0.1, 0.5, 2**20, 3 * 2**20)
    other = Figures("glow-affine", "reference", 10_000, 0.1, 0.6, 2**21, 2**22)
    first, second = flows.told([plain, other])
    assert (first["size"], first["x plain"], first["live MiB"]) == ("glow-affine", "1.00", "3.0")
    assert (second["size"], second["x plain"], second["saved MiB"]) == ("", "1.20", "2.0")


def test_figures_written_are_shown_beside_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "tiny", TINY["glow"])
    app, file = typer.Typer(), tmp_path / "figures.json"
    app.command()(flows.main)
    quick = ["tiny", "--rounds", "1", "--threads", str(torch.get_num_threads())]
    run = CliRunner().invoke(app, [*quick, "--out", str(file)], catch_exceptions=False)
    assert run.exit_code == 0
    written = json.loads(file.read_text())
    assert [one["way"] for one in written] == ["plain", "checkpointed", "reversible"]
    assert written[0]["live_bytes"] > written[1]["live_bytes"]

    file.write_text(json.dumps([{**written[0], "way": "theirs"}, {**written[0], "size": "glow-affine", "way": "hers"}]))
    run = CliRunner().invoke(app, [*quick, "--no-depth", "--beside", str(file)])
    assert "theirs" in run.output
    assert "hers" not in run.output.replace("theirs", "")
    assert CliRunner().invoke(app, ["tinny"]).exit_code == 2
    file.write_text('[{"size": "tiny"}]')
    assert CliRunner().invoke(app, [*quick, "--beside", str(file)]).exit_code == 2
