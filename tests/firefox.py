"""A real Firefox by its own remote protocol, Marionette: JSON over a socket, nothing to install.

Protocol: https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

from waiting import wait_until

FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
_PREFERENCES = """\
user_pref("marionette.port", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("app.normandy.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
"""


class Firefox:
    """A window of a fresh profile in `folder`."""

    def __init__(self, folder: Path) -> None:
        assert FIREFOX
        (folder / "user.js").write_text(_PREFERENCES)
        self._process = subprocess.Popen(
            [FIREFOX, "--headless", "--no-remote", "--marionette", "--profile", str(folder)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        port = folder / "MarionetteActivePort"
        wait_until(lambda: port.exists() and bool(port.read_text().strip()), seconds=60)
        self._socket = socket.create_connection(("127.0.0.1", int(port.read_text())), timeout=120)
        self._file = self._socket.makefile("rb")
        self._read()  # its greeting
        self._number = 0
        self.version = self.call("WebDriver:NewSession", {})["capabilities"]["browserVersion"]
        self.call("WebDriver:SetTimeouts", {"script": 120_000, "pageLoad": 120_000})

    def call(self, command: str, parameters: dict[str, Any]) -> Any:
        """Run a command of the protocol and return its result."""
        self._number += 1
        message = json.dumps([0, self._number, command, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def open(self, address: str) -> None:
        self.call("WebDriver:Navigate", {"url": address})

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, awaited."""
        script = f"""
            const done = arguments[arguments.length - 1];
            Promise.resolve({expression})
              .then((value) => done([value]), (error) => done([null, String(error)]));
        """
        asked = {"script": script, "args": [], "sandbox": None}  # in the page's own world
        answer = self.call("WebDriver:ExecuteAsyncScript", asked)
        value, *error = answer["value"]
        assert not error, error[0]
        return value

    def close(self) -> None:
        self._file.close()
        self._socket.close()
        self._process.terminate()
        self._process.wait(30)

    def _read(self) -> Any:
        length = b""
        while (byte := self._file.read(1)) != b":":
            assert byte, "Firefox closed the connection"
            length += byte
        return json.loads(self._file.read(int(length)))
