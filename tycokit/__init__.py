"""A Jupyter-centric toolkit around a home-security picture pipeline on Pachyderm."""

__version__ = "0.1.0"
