"""Buttons that open a chapter on Binder, Colab or a JupyterHub.

They are on the page only if the public address of this repository is known, so
that no button is dead.
"""

import os
import re
import subprocess
from urllib.parse import quote, urlencode

from sphinx.errors import ConfigError

BRANCH = "main"
# Notebooks with a first cell that installs the packages; see .github/workflows.
COLAB_BRANCH = "colab"


def public_address(environ, remote_url=""):
    """Return the https address of the public repository, or None.

    Args:
        environ: a mapping such as `os.environ`. MADE_TO_MEASURE_REPOSITORY is
            an address, or empty for "none"; GitHub's own variables come next.
        remote_url: what git says of the remote; counts if it is on GitHub or
            GitLab.
    """
    named = environ.get("MADE_TO_MEASURE_REPOSITORY")
    if named is not None:
        address = https_address(named, r"[\w.-]+")
        if named.strip() and not address:
            raise ConfigError(
                "MADE_TO_MEASURE_REPOSITORY must be the address of a "
                "repository, such as https://github.com/owner/name. "
                f"Received: {named!r}"
            )
        return address
    server = environ.get("GITHUB_SERVER_URL")
    repository = environ.get("GITHUB_REPOSITORY")
    if server and repository:
        return f"{server.rstrip('/')}/{repository}"
    return https_address(remote_url, r"github\.com|gitlab\.com")


def https_address(address, hosts):
    """Return what git takes for an address as an https address, or None."""
    match = re.fullmatch(
        rf"(?:https?://(?:[^/@]*@)?|ssh://git@|git@)({hosts})"
        r"[/:]([^/]+/.+?)(?:\.git)?/?",
        address.strip(),
    )
    return f"https://{match[1]}/{match[2]}" if match else None


def launch_links(repository, path, jupyterhub=None):
    """Return (name, address) pairs that open a notebook of a repository.

    Args:
        repository: its https address.
        path: the notebook's path in it.
        jupyterhub: the address of a hub with nbgitpuller, if there is one.
    """
    host, name = re.fullmatch(r"https?://([^/]+)/(.+)", repository).groups()
    folder = name.rsplit("/", 1)[-1]
    if host == "github.com":
        source = f"gh/{name}"
    elif host == "gitlab.com":
        source = f"gl/{quote(name, safe='')}"
    else:
        source = f"git/{quote(repository, safe='')}"
    lab = quote(f"lab/tree/{path}")
    links = [
        ("Binder", f"https://mybinder.org/v2/{source}/{BRANCH}?urlpath={lab}")
    ]
    if host == "github.com":
        links.append(
            (
                "Colab",
                "https://colab.research.google.com/github/"
                f"{name}/blob/{COLAB_BRANCH}/{quote(path)}",
            )
        )
    if jupyterhub:
        query = urlencode(
            {
                "repo": repository,
                "branch": BRANCH,
                "urlpath": f"lab/tree/{folder}/{path}",
            }
        )
        hub = jupyterhub.rstrip("/")
        links.append(
            ("JupyterHub", f"{hub}/hub/user-redirect/git-pull?{query}")
        )
    return links


def git_remote(folder):
    """Return the address of the remote called origin, empty without one."""
    try:
        git = subprocess.run(
            ["git", "-C", folder, "remote", "get-url", "origin"],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return git.stdout.strip()


def find_repository(app):
    """Look up once where the repository is."""
    app.made_to_measure_repository = public_address(
        os.environ, git_remote(app.srcdir)
    )


def add_buttons(app, pagename, templatename, context, doctree):
    """Add the group of buttons to the page of a notebook."""
    repository = app.made_to_measure_repository
    if not repository or context.get("page_source_suffix") != ".ipynb":
        return
    links = launch_links(
        repository,
        f"{pagename}.ipynb",
        os.environ.get("MADE_TO_MEASURE_JUPYTERHUB"),
    )
    context["header_buttons"].insert(
        0,
        {
            "type": "group",
            "tooltip": "Run this chapter",
            "icon": "fas fa-rocket",
            "label": "launch-buttons",
            "buttons": [
                {"type": "link", "text": name, "url": url}
                for name, url in links
            ],
        },
    )


def setup(app):
    app.connect("builder-inited", find_repository)
    # After the theme, which adds its buttons at 501.
    app.connect("html-page-context", add_buttons, priority=502)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
