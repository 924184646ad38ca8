"""Saved workflows: versions never change, writers do not overwrite each other unseen, files of other hands are kept."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.server.service import Answer, Service
from tests.server.test_jobs_api import PROMPT, do, work

URL = "/api/v1/workflows/mine/work"


async def ask(
    service: Service, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> Answer:
    url = f"http://127.0.0.1:{service.port}{path}"
    data = None if body is None else json.dumps(body)
    async with service.session.request(method, url, data=data, headers=headers) as response:
        return Answer(response.status, response.headers.get("ETag", ""), await response.read())


def value_of(answer: Answer) -> Any:  # noqa: ANN401 - JSON
    return answer.json["document"]["nodes"]["work"]["inputs"]["value"]


def test_each_save_is_a_version_and_any_can_be_restored(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        tags = []
        for value in (1, 2, 3):
            saved = await ask(service, "PUT", URL, work(value))
            assert (saved.status, saved.json["version"]) == (201 if value == 1 else 200, value)
            tags.append(saved.kind)
        assert len(set(tags)) == 3
        again = await ask(service, "PUT", URL, work(3))
        assert again.json["version"] == 3  # nothing new
        listed = (await ask(service, "GET", f"{URL}/versions")).json["versions"]
        assert [one["version"] for one in listed] == [3, 2, 1]
        assert value_of(await ask(service, "GET", f"{URL}/versions/1")) == 1
        assert (await ask(service, "POST", f"{URL}/versions/1/restore")).json["version"] == 4
        read = await ask(service, "GET", URL)
        assert (value_of(read), read.kind) == (1, tags[0])
        assert (await ask(service, "GET", URL, None, {"If-None-Match": tags[0]})).status == 304
        assert json.loads((tmp_path / "user/default/workflows/mine/work.json").read_text()) == work(1)

    do(tmp_path, act, workers=False)


def test_two_writers_do_not_overwrite_each_other_unseen(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        tag = (await ask(service, "PUT", URL, work(1), {"If-None-Match": "*"})).kind
        exists = await ask(service, "PUT", URL, work(1), {"If-None-Match": "*"})
        assert (exists.status, exists.json["code"]) == (412, "workflow_exists")
        answers = await asyncio.gather(*(ask(service, "PUT", URL, work(v), {"If-Match": tag}) for v in range(2, 12)))
        assert sorted(one.status for one in answers) == [200] + [412] * 9
        assert {one.json["code"] for one in answers if one.status == 412} == {"workflow_changed"}
        winner = next(index for index, one in enumerate(answers, 2) if one.status == 200)
        assert value_of(await ask(service, "GET", URL)) == winner

    do(tmp_path, act, workers=False)


def test_a_file_of_other_hands_is_current_and_not_lost(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        await ask(service, "PUT", URL, work(1))
        file = tmp_path / "user/default/workflows/mine/work.json"
        file.write_text(json.dumps(work(7)))
        read = await ask(service, "GET", URL)
        assert value_of(read) == 7
        assert (await ask(service, "PUT", URL, work(8), {"If-Match": read.kind})).json["version"] == 3
        assert value_of(await ask(service, "GET", f"{URL}/versions/2")) == 7
        file.write_text("no JSON at all")
        assert (await ask(service, "PUT", URL, work(9))).json["version"] == 5
        assert (await ask(service, "GET", f"{URL}/versions/4")).json["document"] == "no JSON at all"

    do(tmp_path, act, workers=False)


USERDATA = "/api/userdata/workflows%2Fmine%2Fwork.json"


def test_what_comfyui_clients_write_move_and_delete_is_kept_too(tmp_path: Path) -> None:
    async def texts(service: Service, url: str) -> list[object]:
        """What the versions hold, the oldest first; None is a deletion."""
        found = []
        for one in reversed((await ask(service, "GET", f"{url}/versions")).json["versions"]):
            version = await ask(service, "GET", f"{url}/versions/{one['version']}") if one["etag"] else None
            found.append(value_of(version) if version else None)
        return found

    async def act(service: Service) -> None:
        await ask(service, "PUT", URL, work(1))
        (tmp_path / "user/default/workflows/mine/work.json").write_text(json.dumps(work(2)))
        assert (await ask(service, "POST", USERDATA, work(3))).status == 200
        assert (await ask(service, "POST", f"{USERDATA}?overwrite=false", work(4))).status == 409
        assert (await ask(service, "GET", URL)).json["document"] == work(3)
        assert await texts(service, URL) == [1, 2, 3]
        other = "/api/v1/workflows/mine/other"
        await ask(service, "PUT", other, work(7))
        move = f"{USERDATA}/move/workflows%2Fmine%2Fother.json"
        assert (await ask(service, "POST", f"{move}?overwrite=false")).status == 409
        assert (await ask(service, "POST", move)).status == 200
        assert await texts(service, URL) == [1, 2, 3, None]
        assert await texts(service, other) == [7, 3]
        moved = "/api/userdata/workflows%2Fmine%2Fother.json"
        assert (await ask(service, "DELETE", moved)).status == 204
        assert (await ask(service, "DELETE", moved)).status == 404
        assert (await ask(service, "POST", f"{moved}/move/x.json")).status == 404
        assert await texts(service, other) == [7, 3, None]
        assert (await ask(service, "POST", "/api/userdata/workflows%2F.index.json", {"favourites": []})).status == 200

    do(tmp_path, act, workers=False)


def test_writers_of_both_apis_lose_nothing_of_each_other(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        ours = [ask(service, "PUT", URL, work(value)) for value in range(10)]
        theirs = [ask(service, "POST", USERDATA, work(value)) for value in range(10, 20)]
        answers = await asyncio.gather(*(one for pair in zip(ours, theirs, strict=True) for one in pair))
        assert {one.status for one in answers} <= {200, 201}
        listed = (await ask(service, "GET", f"{URL}/versions")).json["versions"]
        kept = [value_of(await ask(service, "GET", f"{URL}/versions/{one['version']}")) for one in listed]
        assert sorted(kept) == list(range(20))
        assert kept[0] == value_of(await ask(service, "GET", URL))

    do(tmp_path, act, workers=False)


def test_the_users_own_are_listed_apart_from_what_is_shipped(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        async def listed(query: str) -> list[str]:
            return [str(name) for name in (await ask(service, "GET", f"/api/v1/workflows{query}")).json]

        assert (await ask(service, "PUT", URL, work(5))).status == 201
        assert (await ask(service, "PUT", "/api/v1/workflows/inpaint", work(6))).status == 201
        everything, own, shipped = [await listed(query) for query in ("", "?whose=user", "?whose=shipped")]
        assert own == ["inpaint", "mine/work"]
        assert "text_to_image" in shipped
        assert "inpaint" not in shipped
        assert everything == sorted([*own, *shipped])
        refused = await ask(service, "GET", "/api/v1/workflows?whose=nobody")
        assert (refused.status, refused.json["code"]) == (400, "query")

    do(tmp_path, act, workers=False)


def test_among_very_many_each_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "user/default/workflows"
    folder.mkdir(parents=True)
    for number in range(2100):
        (folder / f"{number}.json").write_text("{}")

    async def act(service: Service) -> None:
        last = "/api/v1/workflows/zzz"
        assert (await ask(service, "PUT", last, work(5))).status == 201
        assert value_of(await ask(service, "GET", last)) == 5
        assert (await service.post(f"{last}/jobs", b"{}")).status == 202
        assert "zzz" in (await ask(service, "GET", "/api/v1/workflows")).json

    do(tmp_path, act, workers=False)


def test_a_deleted_workflow_can_be_had_back(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        await ask(service, "PUT", URL, PROMPT)
        assert (await ask(service, "DELETE", URL)).status == 200
        assert (await ask(service, "GET", URL)).status == 404
        assert (await ask(service, "DELETE", URL)).status == 404
        listed = (await ask(service, "GET", f"{URL}/versions")).json["versions"]
        assert [one["etag"] is None for one in listed] == [True, False]
        await ask(service, "POST", f"{URL}/versions/1/restore")
        assert (await service.post(f"{URL}/jobs", b"{}")).status == 202

    do(tmp_path, act, workers=False)


@pytest.mark.parametrize("text", ["no JSON: {", "", "[1, 2"])
def test_a_file_that_is_no_json_is_restored_as_it_was(tmp_path: Path, text: str) -> None:
    async def act(service: Service) -> None:
        file = "/userdata/workflows%2Fmine%2Fwork.json"
        assert (await service.post(file, text)).status == 200
        assert (await ask(service, "PUT", URL, PROMPT)).status == 200
        assert (await ask(service, "POST", f"{URL}/versions/1/restore")).status == 200
        assert (await service.get(file)).body.decode() == text

    do(tmp_path, act, workers=False)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (URL, {"format": "latentgraph/1"}, 422, "input_wrong"),
        (URL, 3, 422, "input_wrong"),
        ("/api/v1/workflows/..%2Fx", work(), 422, "workflow_name"),
        ("/api/v1/workflows/.hidden", work(), 422, "workflow_name"),
        ("/api/v1/workflows/a%00b", work(), 422, "workflow_name"),
        ("/api/v1/workflows/%20%20", work(), 422, "workflow_name"),
        ("/api/v1/workflows/mine/%C2%A0", work(), 422, "workflow_name"),
        ("/api/v1/workflows/mine%20/work", work(), 422, "workflow_name"),
        ("/api/v1/workflows/a%7Fb", work(), 422, "workflow_name"),
        ("/api/v1/workflows/a%C2%85b", work(), 422, "workflow_name"),
        ("/api/v1/workflows/" + "x" * 300, work(), 422, "workflow_name"),
        ("/api/v1/workflows/" + "%C3%BC" * 150, work(), 422, "workflow_name"),
        ("/api/v1/workflows/a/jobs", work(), 405, "method_not_allowed"),
    ],
)
def test_what_is_no_workflow_or_no_name_is_refused(
    tmp_path: Path, path: str, body: object, status: int, code: str
) -> None:
    async def act(service: Service) -> None:
        refused = await ask(service, "PUT", path, body)
        assert (refused.status, refused.json["code"]) == (status, code)
        for missing in (f"{URL}/versions", f"{URL}/versions/1", f"{URL}/versions/x"):
            assert (await ask(service, "GET", missing)).status == 404

    do(tmp_path, act, workers=False)


@pytest.mark.parametrize(("first", "second"), [("x.json/y", "x"), ("x", "x.json/y")])
def test_a_name_at_which_no_file_can_lie_gets_no_version(tmp_path: Path, first: str, second: str) -> None:
    async def act(service: Service) -> None:
        assert (await ask(service, "PUT", f"/api/v1/workflows/{first}", work(1))).status == 201
        refused = await ask(service, "PUT", f"/api/v1/workflows/{second}", work(2))
        assert (refused.status, refused.json["code"]) == (422, "workflow_name")
        assert (await ask(service, "GET", f"/api/v1/workflows/{second}/versions")).status == 404
        assert value_of(await ask(service, "GET", f"/api/v1/workflows/{first}")) == 1

    do(tmp_path, act, workers=False)
