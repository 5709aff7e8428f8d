"""The page on this machine alone, for a browser that runs here."""
import contextlib
import http
import http.server
import shutil
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from facekp.errors import ConfigError

HOST = "127.0.0.1"

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
         ".json": "application/json", ".wasm": "application/wasm", ".jpg": "image/jpeg",
         ".svg": "image/svg+xml", ".md": "text/plain; charset=utf-8",
         ".txt": "text/plain; charset=utf-8", ".onnx": "application/octet-stream"}
"""What browsers must be told of a file; they run no module and no WebAssembly of another type."""


class Server(http.server.ThreadingHTTPServer):
    """Serves files at 127.0.0.1 until it is closed.

    Parameters
    ----------
    contents : dict of str -> Path or bytes, the files by their names in the address
    port : int, 0 for any that is free

    Attributes
    ----------
    address : str, which a browser opens

    Raises
    ------
    ConfigError
        If the port cannot be had.
    """

    daemon_threads = True

    def __init__(self, contents, port=0):
        self.contents = {"": contents["index.html"], **contents}
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise ConfigError(f"port {port}: cannot be used ({error.strerror}); name another one, "
                              "or 0 for any that is free") from None
        self.address = f"http://{HOST}:{self.server_address[1]}/"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with contextlib.suppress(ConnectionError):  # a browser that has heard enough
            content = self._begin()
            if isinstance(content, bytes):
                self.wfile.write(content)
            elif content is not None:
                with open(content, "rb") as file:
                    shutil.copyfileobj(file, self.wfile)

    def do_HEAD(self):
        self._begin()

    def _begin(self):
        """Send the head of the answer; the content that belongs to it, None if there is none."""
        name = unquote(urlsplit(self.path).path)[1:]
        content = self.server.contents.get(name)
        if content is None:
            self.send_error(http.HTTPStatus.NOT_FOUND)
            return None
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        self.send_response(http.HTTPStatus.OK)
        self.send_header("Content-Type", TYPES[PurePosixPath(name or "index.html").suffix])
        self.send_header("Content-Length", str(size))
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        return content

    def log_message(self, *_):
        """Nothing: the terminal is for what the user must know."""
