"""What lists call a job: as its workflow is called, or as it was submitted; a line of letters, whatever it was called."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.service import Service
from tests.server.test_jobs_api import do, submit, work


@pytest.mark.parametrize(
    ("called", "given", "name"),
    [
        (None, {}, None),
        ("a fox", {}, "a fox"),
        ("a fox", {"name": "mine"}, "mine"),
        (" two\nlines \x07", {}, "two lines"),
        ("x" * 300, {}, "x" * 200),
        ("a fox", {"name": "x" * 300}, "x" * 200),
        ("می\u200cخواهم 👩\u200d🎨", {}, "می\u200cخواهم 👩\u200d🎨"),
        ("fox\u202egnp.exe\u2066 \u2028owl", {}, "fox gnp.exe owl"),
    ],
)
def test_a_job_has_the_name_of_its_workflow(
    tmp_path: Path, called: str | None, given: dict[str, str], name: str | None
) -> None:
    async def act(service: Service) -> None:
        workflow = work() | ({"name": called} if called else {})
        job = await submit(service, workflow, "?wait=60", **given)
        again = (await service.post(f"/api/v1/jobs/{job['id']}/retry", "{}")).json
        assert (job["name"], again["name"]) == (name, name)
        assert {one["name"] for one in (await service.get("/api/v1/jobs")).json["jobs"]} == {name}

    do(tmp_path, act)
