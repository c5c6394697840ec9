"""The engine under faults: a step that raises, a queue that is full."""

from __future__ import annotations

from pathlib import Path

from clients import (
    ENDLESS_ALLOWED,
    Answer,
    Asked,
    Crowd,
    Stream,
    ask,
    metric,
    running,
    streams,
    waiting,
)
from servers import ROOT, GunicornServer
from waiting import wait_until

FAILING_CONF = ROOT / "tests" / "faults" / "failing.conf.py"
TALES = "/tales/g/once/40?random_state=7"
FLOW = "/flow/g/once/40?random_state=7"


def test_crashed_step_fails_its_requests_and_the_next_one_works(
    models_dir: Path, tmp_path: Path
) -> None:
    failing = tmp_path / "failing"
    env = {**ENDLESS_ALLOWED, "SIMPLEML_TEST_FAILING": str(failing)}
    with GunicornServer(models_dir, env=env, args=["--config", str(FAILING_CONF)]) as server:
        tales, flow = ask(server, TALES).text, ask(server, FLOW).text
        with Crowd(server, [FLOW] * 3) as crowd:
            with streams(server, ["/tales/g/once/10000000"] * 3) as running_ones:
                whole = Asked(server, "/tales/g/once/10000000")
                wait_until(lambda: running(server) >= 4)
                failing.write_text("tales")
                assert whole.answer().status == 500
                assert "the step was told to fail" not in whole.answer().text
                for one in running_ones:
                    try:
                        one.read_all()  # ends, with whatever was generated before
                    except EOFError:
                        pass
            assert ask(server, TALES).status == 500
            error = ask(server, TALES, headers={"Accept": "application/json"})
            assert '"generation_failed"' in error.text
            failing.unlink()
            for _ in range(5):
                assert ask(server, TALES).text == tales
        assert not crowd.errors
        assert crowd.statuses(FLOW) == {200}
        assert crowd.texts(FLOW) == {flow}
        assert "the step was told to fail" in server.log
        wait_until(lambda: running(server) == 0, what="nothing runs any more")


def test_full_queue_refuses_with_retry_after_and_recovers(models_dir: Path) -> None:
    env = {**ENDLESS_ALLOWED, "SIMPLEML_MAX_ROWS": "2", "SIMPLEML_MAX_WAITING": "3"}
    with GunicornServer(models_dir, env=env) as server:
        with streams(server, ["/tales/g/once/10000000"] * 2):
            queued = [Asked(server, TALES) for _ in range(3)]
            wait_until(lambda: waiting(server) == 3, what="three requests wait")
            for _ in range(200):
                refused = ask(server, TALES)
                assert refused.status == 429
                assert 1 <= int(refused.headers["Retry-After"]) <= 120
                assert ask(server, "/livez").status == 200
            assert ask(server, "/readyz").status == 200
            assert running(server) == 2
        assert {one.answer().status for one in queued} == {200}
        assert len({one.answer().text for one in queued}) == 1
        wait_until(lambda: running(server) == 0 and waiting(server) == 0)
        assert metric(server, "simpleml_requests_rejected_total", reason="queue_full") == 200
        assert ask(server, TALES).text == queued[0].answer().text


def test_requests_whose_time_runs_out_while_waiting_are_504(models_dir: Path) -> None:
    env = {**ENDLESS_ALLOWED, "SIMPLEML_MAX_ROWS": "1"}
    with GunicornServer(models_dir, env=env) as server:
        with streams(server, ["/tales/g/once/10000000"]):
            assert ask(server, f"{TALES}&max_time_ms=200").status == 504
            answer = ask(server, "/tales", {"seed": "once", "size": 40, "max_time_ms": 200})
            assert answer.status == 504
            wait_until(lambda: waiting(server) == 0, what="none waits any more")
        assert ask(server, TALES).status == 200


def test_stream_whose_time_runs_out_ends_with_what_it_has(models_dir: Path) -> None:
    with GunicornServer(models_dir, env=ENDLESS_ALLOWED) as server:
        # 504 where a busy machine drew nothing within the time
        path = "/tales/g/once/10000000?max_time_ms=500"
        text = wait_until(lambda: Stream(server, path).read_all(), what="a stream is cut")
        assert len(text) > len("once")

        def cut() -> Answer | None:
            answer = ask(server, path, headers={"Accept": "application/json"})
            return answer if answer.status == 200 else None

        whole = wait_until(cut, what="a text is cut")
        assert '"truncated_by"' in whole.text and '"time"' in whole.text
