"""A model's files are replaced, deleted or broken while it is being served."""

from __future__ import annotations

import shutil
from pathlib import Path

from clients import Crowd, ask
from models import write_model
from servers import GunicornServer
from waiting import wait_until

TALES = "/tales/g/once/40?random_state=7"
FLOW = "/flow/g/once/40?random_state=7"
BLEND = f"{FLOW}&mix=flow:0.5,tales:0.5"
OLD_SEED, NEW_SEED = 11, 12


def test_replaced_model_answers_with_the_old_or_the_new_text_and_nothing_else(
    tmp_path: Path,
) -> None:
    write_model(tmp_path, "tales", seed=OLD_SEED)
    with GunicornServer(tmp_path) as server:
        old = ask(server, TALES).text
        write_model(tmp_path, "tales", seed=NEW_SEED)
        new = wait_until(lambda: _changed(server, old), what="the new files are served")
        with Crowd(server, [TALES] * 6) as crowd:
            for weights, text in [(OLD_SEED, old), (NEW_SEED, new)] * 3:
                write_model(tmp_path, "tales", seed=weights)
                wait_until(lambda text=text: ask(server, TALES).text == text)
                count = crowd.count(TALES)
                wait_until(lambda count=count: crowd.count(TALES) > count)
        assert not crowd.errors
        assert crowd.statuses(TALES) == {200}
        assert crowd.texts(TALES) <= {old, new}


def _changed(server: GunicornServer, old: str) -> str:
    text = ask(server, TALES).text
    return text if text != old else ""


def test_deleted_model_is_a_404_and_the_others_go_on(tmp_path: Path) -> None:
    write_model(tmp_path, "tales", seed=OLD_SEED)
    write_model(tmp_path, "flow", stateful=True)
    with GunicornServer(tmp_path) as server:
        old = ask(server, TALES).text
        with Crowd(server, [TALES] * 3 + [FLOW] * 3) as crowd:
            wait_until(lambda: crowd.count(TALES) > 3 and crowd.count(FLOW) > 3)
            shutil.rmtree(tmp_path / "tales")
            wait_until(lambda: crowd.count(TALES, 404) > 3, what="the deleted model is a 404")
            write_model(tmp_path, "tales", seed=OLD_SEED)
            count = crowd.count(TALES)
            wait_until(lambda: crowd.count(TALES) > count + 3, what="it is there again")
        assert not crowd.errors
        # between two deletions of files the folder may hold half a model
        assert crowd.statuses(TALES) <= {200, 404, 500}
        assert crowd.texts(TALES) == {old}
        assert crowd.statuses(FLOW) == {200}
        assert len(crowd.texts(FLOW)) == 1


def test_broken_model_says_which_file_and_the_others_go_on(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "tales", seed=OLD_SEED)
    write_model(tmp_path, "flow", stateful=True)
    data = folder / "tales.tfl.data-00000-of-00001"
    with GunicornServer(tmp_path) as server:
        whole = data.read_bytes()
        old = ask(server, TALES).text
        with Crowd(server, [TALES] * 3 + [FLOW] * 3) as crowd:
            wait_until(lambda: crowd.count(TALES) > 3 and crowd.count(FLOW) > 3)
            data.write_bytes(whole[:-1])
            wait_until(lambda: crowd.count(TALES, 500) > 3, what="the broken model is a 500")
            broken = ask(server, TALES)
            assert data.name in broken.text
            assert str(tmp_path) not in broken.text and "Traceback" not in broken.text
            data.write_bytes(whole)
            count = crowd.count(TALES)
            wait_until(lambda: crowd.count(TALES) > count + 3, what="it is whole again")
        assert not crowd.errors
        assert crowd.texts(TALES) == {old}
        assert crowd.statuses(FLOW) == {200}
        assert len(crowd.texts(FLOW)) == 1


def test_a_blend_follows_its_members_and_fails_alone_with_one(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "tales", seed=OLD_SEED)
    write_model(tmp_path, "flow", stateful=True)
    data = folder / "tales.tfl.data-00000-of-00001"
    with GunicornServer(tmp_path) as server:
        whole = data.read_bytes()
        old = ask(server, BLEND).text
        with Crowd(server, [BLEND] * 3 + [FLOW] * 3) as crowd:
            wait_until(lambda: crowd.count(BLEND) > 3 and crowd.count(FLOW) > 3)
            data.write_bytes(whole[:-1])
            wait_until(lambda: crowd.count(BLEND, 500) > 3, what="its broken member is a 500")
            assert data.name in ask(server, BLEND).text
            data.write_bytes(whole)
            count = crowd.count(BLEND)
            wait_until(lambda: crowd.count(BLEND) > count + 3, what="it is whole again")
        assert not crowd.errors
        assert crowd.texts(BLEND) == {old}
        assert crowd.statuses(FLOW) == {200}
        assert len(crowd.texts(FLOW)) == 1
        write_model(tmp_path, "tales", seed=NEW_SEED)
        wait_until(lambda: ask(server, BLEND).text != old, what="the new files are in the blend")
