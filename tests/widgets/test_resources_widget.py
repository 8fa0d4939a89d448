"""tk.resources in a real Lab: what this machine's workers take, and what a cluster's pods do."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from gates import Gates, pipeline
from kubernetes_api import DROP, ID, Kubernetes, pod_of, recorded_watch
from lab_driver import Lab, Notebook, connect, expect
from pipeline_driver import Site
from playwright.sync_api import Locator
from python_pachyderm import Client

from tycokit.pachd import server
from tycokit.pachd.rpc import cluster


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, gates: Gates) -> Iterator[Site]:
    """`busy` works on a datum until its gate opens, `bad` has failed."""
    made = Site(tmp_path_factory.mktemp("site"))
    made.client.create_repo("letters")
    made.put("letters", {"/a": b"1"})
    pipeline(made, "bad", "letters", "exit 3")
    made.job("bad", next(made.client.list_job("bad")).job.id)
    pipeline(made, "busy", "letters", *gates.lines)
    yield made
    made.pachd.stop()


@pytest.fixture(scope="module")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubernetes]:
    made = Kubernetes(tmp_path_factory.mktemp("kubernetes"))
    made.replay()
    yield made
    made.close()


@pytest.fixture(scope="module")
def in_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Of a pachd that tells what one in that cluster tells: the cluster's id, and no cores."""

    class Servicer(cluster.AdminServicer):
        def __init__(self, *_: object) -> None:
            super().__init__(ID, 0)

    made = server.Pachd(tmp_path_factory.mktemp("pachd"), 0, None, dict(os.environ))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "AdminServicer", Servicer)
        port = made.start()
    yield Client("127.0.0.1", port)
    made.stop()


@pytest.fixture(scope="module")
def notebook(
    lab: Lab, site: Site, kubernetes: Kubernetes, in_cluster: Client
) -> Iterator[Notebook]:
    at = str(kubernetes.kubeconfig)
    with lab.opened(
        connect(site.client),
        "here = tk.resources(client=client)\nhere",
        f"import os\nos.environ['KUBECONFIG'] = {at!r}\n{connect(in_cluster)}",
        "there = tk.resources(client=client)\nthere",
        name="resources",
    ) as opened:
        yield opened


def row(widget: Locator, group: str) -> Locator:
    button = widget.page.get_by_role("button", name=group, exact=True)
    return widget.get_by_role("row").filter(has=button)


def test_a_pipeline_shows_its_pods_and_what_they_take_over_time(notebook: Notebook) -> None:
    here = notebook.widget(1)
    expect(here.get_by_text("this machine")).to_be_visible()
    busy = row(here, "busy")
    expect(busy).to_contain_text("1/1 ✔ Running")
    expect(busy.get_by_role("cell", name=re.compile(r"^\d\.\d\d$"))).to_be_visible()
    curve = busy.get_by_role("img", name=re.compile(r"memory of busy in .*B now, .*B at most"))
    expect(curve).to_be_visible()
    expect(row(here, "bad")).to_contain_text("no pod now")
    expect(row(here, "pachd")).to_contain_text("1/1 ✔ Running")
    expect(here.get_by_role("img", name=re.compile("^memory: .* of "))).to_be_visible()
    expect(here.get_by_role("img", name=re.compile("^space: .* of ")).first).to_be_visible()


def test_its_pods_are_opened_by_keys(notebook: Notebook, site: Site) -> None:
    here = notebook.widget(1)
    button = here.get_by_role("button", name="busy", exact=True)
    expect(button).to_have_attribute("aria-expanded", "false")
    button.focus()
    button.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    (info,) = site.client.inspect_job(
        next(site.client.list_job("busy")).job.id, "busy", details=True
    )
    (status,) = info.details.worker_status
    expect(here.get_by_role("cell", name=status.worker_id, exact=True)).to_be_visible()
    button.press("Enter")
    expect(here.get_by_role("cell", name=status.worker_id, exact=True)).to_be_hidden()


def test_what_is_wrong_is_told_when_it_is_asked(notebook: Notebook, site: Site) -> None:
    here = notebook.widget(1)
    here.get_by_role("button", name="What is wrong?").click()
    found = here.get_by_role("region", name="what is wrong")
    job = next(site.client.list_job("bad")).job.id
    expect(found).to_contain_text(f"✖ wrong job bad@{job} failure")
    expect(found).to_contain_text(f"→ `tycokit logs bad@{job}`")


def test_a_clusters_pods_are_followed_as_they_change(
    notebook: Notebook, kubernetes: Kubernetes
) -> None:
    there = notebook.widget(3)
    expect(there.get_by_text("the namespace pachyderm of Kubernetes")).to_be_visible()
    validate = row(there, "validate")
    expect(validate).to_contain_text("0/1 ✖ CrashLoopBackOff")
    expect(validate).to_contain_text("▲ 6")
    model = row(there, "model")
    expect(model).to_contain_text("0.19")
    expect(there.get_by_text("DiskPressure: kubelet has disk pressure")).to_be_visible()
    there.get_by_role("button", name="alert", exact=True).click()
    expect(there.get_by_text("0/2 nodes are available: 1 Insufficient cpu")).to_be_visible()

    expect(model).to_contain_text("2/2 ✔ Running")
    kubernetes.watches.put([*recorded_watch("watch"), DROP])
    expect(model).to_contain_text("3/3 ✔ Running")
    kubernetes.watches.put(recorded_watch("watch-resumed"))
    expect(model).to_contain_text("2/2 ✔ Running")

    pod = pod_of("validate")
    for status in pod["status"]["containerStatuses"]:
        status |= {"state": {"running": {}}, "ready": True}
    kubernetes.watches.put([{"type": "MODIFIED", "object": pod}])
    expect(validate).to_contain_text("1/1 ✔ Running")


def test_a_cluster_that_is_away_is_told_and_comes_back(
    notebook: Notebook, kubernetes: Kubernetes
) -> None:
    lost = notebook.widget(3).locator(".tycokit-lost")
    expect(lost).to_be_hidden()
    kubernetes.refuse(*[401] * 6)
    expect(lost).to_contain_text("Kubernetes refuses: 401")
    expect(lost).to_be_hidden()


def test_it_is_readable_in_the_dark_and_after_the_kernel(notebook: Notebook, gates: Gates) -> None:
    notebook.theme("dark")
    here = notebook.widget(1)
    ground, text = (
        here.evaluate(f"(el) => getComputedStyle(el).{name}")
        for name in ("backgroundColor", "color")
    )
    assert sum(map(int, re.findall(r"\d+", ground)[:3])) < 200
    assert sum(map(int, re.findall(r"\d+", text)[:3])) > 500
    notebook.theme("light")
    saved = notebook.save()
    html = "".join(
        output.data["text/html"]
        for output in (*saved.cells[1].outputs, *saved.cells[3].outputs)
        if "text/html" in output.get("data", {})
    )
    assert 'alt="memory of busy over time"' in html
    assert "✖ CrashLoopBackOff" in html
    gates.open()
