"""Traces through the toolkit's own stages: parameters, executed notebooks, boxes."""

from __future__ import annotations

import json

import nbformat
import pytest
from pipeline_driver import SUCCESS, Site, code, counts, notebook

from tycokit.errors import TraceError
from tycokit.lineage import backward, forward
from tycokit.lineage.tracing import Trace
from tycokit.repos.addresses import Address

THREAT = "/cam0/1511891000.json"
PICTURE = "/cam0_1511891000.jpg"


def back(site: Site, path: str = THREAT, repo: str = "threat-detect", **more: int) -> Trace:
    return backward.trace(site.client, Address(repo, path=path), **more)


def heads(site: Site, *repos: str) -> dict[str, str]:
    return {repo: str(site.client.inspect_branch(repo, "master").head.id) for repo in repos}


def test_an_alert_leads_back_to_picture_weights_rules_notebooks_and_parameters(site: Site) -> None:
    told = back(site).as_dict()
    head = heads(site, "images", "weights", "rules", "notebooks")
    sources = {
        name: [(each["repo"], each["commit"], each["path"]) for each in files]
        for name, files in told["sources"].items()
    }
    assert sources == {
        "picture": [("images", head["images"], PICTURE)],
        "weights": [("weights", head["weights"], "/")],
        "rules": [("rules", head["rules"], "/")],
        "notebook": [
            ("notebooks", head["notebooks"], f"/{name}.ipynb")
            for name in ("threat_detect", "model", "validate")
        ],
    }
    by_pipeline = {each["pipeline"]: each for each in told["datums"]}
    assert list(by_pipeline) == ["threat-detect", "model", "validate"]
    parameters = {name: each["parameters"] for name, each in by_pipeline.items()}
    assert parameters["model"]["threshold"] == 0.5
    assert parameters["model"]["picture"].endswith(f"/picture/valid{PICTURE}")
    assert parameters["validate"]["least_width"] == 64
    for name, each in by_pipeline.items():
        executed = each["executed_notebook"]
        read = site.read(executed["repo"], executed["path"], executed["commit"])
        ran = nbformat.reads(read.decode(), as_version=4)
        assert ran.metadata.papermill.parameters == each["parameters"]
        source = each["notebook"]
        assert source["path"] == f"/{name.replace('-', '_')}.ipynb"
        assert source["hash"]
    assert by_pipeline["validate"]["executed_notebook"]["path"] == f"/reports{PICTURE}.ipynb"


def test_a_changed_notebook_changes_only_the_trace_of_its_own_stage(site: Site) -> None:
    before = back(site)
    old_result = before.start.at
    threshold = notebook("threat_detect.ipynb", lambda cells: cells.append(code("print('v2')")))
    job = site.put("notebooks", {"/threat_detect.ipynb": threshold})
    ran = site.jobs(job)
    assert {info.state for info in ran.values()} == {SUCCESS}
    assert counts(ran["model"]) == (0, 12, 0)
    after = back(site)
    jobs = [
        {attempt.pipeline: attempt.job for attempt in trace.attempts.values()}
        for trace in (before, after)
    ]
    assert jobs[1] == {**jobs[0], "threat-detect": job}
    assert [file.at.commit for file in after.sources["notebook"]] == [
        job,
        *(file.at.commit for file in before.sources["notebook"][1:]),
    ]
    assert "v2" in site.read("threat-detect", THREAT.replace(".json", ".ipynb"), job).decode()
    # the former result is still there, and still knows the notebook that made it
    assert backward.trace(site.client, old_result).as_dict() == {
        **before.as_dict(),
        "asked": str(old_result),
    }


def test_a_drawn_box_is_found_in_the_threat_and_in_the_detections(site: Site) -> None:
    drawn = back(site, THREAT.replace(".json", ".jpg"), "annotate", box=0)
    box = drawn.box
    assert box is not None
    seen = site.json("threat-detect", THREAT)
    assert box.object == seen["objects"][0]
    places = {address.split("@")[0]: number for address, number in box.places.items()}
    model = site.json("model", THREAT)
    assert places == {"threat-detect": 0, "model": model["objects"].index(box.object)}
    assert [rule["id"] for rule in box.rules] == [
        rule["id"] for rule in seen["rules"] if 0 in rule["objects"]
    ]
    assert json.loads(json.dumps(drawn.as_dict()))["box"]["object"] == box.object
    with pytest.raises(TraceError, match="there is no object 99"):
        back(site, box=99)
    with pytest.raises(TraceError, match="tells of objects"):
        back(site, PICTURE, "images", box=0)


def test_the_plot_leads_back_to_each_threat_and_its_picture(site: Site) -> None:
    found = back(site, "/threats.png", "plot")
    threats = {f"/cam{number % 4}_15118910{number:02}.jpg" for number in (0, 3, 6, 9)}
    assert {file.at.path for file in found.sources["picture"]} == threats
    assert not found.more


def test_a_picture_leads_forward_to_its_detections_alert_and_drawing(site: Site) -> None:
    found = forward.trace(site.client, Address("images", path=PICTURE))
    current = {(file.at.repo, file.at.path) for file in found.results if file.key in found.current}
    assert current == {
        ("validate", f"/valid{PICTURE}"),
        ("validate", f"/reports{PICTURE}.json"),
        ("model", THREAT),
        ("threat-detect", THREAT),
        ("annotate", THREAT.replace(".json", ".jpg")),
        ("plot", "/threats.png"),
    }
    told = found.as_dict()
    assert all(each["executed_notebook"] for each in told["datums"])
