"""A call of each widget on the finished project, as one would write it in a cell."""

from __future__ import annotations

CALLS = {
    "provenance": "tk.provenance(client=client)",
    "trace": 'tk.trace("threat-detect@master:/cam0/1511891000.json", client=client)',
    "commits": 'tk.commits("images", client=client)',
    "logs": 'tk.logs("model", client=client)',
    "parallelism": 'tk.parallelism("model", client=client)',
    "jobs": "tk.jobs(client=client)",
    "datums": 'tk.datums("model", client=client)',
    "gallery": 'tk.gallery("model", client=client)',
    "resources": "tk.resources(client=client)",
    "rules": "tk.rules(client=client)",
    "run": 'tk.run("threat_detect.ipynb", client=client)',
    "dashboard": "tk.dashboard(client=client)",
}
