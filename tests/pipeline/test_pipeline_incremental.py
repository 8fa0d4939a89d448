"""What a new picture, a changed notebook and changed rules cost in the five real stages.

The tests share one pachd and leave their pictures in it, so each compares with what it found.
"""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest
from pipeline_driver import (
    NETWORK,
    STAGES,
    SUCCESS,
    Site,
    before_result,
    counts,
    notebook,
    photograph,
)
from python_pachyderm.service import pps_proto

from tycokit import samples
from tycokit.vision.detectors.weights import find

PROCESSED, SKIPPED = pps_proto.DatumState.SUCCESS, pps_proto.DatumState.SKIPPED


def succeeded(site: Site, job: str) -> dict[str, Any]:
    jobs = site.jobs(job)
    assert {name: info.state for name, info in jobs.items()} == dict.fromkeys(jobs, SUCCESS)
    return jobs


def head(site: Site, repo: str) -> str:
    return str(site.client.inspect_branch(repo, "master").head.id)


def made_from(site: Site, repo: str, commit: str) -> dict[str, str]:
    """Every commit that a commit goes back to, by repo, its own included."""
    found: dict[str, str] = {}
    waiting = [(repo, commit)]
    while waiting:
        name, id_ = waiting.pop()
        if name not in found:
            (info,) = site.client.inspect_commit((name, id_))
            found[name] = info.commit.id
            waiting += [
                (each.branch.repo.name, each.id)
                for each in info.direct_provenance
                if each.branch.repo.type == "user"
            ]
        assert found[name] == id_  # one commit of a repo, whichever way one goes back
    return found


def test_a_new_picture_among_many_is_one_datum_in_each_stage(site: Site) -> None:
    job = site.put("images", {"/new_1511892000.jpg": photograph(person=True)})
    jobs = succeeded(site, job)
    assert list(jobs) == list(STAGES)
    for name, info in jobs.items():
        others = info.data_total - 1
        assert counts(info) == (1, others, 0), name
        # the plot shows all threats at once, so it is one datum however many there are
        assert others >= 4 or name == "plot"
    for name in STAGES[:4]:
        found = list(site.client.list_datum(name, job))
        (processed,) = [datum for datum in found if datum.state == PROCESSED]
        assert {datum.state for datum in found} == {PROCESSED, SKIPPED}
        paths = [file.file.path for file in processed.data]
        assert any("1511892000" in path for path in paths), paths
    assert site.paths("annotate", "/new/*.jpg", job) == ["/new/1511892000.jpg"]


def test_the_same_picture_again_costs_nothing(site: Site) -> None:
    picture = photograph(person=False)
    site.jobs(site.put("images", {"/again_1511892000.jpg": picture}))
    jobs = succeeded(site, site.put("images", {"/again_1511892000.jpg": picture}))
    assert {counts(info)[0] for info in jobs.values()} == {0}


def test_a_picture_that_is_deleted_takes_its_results_along(site: Site) -> None:
    path = "/gone_1511892000.jpg"
    job = site.put("images", {path: photograph(person=True)})
    assert succeeded(site, job)
    jobs = succeeded(site, site.put("images", {path: None}))
    assert {name: counts(info)[0] for name, info in jobs.items()} == {
        **dict.fromkeys(STAGES[:4], 0),
        "plot": 1,
    }
    for name in STAGES:
        assert not [found for found in site.paths(name, "/**") if "gone" in found]
    assert site.paths("annotate", "/gone/*.jpg", job)  # the older commit is as it was


def test_a_notebook_whose_results_stay_the_same_costs_its_own_stage_alone(site: Site) -> None:
    before = {path: site.read("model", path) for path in site.paths("model", "/*/*.json")}
    changed = notebook("model.ipynb", before_result("# nothing but a remark"))
    jobs = succeeded(site, site.put("notebooks", {"/model.ipynb": changed}))
    assert list(jobs) == list(STAGES)
    for name, info in jobs.items():
        expected = (info.data_total, 0, 0) if name == "model" else (0, info.data_total, 0)
        assert counts(info) == expected, name
    assert {path: site.read("model", path) for path in before} == before
    # but the executed notebooks are those of the new one
    executed = site.paths("model", "/*/*.ipynb")
    assert len(executed) == len(before)
    assert all(b"# nothing but a remark" in site.read("model", path) for path in executed)


def test_a_changed_validate_reprocesses_its_own_datums_and_what_differs_below(site: Site) -> None:
    succeeded(site, site.put("images", {"/watch_1511892000.jpg": photograph(person=True)}))
    valid = len(site.paths("validate", "/valid/*"))
    threats = len(site.paths("threat-detect", "/*/*.json"))
    refuse = 'check("user-device", not name.startswith("watch"), name, "another one")'
    changed = notebook("validate.ipynb", before_result(refuse))
    jobs = succeeded(site, site.put("notebooks", {"/validate.ipynb": changed}))
    total = len(site.paths("images", "/*"))
    assert {name: counts(info) for name, info in jobs.items()} == {
        "validate": (total, 0, 0),
        # the other pictures come out of validate as they did before: nothing to do again
        "model": (0, valid - 1, 0),
        "threat-detect": (0, valid - 1, 0),
        "annotate": (0, threats - 1, 0),
        "plot": (1, 0, 0),
    }
    report = site.json("validate", "/reports/watch_1511892000.jpg.json")
    assert report["reason"] == "user-device: watch_1511892000.jpg (asked: another one)"
    for name in STAGES[1:]:
        assert not site.paths(name, "/watch/*")


