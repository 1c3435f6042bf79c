"""The progress line and the metrics of a run, and what a run says when it goes wrong."""

import json
from types import SimpleNamespace

import pytest

from qreasoning.training.progress import Progress, read_metrics

LOGS = {
    "reward": 1.2,
    "rewards/format/mean": 0.75,
    "rewards/reasoning/mean": None,
    "frac_reward_zero_std": 0.125,
    "num_tokens": 5000.0,
    "kl": 0.0123,
    "completions/clipped_ratio": 0.2,
}


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(value=100.0)
    monkeypatch.setattr("qreasoning.training.progress.time.monotonic", lambda: now.value)
    return now


def _progress(run, said):
    rows = [{"step": 5, "status": status} for status in ("ok", "ok", "ok", "missing rating")]
    return Progress(run, ["format", "reasoning"], rows, said.append)


def _state(step, tokens=0):
    return SimpleNamespace(
        global_step=step, max_steps=65, num_input_tokens_seen=tokens, is_world_process_zero=True
    )


@pytest.mark.parametrize(("beta", "kl"), [(0.0, ""), (0.04, ", KL 0.0123")])
def test_progress_line_says_how_the_run_goes(tmp_path, clock, beta, kl):
    said = []
    progress = _progress(tmp_path, said)
    progress.on_train_begin(None, _state(0, 1000), None)
    clock.value += 10
    progress.on_log(SimpleNamespace(beta=beta), _state(5), None, logs=dict(LOGS))
    # 4,000 tokens in 10 s; 5 steps took 10 s, so 60 more take 2 minutes.
    assert said == [
        "step 5 of 65: format 0.75, 75% readable, 12% of groups without spread"
        f"{kl}, 400 tokens/s, 2.0 min left"
    ]


def test_progress_warns_once_and_keeps_the_warning_with_the_metrics(tmp_path, clock):
    said = []
    progress = _progress(tmp_path, said)
    progress.on_train_begin(None, _state(0), None)
    for step in range(1, 8):
        clock.value += 1
        progress.on_log(SimpleNamespace(beta=0), _state(step), None, logs=dict(LOGS))
    warnings = [text for text in said if text.startswith("Warning")]
    assert [text.partition(":")[0] for text in warnings] == ["Warning, step 4"] * 2
    lines = read_metrics(tmp_path)
    assert [line["step"] for line in lines if "warnings" in line] == [4]
    assert set(lines[3]["warnings"]) == {"format", "cut"}

    resumed = _progress(tmp_path, said)
    resumed.on_train_begin(None, _state(7), None)
    clock.value += 1
    resumed.on_log(SimpleNamespace(beta=0), _state(8), None, logs=dict(LOGS))
    assert len([text for text in said if text.startswith("Warning")]) == 2
    assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 8
