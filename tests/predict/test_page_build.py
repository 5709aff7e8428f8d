"""The page's files: what they are, where they come from, and how they are served."""
import argparse
import base64
import hashlib
import http.client
import io
import json
import os
import re
import tarfile
import threading
import urllib.error
import urllib.request

import pytest
from predict_tools import mean_net

from facekp.errors import ConfigError, EngineError, RunError
from facekp.keypoints import KEYPOINTS
from facekp.predict.page import build, command, runtime, serve


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that lets npm be a script, and the package's hash that of the content it packs."""
    def made(script, integrity=None):
        content = tmp_path / "content.tgz"
        with tarfile.open(content, "w:gz") as archive:
            for name in runtime.FILES:
                entry = tarfile.TarInfo(f"package/dist/{name}")
                entry.size = len(name)
                archive.addfile(entry, io.BytesIO(name.encode()))
        npm = tmp_path / "bin" / "npm"
        npm.parent.mkdir()
        npm.write_text(f"#!/bin/sh\n{script.format(content=content)}\n")
        npm.chmod(0o755)
        monkeypatch.setenv("PATH", f"{npm.parent}{os.pathsep}{os.environ['PATH']}")
        digest = base64.b64encode(hashlib.sha512(content.read_bytes()).digest()).decode()
        monkeypatch.setattr(runtime, "INTEGRITY", integrity or digest)
    return made


def test_npm_gets_the_pinned_package_once(package, tmp_path, monkeypatch):
    package('echo "$@" >> {content}.asked; cp {content} onnxruntime-web.tgz')
    for _ in range(2):
        kept = runtime.fetch(tmp_path / "runtime")
    assert {name: path.read_text() for name, path in kept.items()} == {
        name: name for name in runtime.FILES}
    assert (tmp_path / "content.tgz.asked").read_text() == (
        f"pack onnxruntime-web@{runtime.VERSION} --silent\n")
    assert sorted(path.name for path in (tmp_path / "runtime").iterdir()) == sorted(runtime.FILES)


def test_another_package_is_not_used(package, tmp_path):
    package("cp {content} onnxruntime-web.tgz", integrity="AAAA")
    with pytest.raises(ConfigError, match="expected AAAA"):
        runtime.fetch(tmp_path / "runtime")
    assert not (tmp_path / "runtime").exists()


def test_without_npm_or_its_answer_one_line_says_so(package, tmp_path, monkeypatch):
    package("echo 'network is unreachable' >&2; exit 1")
    with pytest.raises(EngineError, match="network is unreachable"):
        runtime.fetch(tmp_path / "runtime")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineError, match="npm is not installed") as caught:
        runtime.fetch(tmp_path / "runtime")
    assert "\n" not in str(caught.value)


@pytest.fixture
def no_runtime(tmp_path, monkeypatch):
    """Stand-ins for onnxruntime-web's files."""
    for name in runtime.FILES:
        (tmp_path / "kept").mkdir(exist_ok=True)
        (tmp_path / "kept" / name).write_bytes(name.encode())
    fetch = runtime.fetch
    monkeypatch.setattr(runtime, "fetch", lambda: fetch(tmp_path / "kept"))


def test_a_folder_with_everything_in_it(no_runtime, tmp_path, capsys):
    net = mean_net(tmp_path / "mean.onnx")
    assert command.write(tmp_path / "page", net) == 0
    written = {path.relative_to(tmp_path / "page").as_posix(): path
               for path in (tmp_path / "page").rglob("*") if path.is_file()}
    assert set(written) == set(build.contents())
    assert written["models/keypoints.onnx"].read_bytes() == net.read_bytes()
    size = sum(path.stat().st_size for path in written.values())
    assert f"{size / 1e6:.1f} MB" in capsys.readouterr().out
    settings = json.loads(written["settings.json"].read_text())
    assert settings["keypoints"] == list(KEYPOINTS) and len(settings["skeleton"]) == 10


def test_the_page_names_no_other_server(no_runtime):
    for name, content in build.contents().items():
        if name.endswith((".js", ".html", ".css", ".json")):
            text = content if isinstance(content, bytes) else content.read_bytes()
            found = set(re.findall(rb"[a-z]+://[a-z0-9.]*", text))
            assert found <= {b"https://"}, name  # in a sentence


def test_what_cannot_be_built_is_named(no_runtime, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="page: cannot be written .*; name another folder"):
        build.build(tmp_path / "file" / "page")
    with pytest.raises(ConfigError, match="nowhere.onnx"):
        build.build(tmp_path / "page", tmp_path / "nowhere.onnx")
    with pytest.raises(RunError, match="has no net.onnx"):
        build.build(tmp_path / "page", tmp_path)
    assert not (tmp_path / "page").exists()


@pytest.fixture
def server(no_runtime):
    with serve.Server(build.contents()) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def test_browsers_are_told_the_types_they_ask_for(server):
    types = {}
    for name, content in build.contents().items():
        with urllib.request.urlopen(server.address + name) as answer:
            types[name] = answer.headers["Content-Type"]
            body = answer.read()
        assert body == (content if isinstance(content, bytes) else content.read_bytes()), name
    assert types["runtime/ort-wasm-simd-threaded.wasm"] == "application/wasm"
    assert types["runtime/ort.wasm.min.mjs"].startswith("text/javascript")
    assert types["app.js"].startswith("text/javascript")
    with urllib.request.urlopen(server.address) as answer:
        assert answer.headers["Content-Type"].startswith("text/html")
        assert b"<!doctype html>" in answer.read()


@pytest.mark.parametrize("name", ["nothing.html", "../serve.py", "/etc/passwd", "%2e%2e/serve.py",
                                  "runtime/", "models"])
def test_nothing_but_the_page_is_served(server, name):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(server.address + name)


def test_it_is_served_to_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"
    connection = http.client.HTTPConnection(*server.server_address)
    connection.request("HEAD", "/?some=thing")
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read() == b"" and int(answer.headers["Content-Length"])
    connection.close()
    with pytest.raises(ConfigError, match="port %d: cannot be used" % server.server_address[1]):
        serve.Server(server.contents, server.server_address[1])


@pytest.mark.parametrize("port", ["-1", "65536", "http", ""])
def test_a_port_that_is_none(port, capsys):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["--port", port])
    assert f"found {port!r}" in capsys.readouterr().err