def test_a_changed_threat_detect_reprocesses_itself_and_what_follows(site: Site) -> None:
    def edit(cells: list[Any]) -> None:
        (cell,) = (cell for cell in cells if "path = results.write_json" in cell.source)
        cell.source = cell.source.replace(
            "    path = results", '    result["looked"] = "twice"\n    path = results'
        )

    jobs = succeeded(
        site, site.put("notebooks", {"/threat_detect.ipynb": notebook("threat_detect.ipynb", edit)})
    )
    for name in ("validate", "model"):
        assert counts(jobs[name]) == (0, jobs[name].data_total, 0)
    for name in ("threat-detect", "annotate", "plot"):
        assert counts(jobs[name]) == (jobs[name].data_total, 0, 0)
    threats = site.paths("threat-detect", "/*/*.json")
    assert threats
    assert all(site.json("threat-detect", path)["looked"] == "twice" for path in threats)


def test_changed_rules_reprocess_from_threat_detect_on(site: Site) -> None:
    heads = {name: head(site, name) for name in ("validate", "model")}
    rules = {**samples.rules(), "threat_classes": ["person", "umbrella", 7]}
    job = site.put("rules", {"/rules.json": json.dumps(rules).encode()})
    jobs = succeeded(site, job)
    # the stages before have nothing to do with rules: they get no job at all
    assert list(jobs) == ["threat-detect", "annotate", "plot"]
    assert {counts(info) == (info.data_total, 0, 0) for info in jobs.values()} == {True}
    assert {name: head(site, name) for name in heads} == heads
    found = {
        tuple(site.json("threat-detect", path)["rules"][0]["unsafe"])
        for path in site.paths("threat-detect", "/*/*.json")
    }
    assert found == {(1, 7, 28)}


def test_an_alert_leads_back_to_what_made_it(site: Site) -> None:
    picture = photograph(person=True)
    job = site.put("images", {"/trace_1511892000.jpg": picture})
    jobs = succeeded(site, job)
    assert {info.job.id for info in jobs.values()} == {job}
    assert {info.output_commit.id for info in jobs.values()} == {job}
    commits = [info.commit for info in site.client.wait_commit(job)]
    assert {each.repo.name for each in commits if each.id == job} == {"images", *STAGES}

    alert = site.json("threat-detect", "/trace/1511892000.json", job)
    origin = made_from(site, "threat-detect", job)
    assert origin.keys() == {
        "images",
        "weights",
        "rules",
        "notebooks",
        "validate",
        "model",
        "threat-detect",
    }
    assert {name for name, id_ in origin.items() if id_ == job} == {
        "images",
        "validate",
        "model",
        "threat-detect",
    }
    assert site.read("images", f"/{alert['picture']}", origin["images"]) == picture
    (network,) = (
        path
        for path in site.paths("weights", "/*", origin["weights"])
        if path.endswith(NETWORK.rpartition("/")[2])
    )
    used = site.json("model", "/trace/1511892000.json", origin["model"])["weights"]
    assert used["name"] == network.lstrip("/")
    kept = site.folder / "network"
    for path in site.paths("weights", "/*", origin["weights"]):
        kept.mkdir(exist_ok=True)
        (kept / path.lstrip("/")).write_bytes(site.read("weights", path, origin["weights"]))
    assert used["sha256"] == find(kept).digest()
    rules = site.json("rules", "/rules.json", origin["rules"])
    assert alert["rules"][0]["notify"] == [rules["to_email"]]

    # new rules make a new alert; the one before still leads to the rules that made it
    later = site.put(
        "rules", {"/rules.json": json.dumps({**rules, "to_email": "later@example.com"}).encode()}
    )
    succeeded(site, later)
    assert made_from(site, "threat-detect", job) == origin
    assert made_from(site, "threat-detect", later) == {
        **origin,
        "rules": later,
        "threat-detect": later,
    }
    mails = [
        site.json("threat-detect", "/trace/1511892000.json", id_)["rules"][0]["notify"][0]
        for id_ in (job, later)
    ]
    assert mails == [rules["to_email"], "later@example.com"]


@pytest.mark.parametrize(
    ("stage", "beside", "inputs", "given"),
    [
        (
            "validate",
            "/reports/*.json",
            {"picture"},
            {"least_width": 64, "least_height": 64, "least_contrast": 0.05},
        ),
        ("model", "/*/*.json", {"picture", "weights"}, {"threshold": 0.5}),
        ("threat-detect", "/*/*.json", {"detections", "rules"}, {}),
        ("annotate", "/*/*.jpg", {"threat", "picture"}, {}),
        ("plot", "/threats.png", {"threats"}, {}),
    ],
)
def test_each_result_has_its_executed_notebook_beside_it(
    site: Site, stage: str, beside: str, inputs: set[str], given: dict[str, Any]
) -> None:
    executed = set(site.paths(stage, "/**.ipynb"))
    results = [path.rpartition(".")[0] for path in site.paths(stage, beside)]
    assert results
    assert {f"{result}.ipynb" for result in results} <= executed
    # one a datum: also what is safe has one, and nothing is left of pictures that are gone
    assert len(executed) == next(site.client.list_job(stage)).data_total
    for result in results[:3]:
        found = nbformat.reads(site.read(stage, f"{result}.ipynb").decode(), as_version=4)
        nbformat.validate(found)
        code = [cell for cell in found.cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in code)
        (injected,) = (c for c in code if "injected-parameters" in c.metadata.get("tags", []))
        values: dict[str, Any] = {}
        exec(injected.source, values)
        del values["__builtins__"]
        assert values.keys() == {*inputs, "out", *given}
        assert {name: values[name] for name in given} == given
        assert values == dict(found.metadata.papermill.parameters)
        for name in inputs:
            assert f"/{name}" in values[name]
        assert any(cell.get("outputs") for cell in code)
