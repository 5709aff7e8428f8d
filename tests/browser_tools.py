"""Shared by the tests in a browser: headless Chromium, spoken to through its debugging pipe."""
import base64
import json
import os
import select
import shutil
import subprocess
import time

CHROMIUM = next(filter(None, map(shutil.which, (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)

QUIET = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")


class Browser:
    """Chromium with one page; what it asked for and what went wrong is kept.

    Parameters
    ----------
    folder : path, for its profile
    arguments : list of str, more for Chromium

    Attributes
    ----------
    requests : list of str, the addresses that were asked for
    faults : list of str, from the console, and exceptions that nobody caught
    """

    def __init__(self, folder, arguments=()):
        self.requests, self.faults, self._number, self._buffer = [], [], 0, b""
        theirs, self._out = os.pipe()
        self._in, answers = os.pipe()
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{theirs} 4>&{answers}', "chromium", CHROMIUM, *QUIET,
             "--remote-debugging-pipe", f"--user-data-dir={folder}", *arguments, "about:blank"],
            pass_fds=(theirs, answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)})
        os.close(theirs)
        os.close(answers)
        self._session = None
        target = next(one for one in self.call("Target.getTargets")["targetInfos"]
                      if one["type"] == "page")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target,
                                  flatten=True)["sessionId"]
        # the page's worker has a session of its own, whose requests and faults count as well
        self.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True,
                  flatten=True)
        for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method, session=None, **parameters):
        """The answer to a command of the Chrome DevTools Protocol."""
        number = self._send(method, session or self._session, parameters)
        while True:
            message = self._receive(120)
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self._note(message)

    def _send(self, method, session, parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        return self._number

    def _receive(self, seconds):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], seconds)
            assert ready, "Chromium does not answer"
            more = os.read(self._in, 1 << 20)
            assert more, "Chromium has ended"
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def _note(self, message):
        method, given = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.faults.append(json.dumps(given["exceptionDetails"])[:500])
        elif method == "Log.entryAdded" and given["entry"]["level"] == "error" or (
                method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning")):
            self.faults.append(json.dumps(given)[:500])
        elif method == "Target.attachedToTarget" and given["targetInfo"]["type"] == "worker":
            session = given["sessionId"]
            for command in ("Network.enable", "Runtime.enable", "Log.enable",
                            "Runtime.runIfWaitingForDebugger"):
                self._send(command, session, {})

    def evaluate(self, code):
        """The value of JavaScript, which may be a promise."""
        answer = self.call("Runtime.evaluate", expression=code, awaitPromise=True,
                           returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, code, seconds=240):
        """Wait until JavaScript is true; its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.evaluate(code)
            if value:
                return value
            time.sleep(0.1)
        raise AssertionError(f"never true: {code}\n{self.text()}\n{self.faults}")

    def text(self):
        return self.evaluate("document.body.innerText")

    def open(self, address, width=1280, height=900, mobile=False):
        """Show an address in a window of a size, px."""
        self.resize(width, height, mobile)
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def resize(self, width, height, mobile=False):
        """Make the window another one, px."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=mobile)

    def give(self, query, paths):
        """Choose files in an input element."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=query)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def press(self, key, code):
        """Press a key, like ("Tab", 9)."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                      **({"text": text} if text and kind == "keyDown" else {}))

    def screenshot(self, path):
        """Write a picture of the whole page."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"],
                               "scale": 1})
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def close(self):
        try:
            self.call("Browser.close")
        except (AssertionError, OSError):
            self._process.kill()
        self._process.wait(30)
        os.close(self._in)
        os.close(self._out)
