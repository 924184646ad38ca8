"""The editor as the service gives it: files kept for good where their names say so, and no script but its own may run."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request

from server.http.describe import FILE, description
from server.http.editor import STATIC, Editor
from tests.server.service import running

BUDGET = 1_500_000


def fetch(folder: Path, *paths: str) -> list[tuple[int, dict[str, str], bytes]]:
    """What a fresh service answers at these paths."""

    async def once() -> list[tuple[int, dict[str, str], bytes]]:
        found = []
        async with running(folder) as service:
            for path in paths:
                url = f"http://127.0.0.1:{service.port}{path}"
                async with service.session.get(url) as response:
                    found.append((response.status, dict(response.headers), await response.read()))
        return found

    return asyncio.run(once())


def test_the_page_loads_scripts_of_its_own_alone_and_is_never_stale(tmp_path: Path) -> None:
    ((status, headers, body),) = fetch(tmp_path, "/")
    assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "text/html; charset=utf-8", "no-cache")
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert b'<div id="root">' in body


def test_hashed_files_are_kept_for_good_and_sent_small(tmp_path: Path) -> None:
    script = next(STATIC.glob("assets/index-*.js"))
    ((status, headers, body),) = fetch(tmp_path, f"/assets/{script.name}")
    assert status == 200
    assert "immutable" in headers["Cache-Control"]
    assert (headers["Content-Encoding"], headers["Content-Type"]) == ("gzip", "text/javascript; charset=utf-8")
    assert body == script.read_bytes()  # the client has unpacked it


def test_what_is_kept_already_is_not_sent_again(tmp_path: Path) -> None:
    async def twice() -> tuple[int, bytes]:
        async with running(tmp_path) as service:
            url = f"http://127.0.0.1:{service.port}/"
            async with service.session.get(url) as first:
                tag = first.headers["ETag"]
            async with service.session.get(url, headers={"If-None-Match": tag}) as again:
                return again.status, await again.read()

    assert asyncio.run(twice()) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/assets/none.js", "/assets/..%2fbuild-info.json", "/assets/../../app.py", "/static/x"]
)
def test_nothing_else_is_there(tmp_path: Path, path: str) -> None:
    ((status, _, _),) = fetch(tmp_path, path)
    assert status == 404


def test_without_a_build_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    page = asyncio.run(Editor(tmp_path / "nothing").page(make_mocked_request("GET", "/")))
    assert isinstance(page.body, bytes)
    assert b"make web" in page.body


def test_what_is_committed_is_whole_and_small() -> None:
    files = [path for path in STATIC.glob("**/*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= BUDGET
    assert not [path for path in files if path.suffix == ".map"]
    assert re.fullmatch("[0-9a-f]{64}", json.loads((STATIC / "build-info.json").read_text())["sources"])
    page = (STATIC / "index.html").read_text()
    for name in re.findall(r'(?:src|href)="\./([^"]+)"', page):
        assert (STATIC / name).is_file()


def test_the_interface_that_the_editor_was_typed_by_is_this_one() -> None:
    assert FILE.read_text() == description(), "web/openapi.json is stale: make generated"
