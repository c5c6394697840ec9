"""A pupil's whole path, from the QR code to a page that writes at home."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path

import pytest
from makers import docx
from needs import needs_documents, needs_training
from pages import OTHER_HOST, PHONE, ROOT, text_of
from playwright.sync_api import Browser
from pupil import BASE, path
from servers import GunicornServer

from simpleml.web.classroom.store import ClassStore

TEXT = ROOT / "docs" / "enseignant.md"
BEGINNING = "Il était une fois "


def invitation(server: GunicornServer, host: str) -> str:
    """The link that the teacher's QR code holds, on a machine of that name."""
    port = server.base_url.rpartition(":")[2]
    key = ClassStore(server.models_dir).open().teacher
    headers = {"Host": f"{host}:{port}", "X-API-Key": key}
    asked = urllib.request.Request(f"{server.base_url}/api/class/invitation", headers=headers)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return str(json.load(answer)["link"])


@needs_training
@needs_documents
@pytest.mark.skipif(not (ROOT / "ML" / BASE).exists(), reason="ML/francais is not here")
def test_from_the_qr_code_to_a_page_that_writes_at_home(browser: Browser, tmp_path: Path) -> None:
    models, home = tmp_path / "ML", tmp_path / "home"
    home.mkdir()
    shutil.copytree(ROOT / "ML" / BASE, models / BASE)
    document = docx(*TEXT.read_text("utf-8").split("\n\n"))
    with GunicornServer(models, env={"SIMPLEML_CLASS": "1"}) as server:
        link = invitation(server, OTHER_HOST)
        assert link.startswith(f"http://{OTHER_HOST}:") and "/class#k=" in link
        context = browser.new_context(locale="fr-FR", accept_downloads=True, **PHONE)
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        seen = []
        for name in path(page, link, document, name="mon-conte", epochs=1, home=home):
            seen.append(name)
            wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, name
            if name == "learns":
                card = json.loads((models / "mon-conte" / "mon-conte.json").read_text("utf-8"))
                assert card["training"]["begun_from"]["name"] == BASE
        assert seen[-1] == "home" and len(seen) == 7
        assert page.url.startswith("file://")
        assert text_of(page).startswith(BEGINNING) and len(text_of(page)) == len(BEGINNING) + 120
        context.close()
        assert problems == []
