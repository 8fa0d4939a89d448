"""Where a result comes from, what a file has led to, and the project that they lie in, as graphs.

    found = backward.trace(client, addresses.parse("threat-detect@master:/dev1/1511891098.json"))
    found.as_dict()["sources"]["picture"]

Pure: plain values from a python_pachyderm Client, for scripts, the command line and the widgets.
"""
