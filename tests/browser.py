"""Headless Chromium for tests that look at pages."""

from __future__ import annotations

import base64
import itertools
import json
import re
import shutil
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

CHROMIUM = shutil.which("chromium")
DRAWN = "document.documentElement?.dataset.drawn"


class Browser:
    """Headless Chromium, driven through the DevTools protocol."""

    def __init__(self, root: Path) -> None:
        flags = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
        flags += " disable-component-update disable-sync hide-scrollbars remote-debugging-port=0"
        self._process = subprocess.Popen(
            [CHROMIUM, *(f"--{flag}" for flag in flags.split()), f"--user-data-dir={root}", "about:blank"],
            stderr=subprocess.PIPE,
            text=True,
        )
        found = next(filter(None, (re.search(r"ws://(127\.0\.0\.1:\d+)/", line) for line in self._process.stderr)))
        # Somebody must read what Chromium says, or it waits for room in the pipe.
        threading.Thread(target=self._process.stderr.read, daemon=True).start()
        with urllib.request.urlopen(f"http://{found[1]}/json") as answer:
            target = next(item for item in json.load(answer) if item["type"] == "page")
        self._socket = connect(target["webSocketDebuggerUrl"], max_size=None)
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=60))
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])
            self.events.append(message)

    def run(self, script: str) -> Any:
        answer = self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, url: str, width: int = 1280, height: int = 900, scheme: str = "light", ready: str = DRAWN) -> None:
        """Open a page and wait until the script `ready` is true of it: its charts are drawn."""
        # An empty page in between: what is looked for must not be found in the page before.
        self.command("Page.navigate", url="about:blank")
        self.until("location.href === 'about:blank' && document.readyState === 'complete'")
        self.events.clear()
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.command("Page.navigate", url=url)
        self.until(ready)

    def until(self, script: str) -> Any:
        for _ in range(300):
            value = self.run(script)
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"this did not come true: {script}; {self.problems()}")

    def hover(self, selector: str, number: int = 0) -> None:
        script = f"(() => {{const r = document.querySelectorAll({selector!r})[{number}].getBoundingClientRect();"
        x, y = self.run(f"{script} return [r.x + r.width / 2, r.y + r.height / 2]}})()")
        for step in (0, 1):
            self.command("Input.dispatchMouseEvent", type="mouseMoved", x=x + step, y=y)

    def key(self, name: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=name, code=name)

    def problems(self) -> list[Any]:
        """Errors and messages on the console, and loads that failed."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Network.loadingFailed")
        return [event["params"] for event in self.events if event["method"] in kinds]

    def requested(self) -> list[str]:
        """The URLs that the page asked for."""
        sent = [event["params"] for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [item["request"]["url"] for item in sent]

    def picture(self, file: Path) -> None:
        """Keep what is to be seen as a PNG."""
        file.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(20)
